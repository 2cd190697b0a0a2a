"""Metadata and states of stacks, copies and deletion."""

import pytest
from layered_stacks import (
    VERSION,
    documents,
    layers,
    put,
    read,
    run,
    shared,
    state,
    tile,
    version,
    zs_of,
)

import renderapi
from renderapps.stack.clone_stack import CloneStack
from renderapps.stack.copy_stack_metadata import CopyMetaDataModule
from renderapps.stack.delete_stacks import DeleteStacks
from renderapps.stack.set_stack_resolution import SetStackResolution
from renderapps.stack.set_stack_state import SetStackState


@pytest.fixture
def stacks(render):
    layers(render, "one")
    put(render, "two", [[tile("t", 1.0)]], stackResolutionX=9.0, cycleStepNumber=3)
    put(render, "open", [[tile("t", 1.0)]], state="LOADING", stackResolutionX=9.0)


def lock(render, stack):
    renderapi.stack.set_stack_state(stack, "READ_ONLY", render=render)


def names(render):
    return sorted(renderapi.render.get_stacks_by_owner_project(render=render))


def test_metadata_are_copied_and_states_kept(render, stacks):
    given = {"input_stack": "one", "output_stack": ["two", "open"]}
    status, report = run(CopyMetaDataModule, render, **given)
    assert status == 0 and report["changed"] == ["two", "open"]
    assert version(render, "open") == VERSION
    assert version(render, "two") == VERSION | {"cycleStepNumber": 3}
    assert (state(render, "two"), state(render, "open")) == ("COMPLETE", "LOADING")
    assert list(read(render, "two")) == ["t"]
    assert run(CopyMetaDataModule, render, **given)[1]["changed"] == []


def test_only_some_metadata(render, stacks):
    given = {"input_stack": "one", "output_stack": "two", "fields_to_copy": "stackResolutionX"}
    assert run(CopyMetaDataModule, render, **given)[0] == 0
    assert version(render, "two")["stackResolutionX"] == 4.0


@pytest.mark.parametrize("target", [["two", "none"], ["two", "one"]])
def test_nothing_is_copied_unless_all_can_be(render, stacks, target, capsys):
    before = version(render, "two")
    assert run(CopyMetaDataModule, render, input_stack="one", output_stack=target)[0] == 1
    assert target[1] in capsys.readouterr().err
    assert version(render, "two") == before and "none" not in names(render)
    wrong = {"input_stack": "one", "output_stack": "two", "fields_to_copy": ["name"]}
    assert run(CopyMetaDataModule, render, **wrong)[0] == 2


def test_resolutions_are_set_and_the_rest_is_kept(render, stacks):
    given = {"stacks": ["one", "open"], "stackResolutionX": 3.58, "stackResolutionZ": 50}
    status, report = run(SetStackResolution, render, **given)
    assert status == 0
    assert report["stacks"][0] == {
        "stack": "one",
        "changed": True,
        "before": [4.0, 5.0, 50.0],
        "after": [3.58, 5.0, 50.0],
    }
    assert version(render, "one") == VERSION | {"stackResolutionX": 3.58}
    assert (state(render, "one"), state(render, "open")) == ("COMPLETE", "LOADING")
    assert [s["changed"] for s in run(SetStackResolution, render, **given)[1]["stacks"]] == [
        False,
        False,
    ]


def test_resolutions_that_cannot_be_set(render, stacks, capsys):
    lock(render, "two")
    given = {"stacks": "one,two", "stackResolutionX": 8}
    assert run(SetStackResolution, render, **given)[0] == 1
    assert "two is READ_ONLY" in capsys.readouterr().err
    assert version(render, "one") == VERSION
    assert run(SetStackResolution, render, stacks=["one"])[0] == 2
    assert run(SetStackResolution, render, stacks=["one"], stackResolutionX=0)[0] == 2


def test_states_of_some_or_all_stacks(render, stacks):
    status, report = run(SetStackState, render, stack="one", state="READ_ONLY")
    assert status == 0
    assert report["stacks"] == [{"stack": "one", "before": "COMPLETE", "after": "READ_ONLY"}]
    assert run(SetStackState, render, all_stacks=True, state="COMPLETE")[0] == 0
    assert [state(render, s) for s in ("one", "two", "open")] == ["COMPLETE"] * 3


