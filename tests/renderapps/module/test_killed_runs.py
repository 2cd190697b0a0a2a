"""Killed at every request: the outputs are what they were or what they become, never in between.

The next run then does it all, and nothing of the killed one is left. The short form counts the
requests that may change something; after one that reads, the store is as before it.
"""

import json

import pytest
from killed_runs import KILLED, copy_of, killed_at
from layered_stacks import documents, layers, put, tile

import renderapi
from renderapi import stackchanges
from renderapi.utils import renderdumps
from renderapps.dataimport.upload_tilespecdir import UploadTileSpecs
from renderapps.datamanagement.delete_section import DeleteSection
from renderapps.stack.apply_global_affine_to_stacks import ApplyAffineMultiple
from renderapps.stack.clone_stack import CloneStack
from renderapps.stack.set_stack_levels import SetStackLevels
from renderapps.stack.squeeze_stack import SqueezeStack
from renderapps.stack.swap_zs import SwapZs
from renderapps.transfer.move_stack import StackTransfer

HERE = {"owner": "test", "project": "project"}
LEVELS = {"minIntensity": 20.0, "maxIntensity": 99.0, "pool_size": 1}

CASES = {
    "edit in place": (SetStackLevels, {"stack": "raw", **LEVELS}),
    "edit of one section in place": (SetStackLevels, {"stack": "raw", "zs": [1], **LEVELS}),
    "edit into a new stack": (
        SetStackLevels,
        {"stack": "raw", "output_stack": "new", **LEVELS},
    ),
    "overwritten sections": (
        SetStackLevels,
        {"stack": "raw", "output_stack": "out", "zs": [0, 1], **LEVELS},
    ),
    "replacement": (
        SqueezeStack,
        {"input_stack": "raw", "output_stack": "out", "pool_size": 1},
    ),
    "two stacks at once": (
        ApplyAffineMultiple,
        {"input_stacks": ["raw", "two"], "transformId": "shift", "B0": 5, "pool_size": 1},
    ),
    "swap": (SwapZs, {"source_stack": "raw", "target_stack": "two", "zs": [1], "pool_size": 1}),
    "clone": (CloneStack, {"input_stack": "raw", "output_stack": "out", "existing": "replace"}),
    "appended tiles": (UploadTileSpecs, {"outputStack": "out", "existing": "append"}),
    "imported stack": (UploadTileSpecs, {"outputStack": "out", "existing": "replace"}),
    "deleted sections": (
        DeleteSection,
        {"input_stack": "raw", "zs": [0, 1], "missing_ok": True},
    ),
    "transfer": (StackTransfer, {"stack_in": "raw", "stack_out": "out", "rewrite_urls": False}),
}


def connection(path):
    return renderapi.connect(host="local", store=path, **HERE)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store with stacks raw, two and out, whose copies are worked on."""
    path = tmp_path_factory.mktemp("store") / "original.db"
    render = connection(path)
    layers(render, "raw")
    layers(render, "two", prefix="two_")
    put(render, "out", [[tile("old_1", 1.0), tile("old_9", 1.0)], [tile("kept", 9.0)]])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tile files for imports."""
    folder = tmp_path_factory.mktemp("tiles")
    for name, z in (("old_1", 1.0), ("b", 1.0), ("c", 4.0)):
        document = tile(name, z, lens_id=None).to_dict()
        (folder / f"{name}.json").write_text(renderdumps([document]))
    return folder


def parameters_of(case, path, folder):
    module, given = CASES[case]
    host = connection(path).DEFAULT_HOST
    group = {"host": host, **HERE}
    if module is StackTransfer:
        return {"render_source": group, "render_target": group, **given}
    more = {"inputDir": str(folder)} if module is UploadTileSpecs else {}
    return {"render": group, **given, **more}


def everything(path):
    """Tiles of every stack, with the state of each."""
    render = connection(path)
    return {
        name: (
            renderapi.stack.get_full_stack_metadata(name, render=render)["state"],
            json.dumps(documents(render, name), sort_keys=True),
        )
        for name in renderapi.render.get_stacks_by_owner_project(render=render)
    }


def finished(state):
    """The same without what a killed run has not finished."""
    return {name: value for name, value in state.items() if "_unfinished_" not in name}


def locks(path):
    render = connection(path)
    names = ("raw", "two", "out", "new")
    return [lock for n in names for lock in stackchanges.get_stack_locks(n, render=render)]


def run(case, path, folder):
    CASES[case][0](input_data=parameters_of(case, path, folder), args=[]).run()


@pytest.mark.parametrize(
    ("after", "every"),
    [
        pytest.param(True, False, id="after"),
        pytest.param(True, True, marks=pytest.mark.soak, id="after each"),
        pytest.param(False, True, marks=pytest.mark.soak, id="before each"),
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_a_run_that_is_killed_at_any_request_has_done_all_or_nothing(
    case, after, every, store, folder, tmp_path
):
    old = everything(store)
    whole = copy_of(store, tmp_path / "whole.db")
    run(case, whole, folder)
    new = everything(whole)
    assert new != old and not locks(whole)
    step, seen = 0, set()
    while True:
        step += 1
        path = copy_of(store, tmp_path / f"{step}.db")
        given = parameters_of(case, path, folder)
        status = killed_at(step, after, CASES[case][0], given, every=every)
        found = everything(path)
        if status != KILLED:
            assert status == 0 and found == new
            break
        was = finished(found)
        assert was in (old, new), f"request {step}"
        seen.add("new" if was == new else "old")
        again = was == new and case in ("swap", "two stacks at once")
        if again:  # they do something else when they are done once more
            continue
        run(case, path, folder)
        assert everything(path) == new, f"request {step}"
        assert not locks(path), f"request {step}"
    assert step > (8 if every else 4)
    assert seen == ({"old", "new"} if after else {"old", "new"} & seen)


def without_additions():
    stackchanges.additions = lambda **_: frozenset()


@pytest.mark.parametrize(
    "case",
    ["edit in place", *(pytest.param(c, marks=pytest.mark.soak) for c in list(CASES)[1:])],
)
def test_where_names_are_exchanged_one_by_one_the_next_run_mends_it(
    case, store, folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(stackchanges, "additions", lambda **_: frozenset())
    whole = copy_of(store, tmp_path / "whole.db")
    run(case, whole, folder)
    new = finished(everything(whole))
    step = 0
    while True:
        step += 1
        path = copy_of(store, tmp_path / f"{step}.db")
        given = parameters_of(case, path, folder)
        status = killed_at(step, True, CASES[case][0], given, without_additions)
        if status == 0:
            break
        assert status == KILLED
        names = finished(everything(path))
        held = {name.partition("_replaced_")[0] for name in names}
        assert held >= {"raw", "two", "out"}, f"request {step}"
        if case in ("swap", "two stacks at once"):
            continue
        run(case, path, folder)
        assert finished(everything(path)) == new, f"request {step}"
