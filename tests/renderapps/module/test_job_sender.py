"""The thread that tells how a run stands never troubles the run."""

import http.server
import threading
import time

import pytest
from waiting import wait_until

from renderapi.jobs import get_job, get_jobs
from renderapps.module import job_sender
from renderapps.module.job import Job
from renderapps.module.job_log import LogTail
from renderapps.module.job_sender import Sender


def new_job():
    return Job({"module": "m"}, str, LogTail())


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers every PUT with the next status; counts them."""

    statuses: list = []
    asked = 0

    def do_PUT(self):
        type(self).asked += 1
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A server whose statuses a test chooses; the pauses between requests are short."""
    monkeypatch.setattr(job_sender, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(job_sender, "LEAST_SECONDS", 0.02)
    monkeypatch.setattr(job_sender, "SHARE", 10.0)
    monkeypatch.setattr(Answering, "statuses", [])
    monkeypatch.setattr(Answering, "asked", 0)
    made = http.server.HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("status", [404, 405, 403, 401, 302])
def test_a_service_that_refuses_is_not_asked_again(server, status):
    Answering.statuses = [status]
    job = new_job()
    sender = Sender(job, "http://127.0.0.1", server.server_port)
    sender.start()
    wait_until(lambda: not sender.is_alive() or Answering.asked > 1)
    job.advance("more", 1, 2)
    sender.finish()
    assert Answering.asked == 1


def test_a_service_that_is_busy_is_asked_again_later(server):
    Answering.statuses = [503, 503]
    job = new_job()
    sender = Sender(job, "http://127.0.0.1", server.server_port)
    sender.start()
    wait_until(lambda: Answering.asked >= 3)
    wait_until(lambda: sender._pause == 0.02)  # it was longer after failures
    job.end("complete", summary="done")
    sender.finish()
    assert not sender.is_alive() and Answering.asked == 4


def test_without_news_only_signs_of_life_are_sent(server, monkeypatch):
    job = new_job()
    sender = Sender(job, "http://127.0.0.1", server.server_port)
    sender.start()
    wait_until(lambda: Answering.asked == 1)
    time.sleep(0.2)
    assert Answering.asked == 1
    monkeypatch.setattr(job_sender, "SIGN_OF_LIFE_SECONDS", 0.05)
    wait_until(lambda: Answering.asked >= 3)
    sender.finish()


def test_nobody_there_is_no_matter():
    job = new_job()
    sender = Sender(job, "http://127.0.0.1", 1)
    sender.start()
    job.end("complete", summary="")
    sender.finish()
    assert not sender.is_alive()


def test_a_service_that_never_answers_holds_nobody_up(monkeypatch):
    import socket

    monkeypatch.setattr(job_sender, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(job_sender, "END_SECONDS", 0.05)
    monkeypatch.setattr(job_sender, "TIMEOUT", (50, 50))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sender = Sender(new_job(), "http://127.0.0.1", silent.getsockname()[1])
        sender.start()
        sender.finish()
        assert sender.is_alive()  # the run goes on without it
    sender.join(60)
    assert not sender.is_alive()


def test_a_store_is_not_made_for_it(tmp_path, render):
    job = new_job()
    sender = Sender(job, render.DEFAULT_HOST, None)
    sender.start()
    sender.finish()
    assert list(tmp_path.iterdir()) == [] and get_jobs(render=render) == []


def test_the_end_is_told_even_of_the_shortest_run(tmp_path, render):
    from renderapi.stack import create_stack

    create_stack("s", render=render)
    job = new_job()
    sender = Sender(job, render.DEFAULT_HOST, None)
    sender.start()
    job.end("complete", summary="done")
    sender.finish()
    found = get_job(job.id, render=render)
    assert (found["state"], found["summary"]) == ("complete", "done")
