"""`renderapps jobs`: what runs, what ran, one of them."""

import json
import re
import threading

import pytest

import renderapi
from renderapi.jobs import get_jobs, put_job
from renderapi.processes import process
from renderapps.__main__ import status
from renderapps.commands import jobs as command

SAID = {
    "module": "stack.set_stack_levels",
    "owner": "me",
    "project": "brain",
    "user": "ann",
    "host": "scope",
    "elapsed": 75.0,
}


@pytest.fixture
def store(tmp_path, monkeypatch):
    for name in ("RENDER_OWNER", "RENDER_PROJECT", "RENDER_HOST", "RENDER_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "lab.db"


@pytest.fixture
def render(store):
    return renderapi.connect(host="local", store=store, owner="me", project="brain")


def words(capsys):
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def test_runs_are_listed_with_how_they_stand(store, render, capsys):
    progress = {"description": "sections", "done": 3, "total": 12}
    outputs = [{"kind": "stack", "owner": "me", "project": "brain", "name": "levels"}]
    put_job("old", SAID | {"state": "complete", "elapsed": 9000.0}, render=render)
    running = SAID | {"state": "running", "progress": progress, "outputs": outputs}
    put_job("new", running, render=render)
    put_job("gone", SAID | {"state": "running", "process": process() | {"started": "0"}},
            render=render)  # fmt: skip
    assert status(["jobs", "--store", str(store)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "run", "started", "module", "by", "state", "progress", "output", "duration",
    ]  # fmt: skip
    found = {line.split()[0]: line for line in lines[1:]}
    assert list(found)[-1] == "old" and len(found) == 3
    assert "ann on scope" in found["new"] and "running" in found["new"]
    assert "sections: 3 of 12 levels" in found["new"]
    minutes, seconds = re.search(r"(\d+):(\d\d) min", found["new"]).groups()
    assert 75 <= 60 * int(minutes) + int(seconds) < 600
    assert "complete" in found["old"] and "2:30 h" in found["old"]
    assert "killed" in found["gone"]


def test_only_the_last_of_those_that_are_over_are_listed_unless_all_are_asked_for(
    store, render, capsys
):
    for n in range(command.SHOWN + 5):
        put_job(f"r{n}", SAID | {"state": "complete", "elapsed": float(n)}, render=render)
    put_job("slow", SAID | {"state": "running", "elapsed": 1e4}, render=render)
    assert status(["jobs", "--store", str(store)]) == 0
    names = [line[0] for line in words(capsys)[1:]]
    assert names == [*(f"r{n}" for n in range(command.SHOWN)), "slow"]
    assert status(["jobs", "--store", str(store), "--all", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == command.SHOWN + 6


def test_those_of_an_owner_or_none(store, render, capsys):
    put_job("a", SAID | {"state": "complete"}, render=render)
    assert status(["jobs", "--store", str(store), "--owner", "me", "--project", "brain"]) == 0
    assert [line[0] for line in words(capsys)] == ["run", "a"]
    assert status(["jobs", "--store", str(store), "--owner", "you"]) == 0
    expected = f"no runs of modules of owner you are remembered in store {store}"
    assert " ".join(capsys.readouterr().out.split()) == expected


def test_a_store_is_not_made_by_looking(store, capsys):
    assert status(["jobs", "--store", str(store)]) == 0
    assert "no runs" in capsys.readouterr().out and not store.exists()


def test_one_run_is_shown_with_everything_and_nothing_that_a_terminal_would_obey(
    store, render, capsys
):
    put_job(
        "abc",
        SAID
        | {
            "state": "failed",
            "error": "section 2 is bad \x1b[2J[bold]",
            "report": "/out/report.json",
            "process": {"pid": 41},
            "steps": [{"module": "stack.clone_stack", "state": "complete", "seconds": 1.5}],
            "log": ["12:00:00Z ERROR m: no", "12:00:01Z ERROR m: end"],
            "parameters": {"stack": "raw"},
        },
        render=render,
    )
    assert status(["jobs", "abc", "--store", str(store)]) == 0
    text = capsys.readouterr().out
    assert "run abc: stack.set_stack_levels" in text and "ann on scope, process 41" in text
    assert "section 2 is bad ?[2J[bold]" in text and "\x1b" not in text
    assert "/out/report.json" in text and "stack.clone_stack: complete, 1.5 s" in text
    assert '"stack": "raw"' in text and text.rstrip().endswith("12:00:01Z ERROR m: end")
    assert status(["jobs", "abc", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pid"] == 41


def test_a_run_that_is_not_known_and_words_that_do_not_go_together(store, render, capsys):
    assert status(["jobs", "nothing", "--store", str(store)]) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "no run nothing is remembered in store" in err
    for wrong in (["--forget"], ["--watch", "--json"], ["a", "--forget", "--watch"]):
        with pytest.raises(SystemExit) as left:
            status(["jobs", "--store", str(store), *wrong])
        assert left.value.code == 2


def test_a_run_is_forgotten(store, render, capsys):
    put_job("a", SAID | {"state": "complete"}, render=render)
    assert status(["jobs", "a", "--forget", "--store", str(store)]) == 0
    assert capsys.readouterr().out == "run a is forgotten\n"
    assert get_jobs(render=render) == []
    assert status(["jobs", "a", "--forget", "--store", str(store)]) == 1


def test_a_run_is_watched_until_it_is_over(store, render, capsys, monkeypatch):
    monkeypatch.setattr(command, "WATCH_SECONDS", 0.05)
    put_job("a", SAID | {"state": "running", "number": 1}, render=render)
    over = SAID | {"state": "complete", "number": 2, "summary": "all done"}
    later = threading.Timer(0.3, lambda: put_job("a", over, render=render))
    later.start()
    assert status(["jobs", "a", "--watch", "--store", str(store)]) == 0
    later.join()
    assert "all done" in capsys.readouterr().out
