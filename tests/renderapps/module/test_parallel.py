"""Items in order, failures recorded, workers that die reported."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from waiting import children, wait_until

from renderapps.module import RenderModuleException, TaskFailure, map_tasks
from renderapps.module.parallel import cpu_count
from renderapps.module.tasks import one_line


def uneven(x):
    """Odd things happen to some numbers; the others are squared, later ones faster."""
    if x == 3:
        raise ValueError("three\nis bad")
    if x == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    if x == 7:
        return threading.Lock()
    time.sleep(0.02 * (10 - x) / 10)
    return x * x


def process_and_threads(_):
    return os.getpid(), os.environ.get("OMP_NUM_THREADS")


def add(a, b):
    return a + b


@pytest.mark.parametrize("size", [1, 2])
def test_results_come_in_the_order_of_the_items_with_failures_in_their_places(size):
    came = []
    results = map_tasks(uneven, [9, 3, 0, 1, 2], pool_size=size, arrived=came.append)
    assert sorted(map(repr, came)) == sorted(map(repr, results))
    assert results[0] == 81
    assert results[2:] == [0, 1, 4]
    assert isinstance(results[1], TaskFailure)
    assert results[1].item == 3
    assert results[1].reason == "ValueError: three is bad"
    assert "uneven" in results[1].details


def test_a_worker_that_dies_costs_its_own_item_only():
    results = map_tasks(uneven, range(10), pool_size=2)
    failed = {i: r.reason for i, r in enumerate(results) if isinstance(r, TaskFailure)}
    assert sorted(failed) == [3, 5, 7]
    assert "died" in failed[5]
    assert "cannot travel" in failed[7]
    assert [results[i] for i in (0, 1, 2, 4, 6, 8, 9)] == [0, 1, 4, 16, 36, 64, 81]


def test_several_processes_share_the_processors_and_the_environment_is_restored():
    before = dict(os.environ)
    results = map_tasks(process_and_threads, range(8), pool_size=2)
    assert os.getpid() not in {pid for pid, _ in results}
    expected = os.environ.get("OMP_NUM_THREADS", str(max(1, cpu_count() // 2)))
    assert {threads for _, threads in results} == {expected}
    assert dict(os.environ) == before


def test_one_process_is_this_one():
    assert map_tasks(process_and_threads, [0], pool_size=8)[0][0] == os.getpid()
    assert map_tasks(partial(add, 1), range(3), pool_size=1) == [1, 2, 3]
    assert map_tasks(abs, []) == []


def test_progress_is_logged_where_there_is_no_terminal(caplog):
    with caplog.at_level("INFO"):
        map_tasks(abs, [1, 2], pool_size=1, progress="counting")
    assert "counting: 2 of 2" in caplog.text


def run_script(folder, text):
    (folder / "script.py").write_text(text)
    command = [sys.executable, str(folder / "script.py")]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)


def test_workers_that_cannot_start_are_an_error_not_a_hang(tmp_path):
    done = run_script(
        tmp_path,
        "import sys\n"
        "from renderapps.module import map_tasks\n"
        "sys.executable = '/bin/false'\n"
        "map_tasks(abs, [1, 2], pool_size=2)\n",
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith(
        "the worker processes do not start, or end at once (killed, or out of memory?): "
        "give pool_size 1"
    )


def test_a_function_that_workers_cannot_have_is_an_error():
    with pytest.raises(RenderModuleException, match="cannot travel between processes"):
        map_tasks(partial(add, threading.Lock()), [1, 2], pool_size=2)


class Bad:
    """Cannot be made again from what travels."""

    def __reduce__(self):
        return int, ("no number",)


def make_bad(x):
    return Bad() if x == 1 else x


def test_a_result_that_arrives_broken_costs_its_own_item_only():
    results = map_tasks(make_bad, range(4), pool_size=2)
    assert results[0] == 0 and results[2:] == [2, 3]
    assert "cannot travel between processes" in results[1].reason


def own_process(_):
    return os.getpid()


def process_that_met_another(folder, _item):
    """The process, once another one has had an item of the same call."""
    Path(folder, str(os.getpid())).touch()
    wait_until(lambda: len(list(Path(folder).iterdir())) > 1)
    return os.getpid()


def test_workers_are_kept_for_the_next_call(tmp_path):
    pids = []
    for call in ("first", "again"):
        (tmp_path / call).mkdir()
        task = partial(process_that_met_another, tmp_path / call)
        pids.append(set(map_tasks(task, range(4), pool_size=2)))
    assert len(pids[0]) == 2
    assert pids[1] == pids[0]


class Large:
    """Says in a file of its process when its memory is given back."""

    def __init__(self, folder):
        self.folder = folder

    def __del__(self):
        Path(self.folder, str(os.getpid())).touch()


def process_beside(_large, _item):
    return os.getpid()


def test_workers_that_wait_hold_nothing_of_the_last_call(tmp_path):
    workers = map_tasks(partial(process_beside, Large(tmp_path)), range(4), pool_size=2)
    wait_until(lambda: all(Path(tmp_path, str(worker)).exists() for worker in workers))
    assert all(Path(f"/proc/{worker}").exists() for worker in workers)


def test_workers_are_replaced_where_they_have_started_in_another_environment(monkeypatch):
    before = set(map_tasks(own_process, range(4), pool_size=2))
    monkeypatch.setenv("RENDER_OWNER", "another")
    after = map_tasks(partial(getenv, "RENDER_OWNER"), range(4), pool_size=2)
    assert {owner for _, owner in after} == {"another"}
    assert before.isdisjoint(pid for pid, _ in after)


def getenv(name, _):
    return os.getpid(), os.environ.get(name)


def process_until_another_is_there(folder, _item):
    """The process; it takes its time as long as it is alone."""
    Path(folder, str(os.getpid())).touch()
    time.sleep(0.05 if len(list(Path(folder).iterdir())) < 2 else 0)
    return os.getpid()


def test_this_process_works_too_where_it_may_and_begins_before_the_others(monkeypatch, tmp_path):
    monkeypatch.setenv("RENDER_OWNER", "workers of their own, which have to start")
    task = partial(process_until_another_is_there, tmp_path)
    pids = map_tasks(task, range(1000), pool_size=2, also_here=True)
    assert pids[0] == os.getpid()
    assert len(set(pids)) > 1
    assert map_tasks(partial(add, 1), range(9), pool_size=3, also_here=True) == [*range(1, 10)]


def test_tasks_run_on_a_dask_cluster():
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        results = map_tasks(
            partial(divide, 12), [3, 0, 4], dask_scheduler=cluster.scheduler_address
        )
    assert results[0] == 4
    assert results[2] == 3
    assert results[1].item == 0
    assert "ZeroDivisionError" in results[1].reason


def divide(a, b):
    return a // b


def test_a_scheduler_that_does_not_answer_is_one_clear_line(monkeypatch):
    distributed = pytest.importorskip("distributed")
    import dask

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "1s"}),
        pytest.raises(RenderModuleException, match="no Dask scheduler answers at"),
    ):
        map_tasks(abs, [1], dask_scheduler="tcp://127.0.0.1:1")
    assert distributed is not None


def test_errors_are_one_line():
    assert one_line(KeyError("a")) == "KeyError: 'a'"
    assert one_line(ValueError()) == "ValueError"
    assert one_line(RenderModuleException("a\n b")) == "a b"
    assert "nowhere" in one_line(FileNotFoundError(2, "No such file", "nowhere"))


KILLED = """
import os, pathlib, sys, time
from renderapps.module import map_tasks

