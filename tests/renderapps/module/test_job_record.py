"""Runs of modules as others see them: from start to end, whichever end it is."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import slow_module
from layered_stacks import layers
from server_process import ServerProcess
from slow_module import SlowCount
from waiting import wait_until

import renderapi
from renderapi.jobs import get_job, get_jobs
from renderapps.module import RenderModuleException
from renderapps.module.job_record import SWITCH
from renderapps.stack.set_stack_levels import SetStackLevels

SECRET = "s3cret-t0ken"


@pytest.fixture
def stored(render):
    layers(render, "raw")  # three sections
    return render


def group_of(render):
    return {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}


def count(render, **more):
    given = {"render": group_of(render), "input_stack": "raw", "pool_size": 1} | more
    return SlowCount(input_data=given, args=[])


def only_job(render):
    (run,) = get_jobs(render=render)
    return get_job(run["id"], render=render)


def test_a_run_is_recorded_with_what_it_made(stored, tmp_path):
    report = tmp_path / "report.json"
    SetStackLevels(
        input_data={
            "render": group_of(stored),
            "stack": "raw",
            "output_stack": "levels",
            "maxIntensity": 77.0,
            "pool_size": 1,
            "output_json": str(report),
        },
        args=[],
    ).run()
    found = only_job(stored)
    assert (found["module"], found["state"]) == ("stack.set_stack_levels", "complete")
    assert (found["owner"], found["project"], found["pid"]) == ("test", "project", os.getpid())
    assert found["outputs"] == [
        {"kind": "stack", "owner": "test", "project": "project", "name": "levels"}
    ]
    assert found["progress"]["done"] == found["progress"]["total"] == 3
    assert found["summary"].startswith("output stack levels; 3 sections")
    assert found["report"] == str(report) and json.loads(report.read_text())["status"] == "complete"
    assert found["parameters"]["maxIntensity"] == 77.0 and found["user"] and found["host"]
    assert found["duration"] > 0


def test_a_failure_is_recorded_with_its_reason_and_log_and_without_secrets(stored):
    module = count(stored, bad_z=1, token=SECRET, log_level="INFO")
    with pytest.raises(RenderModuleException):
        module.run()
    found = only_job(stored)
    assert found["state"] == "failed" and "1 of 3 sections failed" in found["error"]
    assert "section 1 is bad, said ***" in found["error"]
    assert any("section 2.5 with ***" in line for line in found["log"])
    assert found["parameters"]["token"] == "***"
    assert SECRET not in json.dumps(found)


def test_runs_that_only_read_make_no_store_and_those_of_a_store_are_seen(render, tmp_path):
    with pytest.raises(RenderModuleException):
        count(render).run()
    assert list(tmp_path.iterdir()) == []
    layers(render, "raw")
    count(render).run()
    assert only_job(render)["outputs"] == []


def test_dry_runs_and_those_that_shall_not_be_seen_are_not_recorded(stored, monkeypatch):
    from renderapps.alignment.align_stack import AlignStack

    given = {
        "render": group_of(stored),
        "input_stack": "raw",
        "output_stack": "x",
        "working_directory": ".",
        "dry_run": True,
    }
    AlignStack(input_data=given, args=[]).run()
    monkeypatch.setenv(SWITCH, "off")
    count(stored).run()
    assert get_jobs(render=stored) == []


def test_a_module_that_a_module_runs_is_a_step(stored):
    class Outer(SlowCount):
        def run(self):
            for bad_z in (None, 1):
                count(self.render, bad_z=bad_z).run()

    given = {"render": group_of(stored), "input_stack": "raw", "pool_size": 1}
    with pytest.raises(RenderModuleException):
        Outer(input_data=given, args=[]).run()
    steps = only_job(stored)["steps"]
    assert [(step["module"], step["state"]) for step in steps] == [
        ("slow_module", "complete"),
        ("slow_module", "failed"),
    ]


def test_a_report_that_cannot_be_written_is_a_failure_of_the_run(stored, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    module = count(stored, output_json=str(folder / "r.json"))
    folder.rmdir()
    folder.write_text("a file in the way")
    with pytest.raises(OSError):
        module.run()
    assert only_job(stored)["state"] == "failed"


# in a process of its own


def started(render, **more):
    given = {"render": group_of(render), "input_stack": "raw", "pool_size": 1} | more
    words = [
        word
        for key, value in given.items()
        for word in (
            (f"--render.{k}={v}" for k, v in value.items())
            if key == "render"
            else (f"--{key}={value}",)
        )
    ]
    return subprocess.Popen(
        [sys.executable, slow_module.__file__, *words],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (Path.cwd(), *sys.path)))},
    )


def seen_running(render):
    """The run, once it is under way."""

    def found():
        runs = get_jobs(render=render)
        under_way = runs and runs[0]["state"] == "running" and "progress" in runs[0]
        return runs[0] if under_way else None

    return wait_until(found)


@pytest.mark.parametrize(
    "how, state", [(signal.SIGKILL, "killed"), (signal.SIGINT, "stopped"), (None, "complete")]
)
def test_others_see_a_run_go_on_and_how_it_ended(stored, tmp_path, how, state):
    process = started(stored, seconds=100, until=tmp_path / "seen")
    try:
        assert seen_running(stored)["progress"]["total"] == 3
        if how is None:
            (tmp_path / "seen").touch()
        else:
            process.send_signal(how)
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    found = only_job(stored)
    assert found["state"] == state and found["pid"] == process.pid, errors
    assert found["module"] == "SlowCount"
    if state == "stopped":
        assert found["error"] == "stopped by the keyboard"
    if state == "killed":
        assert found["progress"]["done"] < 3


def test_a_service_is_told_and_one_that_is_read_only_is_no_hindrance(tmp_path):
    server = ServerProcess(tmp_path, "--token", SECRET)
    os.environ["RENDER_TOKEN"] = SECRET
    try:
        host = {"host": "http://127.0.0.1", "port": server.port, "owner": "test"}
        render = renderapi.connect(**host, project="project", web_only=True)
        layers(render, "raw")
        given = {"render": host | {"project": "project"}, "input_stack": "raw", "pool_size": 1}
        SlowCount(input_data=given, args=[]).run()
        found = only_job(render)
        assert found["state"] == "complete" and SECRET not in json.dumps(found)
    finally:
        del os.environ["RENDER_TOKEN"]
        server.end()
    server = ServerProcess(tmp_path, "--read-only")
    try:
        given["render"]["port"] = server.port
        SlowCount(input_data=given, args=[]).run()
        render = renderapi.connect(**given["render"], web_only=True)
        assert len(get_jobs(render=render)) == 1
    finally:
        server.end()
