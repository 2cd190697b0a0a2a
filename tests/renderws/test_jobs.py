"""What the service tells of runs of modules, and who may say and forget it."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

import orjson
import pytest
import requests

import renderapi
from renderapi.jobs import get_job, get_jobs, put_job
from renderapi.processes import process
from renderws.jobs import LONGEST_TEXT, MOST_ENTRIES, entry_of, shown
from renderws.routes.answers import HttpError
from renderws.store.protocol import JobRecord

SAID = {"module": "m", "state": "running", "elapsed": 4.0, "silence": 60.0}
NOW = 1_700_000_000_000


def told(said, silent=0.0, detailed=True):
    """What is told of a run that said something, so many seconds ago, 10 s after its start."""
    entry = entry_of(orjson.dumps(said), said.get("parameters"))
    seen = NOW - int(1000 * silent)
    details = entry.details if detailed else b""
    record = JobRecord(
        "a", entry.owner, entry.project, seen - 10_000, seen, entry.document, details
    )
    return shown(record, NOW)


def test_a_run_that_is_silent_for_too_long_is_lost():
    assert told(SAID, silent=59)["state"] == "running"
    lost = told(SAID, silent=61)
    assert (lost["state"], lost["duration"], lost["seen"]) == (
        "lost",
        4.0,
        "2023-11-14T22:12:19.000Z",
    )
    assert told(SAID | {"state": "failed"}, silent=1e6)["state"] == "failed"


def test_a_run_whose_process_is_no_more_was_killed():
    assert told(SAID | {"process": process()})["state"] == "running"
    assert told(SAID | {"process": process() | {"started": "0"}})["state"] == "killed"
    elsewhere = process() | {"machine": "elsewhere", "started": "0"}
    assert told(SAID | {"process": elsewhere})["state"] == "running"


def test_durations_go_on_while_a_run_does():
    assert told(SAID, silent=5)["duration"] == 15.0
    assert told(SAID | {"state": "complete"}, silent=5)["duration"] == 4.0


def test_lists_are_spared_the_details():
    said = SAID | {"log": ["x"], "parameters": {"a": [None, 1]}, "steps": [], "process": {"pid": 8}}
    found = told(said)
    assert (found["log"], found["parameters"], found["pid"]) == (["x"], {"a": [None, 1]}, 8)
    assert not {"log", "parameters", "steps", "pid", "process"} & told(said, detailed=False).keys()


def test_texts_and_lists_are_cut():
    log = [f"{n} {'x' * 2000}" for n in range(150)]
    found = told(SAID | {"log": log, "error": "e" * 5000, "unknown": 1})
    assert len(found["error"]) == LONGEST_TEXT and found["error"].endswith("e…")
    assert len(found["log"]) == MOST_ENTRIES and found["log"][0].startswith("50 ")
    assert "unknown" not in found


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": None},
        {"module": ""},
        {"silence": 1e9},
        {"elapsed": "x"},
        {"owner": "a b"},
        {"project": "../.."},
        {"process": {"pid": -5}},
        {"process": {"pid": 2**40}},
        {"parameters": "text"},
        {"outputs": {"kind": "stack"}},
    ],
)
def test_nonsense_is_refused(wrong):
    said = SAID | wrong
    with pytest.raises(HttpError) as refused:
        entry_of(orjson.dumps(said), said.get("parameters"))
    assert refused.value.status == 400


def test_a_run_waits_for_no_change_of_the_store(tmp_path):
    render = renderapi.connect(host="local", store=tmp_path / "render.db", owner="o", project="p")
    renderapi.stack.create_stack("s", render=render)
    with closing(sqlite3.connect(tmp_path / "render.db")) as foreign:
        foreign.execute("BEGIN IMMEDIATE")  # as a long import of another process has it
        put_job("a", SAID, render=render)
        assert get_job("a", render=render)["state"] == "running"
        foreign.execute("ROLLBACK")


def test_the_list_is_a_file_beside_the_store_that_may_be_deleted(tmp_path):
    store = tmp_path / "render.db"
    render = renderapi.connect(host="local", store=store, owner="o", project="p")
    assert get_jobs(render=render) == [] and list(tmp_path.iterdir()) == []
    put_job("a", SAID, render=render)
    beside = tmp_path / "render.db-jobs"
    assert beside.exists()
    for path in tmp_path.glob("render.db-jobs*"):
        path.unlink()
    assert get_jobs(render=render) == []
    put_job("b", SAID, render=render)
    assert [run["id"] for run in get_jobs(render=render)] == ["b"]


def test_a_list_that_makes_no_sense_says_what_to_do(tmp_path):
    render = renderapi.connect(host="local", store=tmp_path / "render.db", owner="o", project="p")
    (tmp_path / "render.db-jobs").write_bytes(b"no database" * 1000)
    with pytest.raises(renderapi.errors.RequestError, match=r"render\.db-jobs.*delete it"):
        put_job("a", SAID, render=render)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    os.replace(tmp_path / "other.db", tmp_path / "render.db-jobs")
    with pytest.raises(renderapi.errors.RequestError, match="another program"):
        get_jobs(render=render)
    renderapi.stack.create_stack("s", render=render)  # the store itself does not mind


def test_a_report_is_shown_where_the_service_may_read_it(tmp_path, serve_process):
    folder = tmp_path / "served"
    folder.mkdir()
    report = {"module": "m", "status": "complete", "versions": {}, "stacks": [1]}
    server = serve_process(folder)

    def answer(path, content):
        if content is not None:
            path.write_text(content)
        said = SAID | {"report": str(path), "state": "complete"}
        requests.put(f"{server.base}/render-ws/v1/jobs/a", json=said, timeout=60)
        found = requests.get(f"{server.base}/render-ws/v1/jobs/a/report", timeout=60)
        return found.status_code, found.text

    text = orjson.dumps(report).decode()
    assert answer(folder / "r.json", text) == (200, text)
    outside = answer(tmp_path / "r.json", text)
    assert outside[0] == 400 and "not below an image root" in outside[1]
    (folder / "link.json").symlink_to(tmp_path / "r.json")
    assert answer(folder / "link.json", None)[0] == 400
    for content in ("{}", "no JSON", orjson.dumps(report | {"module": "x"}).decode()):
        assert answer(folder / "r.json", content)[0] == 404
    os.mkfifo(folder / "pipe.json")
    assert answer(folder / "pipe.json", None)[0] == answer(folder / "none.json", None)[0] == 404
    assert requests.get(f"{server.base}/render-ws/v1/jobs/b/report", timeout=60).status_code == 404


def test_saying_and_forgetting_need_the_token_and_respect_read_only(tmp_path, serve_process):
    server = serve_process(tmp_path, "--token", "s3cret")
    run = f"{server.base}/render-ws/v1/jobs/a"
    secret = {"Authorization": "Bearer s3cret"}
    assert requests.put(run, json=SAID, timeout=60).status_code == 401
    assert requests.put(run, json=SAID, timeout=60, headers=secret).status_code == 200
    assert requests.get(run, timeout=60).status_code == 401
    assert requests.delete(run, timeout=60).status_code == 401
    foreign = secret | {"Origin": "http://evil.example"}
    assert requests.delete(run, timeout=60, headers=foreign).status_code == 403
    server.end()
    server = serve_process(tmp_path, "--read-only")
    run = f"{server.base}/render-ws/v1/jobs/a"
    assert requests.put(run, json=SAID, timeout=60).status_code == 403
    assert requests.delete(run, timeout=60).status_code == 403
    found = requests.get(run, timeout=60).json()
    assert found["module"] == "m"
    assert time.time() - 60 < _seconds(found["seen"]) < time.time() + 60


def _seconds(stamp):
    from datetime import datetime

    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()
