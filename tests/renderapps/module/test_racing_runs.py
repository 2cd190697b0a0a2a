"""Runs on one output at the same time: never a lost section, never a false success."""

import json
import os
import subprocess
import sys

import pytest
from layered_stacks import layers, read, run, zs_of

import renderapi
from renderapi import stackchanges
from renderapps.module import OutputStack, RenderModuleException, Section, written
from renderapps.module.running import Run, is_over
from renderapps.module.tile_documents import read_section
from renderapps.stack.set_stack_levels import SetStackLevels

ZS = [float(z) for z in range(6)]


def program(render, **parameters):
    """A run of set_stack_levels in a process of its own."""
    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    given = {"render": group, "stack": "raw", "pool_size": 1, **parameters}
    code = (
        "import json, sys; from renderapps.stack.set_stack_levels import SetStackLevels as M;"
        "M(input_data=json.loads(sys.argv[1]), args=[]); sys.stdin.read(1);"
        "M.main(['--input_json', sys.argv[2]])"
    )
    return code, given


def start(render, tmp_path, name, **parameters):
    code, given = program(render, **parameters)
    path = tmp_path / f"{name}.json"
    path.write_text(json.dumps(given))
    return subprocess.Popen(
        [sys.executable, "-c", code, json.dumps(given), str(path)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def race(render, tmp_path, one, two):
    """Exit statuses and errors of two runs that begin at the same time."""
    runs = [start(render, tmp_path, f"run{i}", **given) for i, given in enumerate((one, two))]
    for process in runs:
        process.stdin.write("g")
        process.stdin.flush()
    told = [process.communicate(timeout=120)[1] for process in runs]
    return [process.returncode for process in runs], told


def maxima(render, stack):
    return {tile.z: tile.maxint for tile in read(render, stack).values()}


ROUNDS = [*range(3), *(pytest.param(n, marks=pytest.mark.soak) for n in range(3, 50))]


@pytest.mark.parametrize("n", ROUNDS)
def test_disjoint_edits_in_place_side_by_side_both_count(render, tmp_path, n):
    layers(render, "raw", zs=ZS)
    low, high = ({"zs": ZS[:3], "maxIntensity": 301.0}, {"zs": ZS[3:], "maxIntensity": 302.0})
    statuses, told = race(render, tmp_path, low, high)
    assert statuses == [0, 0], told
    assert maxima(render, "raw") == {z: 301.0 if z < 3 else 302.0 for z in ZS}
    assert len(read(render, "raw")) == 12


@pytest.mark.parametrize("n", ROUNDS)
def test_of_two_runs_on_the_same_sections_one_is_refused_or_comes_later(render, tmp_path, n):
    layers(render, "raw", zs=ZS)
    given = [{"zs": ZS[:4], "maxIntensity": 301.0}, {"zs": ZS[2:], "maxIntensity": 302.0}]
    statuses, told = race(render, tmp_path, *given)
    after = maxima(render, "raw")
    assert len(read(render, "raw")) == 12
    for status, parameters, text in zip(statuses, given, told, strict=True):
        assert status in (0, 1)
        own = {after[z] for z in parameters["zs"] if z not in (2.0, 3.0)}
        assert own == {parameters["maxIntensity"] if status == 0 else 200.0}
        if status:
            assert "is being written by stack.set_stack_levels, pid" in text
    assert 0 in statuses and after[2.0] == after[3.0] in (301.0, 302.0)
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["raw"]
    assert stackchanges.get_stack_locks("raw", render=render) == []


def test_a_second_writer_is_refused_by_name_and_told_who_is_there(render, capsys):
    layers(render, "raw", zs=ZS)
    output = OutputStack(render, "raw", [1.0], {}, edits=[1.0])
    with written([output], "my.module"):
        status, _ = run(SetStackLevels, render, stack="raw", zs=[1, 2], maxIntensity=300)
        told = capsys.readouterr().err
        assert status == 1
        assert f"is being written by my.module, pid {os.getpid()} on host" in told
        assert run(SetStackLevels, render, stack="raw", zs=[2], maxIntensity=300)[0] == 0
        output.write(read_section(render, "raw", 1.0))
    assert maxima(render, "raw") == dict.fromkeys(ZS, 200.0) | {2.0: 300.0}


def test_a_run_whose_lock_was_taken_changes_nothing(render):
    layers(render, "raw", zs=ZS)
    output = OutputStack(render, "raw", [1.0], {}, edits=[1.0])
    lost = pytest.raises(RenderModuleException, match="no longer locked")
    with lost, written([output], "my.module") as mine:
        section = read_section(render, "raw", 1.0)
        output.write(Section(1.0, section.tiles[:1], section.transforms))
        stackchanges.unlock_stack("raw", mine.id, render=render)
    assert len(read(render, "raw")) == 12
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["raw"]


def test_what_a_dead_run_left_is_removed_and_stacks_of_users_are_not(render):
    layers(render, "raw", zs=ZS)
    dead = Run("my.module", "0badf00d")
    holder = dead.holder | {"pid": 2**22 + 1}
    assert is_over(holder) and not is_over(dead.holder)
    assert not is_over(dead.holder | {"machine": "elsewhere", "pid": 2**22 + 1})
    for name in (dead.unfinished("raw"), "raw_unfinished_0123abcd", "raw_new_of_this_edit"):
        renderapi.stack.clone_stack("raw", name, render=render)
    stackchanges.lock_stack("raw", dead.id, holder, 60, render=render)
    assert run(SetStackLevels, render, stack="raw", maxIntensity=300)[0] == 0
    there = renderapi.render.get_stacks_by_owner_project(render=render)
    assert sorted(there) == ["raw", "raw_new_of_this_edit", "raw_unfinished_0123abcd"]


def test_an_expired_lock_of_another_machine_is_no_obstacle(render, capsys):
    layers(render, "raw", zs=ZS)
    holder = {"name": "x, pid 1 on host far", "machine": "far", "pid": 1, "started": "0"}
    stackchanges.lock_stack("raw", "far", holder, 60, render=render)
    assert run(SetStackLevels, render, stack="raw", maxIntensity=300)[0] == 1
    assert "written by x, pid 1 on host far" in capsys.readouterr().err
    stackchanges.renew_lock("raw", "far", 0.001, render=render)
    assert run(SetStackLevels, render, stack="raw", maxIntensity=300)[0] == 0
    assert zs_of(render, "raw") == ZS