def test_other_stacks_are_changed_when_one_cannot_be(render, stacks, capsys):
    lock(render, "one")
    status, report = run(SetStackState, render, stack=["one", "none", "two"], state="LOADING")
    assert status == 1 and [f["stack"] for f in report["failed"]] == ["one", "none"]
    assert "2 of 3 stacks did not become LOADING; one" in capsys.readouterr().err
    assert (state(render, "one"), state(render, "two")) == ("READ_ONLY", "LOADING")


@pytest.mark.parametrize(
    "wrong",
    [
        {"state": "COMPLETE"},
        {"state": "COMPLETE", "stack": "one", "all_stacks": True},
        {"state": "DONE", "stack": "one"},
        {"state": "OFFLINE", "stack": "one"},
    ],
)
def test_wide_and_destructive_changes_must_be_asked_for(render, stacks, wrong):
    assert run(SetStackState, render, **wrong)[0] == 2
    assert len(read(render, "one")) == 6


def test_deletion_is_confirmed_and_all_or_nothing(render, stacks, capsys):
    assert run(DeleteStacks, render, stackName="one")[0] == 2
    assert "would delete one" in capsys.readouterr().err
    lock(render, "two")
    assert run(DeleteStacks, render, stacks=["one", "two"], confirm=True)[0] == 1
    assert names(render) == ["one", "open", "two"]
    status, report = run(DeleteStacks, render, stacks="one,none", confirm=True)
    assert status == 0 and report["deleted"] == ["one"] and report["not_found"] == ["none"]
    assert names(render) == ["open", "two"]


def test_a_clone_is_the_same(render, stacks):
    assert run(CloneStack, render, input_stack="one", output_stack="copy")[0] == 0
    assert documents(render, "copy") == documents(render, "one")
    assert (version(render, "copy"), state(render, "copy")) == (VERSION, "COMPLETE")
    assert list(shared(render, "copy", 1.0)) == ["lens"]


def test_a_clone_of_some_sections_in_another_project(render, stacks):
    given = {"input_stack": "one", "output_stack": "copy", "output_project": "elsewhere"}
    status, report = run(CloneStack, render, **given, zs=[1, 2.5], close_stack=False)
    assert status == 0 and report["zs"] == [1.0, 2.5]
    there = renderapi.connect(
        host=render.DEFAULT_HOST, owner="test", project="elsewhere", web_only=True
    )
    assert zs_of(there, "copy") == [1.0, 2.5] and state(there, "copy") == "LOADING"
    assert version(there, "copy") == VERSION and "copy" not in names(render)


def test_a_clone_replaces_a_stack_only_if_told_to(render, stacks, capsys):
    given = {"input_stack": "one", "output_stack": "two"}
    assert run(CloneStack, render, **given)[0] == 1
    assert "two has tiles" in capsys.readouterr().err and list(read(render, "two")) == ["t"]
    assert run(CloneStack, render, **given, zs=[7], existing="replace")[0] == 1
    assert list(read(render, "two")) == ["t"]
    assert run(CloneStack, render, **given, minZ=2, existing="replace")[0] == 0
    assert zs_of(render, "two") == [2.5] and names(render) == ["one", "open", "two"]
    lock(render, "two")
    assert run(CloneStack, render, **given, existing="replace")[0] == 1
    assert run(CloneStack, render, input_stack="one", output_stack="one")[0] == 1


def test_entries_that_the_client_does_not_know_are_kept(render):
    from renderapps.module.stacks import KeptVersion
    from renderapps.stack.rename_sectionIds import RenameSectionIds

    layers(render, "raw")
    record = KeptVersion(**VERSION, defaultChannel="GFP", alignmentQuality=0.5)
    renderapi.stack.set_stack_metadata("raw", record, render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
    more = {"defaultChannel": "GFP", "alignmentQuality": 0.5}
    assert run(CloneStack, render, input_stack="raw", output_stack="copy")[0] == 0
    assert run(RenameSectionIds, render, input_stack="raw", output_stack="named")[0] == 0
    assert run(RenameSectionIds, render, input_stack="raw", in_place=True, zs=[1])[0] == 0
    assert run(SetStackResolution, render, stacks="raw", stackResolutionZ=60)[0] == 0
    assert version(render, "copy") == version(render, "named") == VERSION | more
    assert version(render, "raw") == VERSION | more | {"stackResolutionZ": 60.0}
    metadata = renderapi.stack.get_full_stack_metadata("raw", render=render)
    assert "createTimestamp" in metadata["currentVersion"]
