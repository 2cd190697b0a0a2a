"""What a run says of itself."""

import itertools
import json

import pytest

from renderapps.module.job import MOST_BYTES, MOST_OUTPUTS, Job, current_job, going_on, note_output
from renderapps.module.job_log import LogTail
from renderapps.module.progress import Progress

HEAD = {"module": "m", "parameters": {"a": 1}}


def new_job(head=None):
    return Job(head or HEAD, lambda text: text.replace("s3cret", "***"), LogTail())


def said(job):
    return json.loads(job.said(60.0))


def test_it_says_how_far_it_is_and_how_it_ended():
    job = new_job()
    first = said(job)
    assert (first["state"], first["number"], first["module"]) == ("running", 1, "m")
    assert "progress" not in first
    with going_on(job), Progress("sections", 3) as bar:
        assert said(job)["progress"] == {"description": "sections", "done": 0, "total": 3}
        bar.step(None)
        bar.step(None)
        assert said(job)["progress"]["done"] == 2
    job.end("failed", error="no s3cret")
    last = said(job)
    assert (last["state"], last["error"], last["number"]) == ("failed", "no ***", 4)
    assert last["elapsed"] >= first["elapsed"]


def test_steps_are_listed_with_how_they_ended():
    job = new_job()
    with job.step("one"):
        assert said(job)["steps"] == [{"module": "one", "state": "running"}]
    with pytest.raises(ZeroDivisionError), job.step("two"):
        raise ZeroDivisionError
    steps = said(job)["steps"]
    assert [(step["module"], step["state"]) for step in steps] == [
        ("one", "complete"),
        ("two", "failed"),
    ]
    assert all(step["seconds"] >= 0 for step in steps)


def test_outputs_are_named_once_and_not_without_end():
    note_output("stack", "o", "p", "nobody asks")
    job = new_job()
    with going_on(job):
        assert current_job() is job
        for n in range(MOST_OUTPUTS + 5):
            note_output("stack", "o", "p", f"s{n}")
            note_output("stack", "o", "p", "s0")
    assert current_job() is None
    outputs = said(job)["outputs"]
    assert len(outputs) == MOST_OUTPUTS
    assert outputs[0] == {"kind": "stack", "owner": "o", "project": "p", "name": "s0"}


def test_its_mark_changes_when_there_is_something_new():
    job = new_job()
    marks = [job.mark()]
    assert job.mark() == marks[0]
    changes = (
        lambda: job.advance("x", 1, 2),
        lambda: job.writes("stack", "o", "p", "s"),
        lambda: job.step("one").__enter__(),
        lambda: setattr(job.log, "count", 1),
        lambda: job.end("complete", summary=""),
    )
    for change in changes:
        change()
        marks.append(job.mark())
    assert all(a != b for a, b in itertools.pairwise(marks))


@pytest.mark.parametrize("long", ["log", "parameters"])
def test_what_would_be_too_long_is_shortened(long):
    parameters = {str(n): "é" * 500 for n in range(50 if long == "log" else 100)}
    job = new_job({"module": "m", "parameters": parameters})
    job.log.lines.extend(f"line {n} {'é' * 280}" for n in range(100))
    found = job.said(60.0)
    document = json.loads(found)
    assert len(found) <= MOST_BYTES
    assert document["log"][-1].startswith("line 99")
    assert (document["parameters"] == parameters) == (long == "log")
