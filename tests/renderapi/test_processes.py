"""Processes are told apart by their machine, id and start."""

import os
import subprocess
import sys

from renderapi.processes import is_over, machine, process, start_of


def test_this_process_goes_on_and_an_ended_one_is_over():
    own = process()
    assert own["pid"] == os.getpid() and not is_over(own)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        holder = {"machine": machine(), "pid": child.pid, "started": start_of(child.pid)}
        assert not is_over(holder)
    finally:
        child.kill()
        child.communicate()
    assert is_over(holder)


def test_another_process_of_the_same_id_is_not_the_same():
    assert is_over({**process(), "started": "0"})


def test_of_other_machines_and_of_nonsense_nobody_knows():
    assert not is_over({**process(), "machine": "elsewhere", "pid": 2**22 + 1})
    assert not is_over({**process(), "pid": "7"})
    assert not is_over({})
