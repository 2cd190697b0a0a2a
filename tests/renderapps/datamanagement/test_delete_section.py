"""Sections removed from stacks."""

import pytest
from layered_stacks import documents, layers, run, state, zs_of

import renderapi
from renderapi.errors import ConflictError
from renderapps.datamanagement.delete_section import DeleteSection


@pytest.fixture
def raw(render):
    layers(render, "raw")


def test_named_sections_go_and_the_state_stays(render, raw):
    status, report = run(DeleteSection, render, input_stack="raw", section_z=2.5)
    assert status == 0 and report["deleted"] == [2.5]
    assert zs_of(render, "raw") == [0.0, 1.0] and state(render, "raw") == "COMPLETE"
    renderapi.stack.set_stack_state("raw", "LOADING", render=render)
    assert run(DeleteSection, render, input_stack="raw", maxZ=0)[0] == 0
    assert zs_of(render, "raw") == [1.0] and state(render, "raw") == "LOADING"


def test_the_state_can_be_chosen(render, raw):
    assert run(DeleteSection, render, input_stack="raw", zs=[1], close_stack="open")[0] == 0
    assert state(render, "raw") == "LOADING"
    assert run(DeleteSection, render, input_stack="raw", zs=[0], close_stack="complete")[0] == 0
    assert state(render, "raw") == "COMPLETE"


def test_missing_sections(render, raw, capsys):
    assert run(DeleteSection, render, input_stack="raw", zs=[1, 7])[0] == 1
    assert "no section at z=7" in capsys.readouterr().err
    assert zs_of(render, "raw") == [0.0, 1.0, 2.5] and state(render, "raw") == "COMPLETE"
    status, report = run(DeleteSection, render, input_stack="raw", zs=[1, 7], missing_ok=True)
    assert status == 0 and (report["deleted"], report["not_found"]) == ([1.0], [7.0])


def test_all_sections_only_by_force(render, raw, capsys):
    assert run(DeleteSection, render, input_stack="raw", minZ=0)[0] == 1
    assert "all 3 sections" in capsys.readouterr().err and len(zs_of(render, "raw")) == 3
    assert run(DeleteSection, render, input_stack="raw", minZ=0, force=True)[0] == 0
    assert zs_of(render, "raw") == [] and state(render, "raw") == "LOADING"


def test_what_is_refused(render, raw):
    assert run(DeleteSection, render, input_stack="raw")[0] == 2
    assert run(DeleteSection, render, input_stack="none", zs=[1])[0] == 1
    renderapi.stack.set_stack_state("raw", "READ_ONLY", render=render)
    assert run(DeleteSection, render, input_stack="raw", zs=[1])[0] == 1
    assert state(render, "raw") == "READ_ONLY" and len(zs_of(render, "raw")) == 3


def test_all_go_at_once_or_none(render, raw, capsys, monkeypatch):
    def lost(*args, **kwargs):
        raise ConflictError("the service went away")

    monkeypatch.setattr("renderapi.stackchanges.change_stacks", lost)
    assert run(DeleteSection, render, input_stack="raw", zs=[0, 1])[0] == 1
    assert "went away" in capsys.readouterr().err
    assert zs_of(render, "raw") == [0.0, 1.0, 2.5] and state(render, "raw") == "COMPLETE"


def test_what_stays_is_as_it_was(render, raw):
    before = documents(render, "raw")
    version = renderapi.stack.get_full_stack_metadata("raw", render=render)["currentVersion"]
    assert run(DeleteSection, render, input_stack="raw", zs=[0, 1])[0] == 0
    assert documents(render, "raw") == {k: v for k, v in before.items() if v["z"] == 2.5}
    after = renderapi.stack.get_full_stack_metadata("raw", render=render)["currentVersion"]
    assert after == version