def work(folder):
    pathlib.Path(folder, str(os.getpid())).touch()
    time.sleep(600)

if __name__ == "__main__":
    map_tasks(work, [sys.argv[1]] * 2, pool_size=2)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / "program.py").write_text(KILLED)
    pids = tmp_path / "pids"
    pids.mkdir()
    program = subprocess.Popen([sys.executable, str(tmp_path / "program.py"), str(pids)])
    wait_until(lambda: len(list(pids.iterdir())) == 2)
    program.kill()
    program.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid.name}").exists() for pid in pids.iterdir()))


def test_the_keyboard_stops_all_workers_without_their_tracebacks(tmp_path):
    (tmp_path / "program.py").write_text(KILLED)
    pids = tmp_path / "pids"
    pids.mkdir()
    for started in (0, 2):  # workers still starting, workers at work
        program = subprocess.Popen(
            [sys.executable, str(tmp_path / "program.py"), str(pids)],
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        wait_until(lambda program=program: len(children(program.pid)) >= 2)
        wait_until(lambda least=started: len(list(pids.iterdir())) >= least)
        os.killpg(program.pid, signal.SIGINT)
        _, told = program.communicate(timeout=60)
        assert b"Process Spawn" not in told and b"spawn_main" not in told
        assert told.count(b"Traceback") == 1  # of the program itself, which is no module
        wait_until(lambda: not any(Path(f"/proc/{pid.name}").exists() for pid in pids.iterdir()))


TIDY = """
import os, pathlib, sys, time
from renderapps.module import map_tasks

def work(folder):
    mark = pathlib.Path(folder, str(os.getpid()))
    mark.touch()
    try:
        time.sleep(600)
    finally:
        mark.rename(mark.with_suffix(".tidy"))

map_tasks(work, [sys.argv[1]] * 2, pool_size=2)
"""


def test_the_keyboard_reaches_the_workers_where_only_the_program_is_told(tmp_path):
    """As in a notebook: its kernel alone is interrupted."""
    (tmp_path / "program.py").write_text(TIDY)
    marks = tmp_path / "marks"
    marks.mkdir()
    command = [sys.executable, str(tmp_path / "program.py"), str(marks)]
    program = subprocess.Popen(command, stderr=subprocess.PIPE)
    wait_until(lambda: len(list(marks.iterdir())) == 2)
    program.send_signal(signal.SIGINT)
    _, told = program.communicate(timeout=60)
    assert told.count(b"Traceback") == 1
    assert [path.suffix for path in marks.iterdir()] == [".tidy"] * 2
    assert not any(Path(f"/proc/{path.stem}").exists() for path in marks.iterdir())


SCRIPT = """
from math import factorial
from renderapps.module import map_tasks

print("once")
print(map_tasks(factorial, [3, 4, 5], pool_size=2))
print(__file__[-9:])
"""


def test_a_script_needs_no_guard_around_what_is_not_its_own(tmp_path):
    done = run_script(tmp_path, SCRIPT)
    assert (done.stdout, done.stderr) == ("once\n[6, 24, 120]\nscript.py\n", "")


OWN_FUNCTION = """
from renderapps.module import map_tasks

print("once")
OFFSET = 10

def own(x):
    return x + OFFSET

print(map_tasks(own, [1, 2], pool_size=2))
"""


def test_a_script_needs_no_guard_around_functions_of_its_own(tmp_path):
    done = run_script(tmp_path, OWN_FUNCTION)
    assert (done.stdout, done.stderr) == ("once\n[11, 12]\n", "")
