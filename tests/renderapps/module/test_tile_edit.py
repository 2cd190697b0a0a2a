"""Editing documents: what collides with what stays is refused, and nothing is lost."""

import os

import pytest
from argschema.fields import Float
from layered_stacks import documents, layers, lens, put, read, run, state, tile, zs_of

import renderapi
from renderapps.module import RenderModuleException
from renderapps.module.effort import Effort
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.tile_documents import (
    Section,
    image_entries,
    put_section,
    read_section,
    replace_references,
    same_transform,
    shared_transform,
    tile_ids_at,
    tiles_to_write,
)


class RaiseParameters(TileEditParameters):
    by = Float(load_default=0.0)


class Raise(StackEditModule):
    """Move every section up by a number, and touch nothing else."""

    default_schema = RaiseParameters

    def output_z(self, z):
        return z + self.args["by"]

    def edit(self, sections):
        for document in sections[0].tiles:
            document["z"] += self.args["by"]
        return sections[0]


def test_a_copy_is_the_same_down_to_every_key(render):
    layers(render, "raw", channels=("DAPI",), levels=(0, 1, 2))
    assert run(Raise, render, input_stack="raw", output_stack="out")[0] == 0
    assert documents(render, "out") == documents(render, "raw")


def test_running_again_gives_the_same(render):
    layers(render, "raw")
    for _ in range(2):
        assert run(Raise, render, input_stack="raw", output_stack="out", by=1)[0] == 0
        assert zs_of(render, "out") == [1.0, 2.0, 3.5]


class TellProcess(StackEditModule):
    """Report the process that each section is edited in."""

    default_schema = TileEditParameters

    def edit(self, sections):
        return sections[0], {"process": os.getpid()}


def test_workers_are_started_for_many_tiles_only(render, monkeypatch):
    layers(render, "raw")  # 3 sections of 2 tiles
    given = {"input_stack": "raw", "output_stack": "out", "pool_size": 2}

    def in_this_process(**more):
        status, report = run(TellProcess, render, **given, **more)
        assert status == 0
        return {entry["process"] for entry in report["sections"]} == {os.getpid()}

    monkeypatch.setattr(TellProcess, "effort", Effort(3, 3))
    assert not in_this_process()
    assert in_this_process(maxZ=1)  # 4 tiles
    monkeypatch.setattr(TellProcess, "effort", Effort(4, 4))
    assert in_this_process()
    renderapi.stack.set_stack_state("raw", "LOADING", render=render)  # the service does not count
    assert not in_this_process()


def test_a_tile_of_a_section_that_stays_is_not_taken(render, capsys):
    layers(render, "raw")
    layers(render, "out", zs=(9.0,))
    put(render, "out", [[tile("a_1", 9.0)]])
    before = documents(render, "out")
    assert run(Raise, render, input_stack="raw", output_stack="out", zs=[1])[0] == 1
    assert "tile a_1 is already in section z=9 of stack out" in capsys.readouterr().err
    assert documents(render, "out") == before
    replaced = run(Raise, render, input_stack="raw", output_stack="out", zs=[1], existing="replace")
    assert replaced[0] == 0 and zs_of(render, "out") == [1.0]


def test_a_transform_that_a_section_that_stays_shares_is_not_changed(render, capsys):
    layers(render, "raw")
    put(render, "out", [[tile("other", 9.0)]], shared=[lens(M00=2.0)])
    assert run(Raise, render, input_stack="raw", output_stack="out")[0] == 1
    assert "share another transform lens" in capsys.readouterr().err
    assert shared_transform(render, "out", "lens")["dataString"] == lens(M00=2.0).dataString


def test_in_place_a_section_that_stays_is_not_overwritten(render, capsys):
    layers(render, "raw", zs=(0.0, 1.0))
    before = documents(render, "raw")
    assert run(Raise, render, input_stack="raw", in_place=True, zs=[0], by=1)[0] == 1
    assert "z=1 of stack raw would be overwritten" in capsys.readouterr().err
    assert documents(render, "raw") == before and state(render, "raw") == "COMPLETE"


def test_a_full_output_can_be_refused(render, capsys):
    layers(render, "raw")
    layers(render, "out", zs=(9.0,), prefix="x")
    assert run(Raise, render, input_stack="raw", output_stack="out", existing="fail")[0] == 1
    assert zs_of(render, "out") == [9.0] and state(render, "out") == "COMPLETE"
    assert run(Raise, render, input_stack="raw", output_stack="raw")[0] == 2
    assert "also an input" in capsys.readouterr().err


def test_a_missing_section_is_an_error_or_empty(render):
    layers(render, "raw")
    with pytest.raises(RenderModuleException, match="no section at z=7"):
        read_section(render, "raw", 7)
    assert read_section(render, "raw", 7, missing_ok=True) == Section(7)


def test_sections_with_doubles_or_strangers_are_refused():
    with pytest.raises(RenderModuleException, match="tileId a"):
        tiles_to_write(Section(1.0, [{"tileId": "a", "z": 1.0}] * 2), "out")
    with pytest.raises(RenderModuleException, match="tile a with z=2"):
        put_section(None, "out", Section(1.0, [{"tileId": "a", "z": 2.0}]))


def test_boxes_are_kept_or_derived(render):
    layers(render, "raw", zs=(1.0,), names="a")
    section = read_section(render, "raw", 1.0)
    section.tiles[0]["transforms"]["specList"] = []
    put(render, "out", [], state="LOADING")
    put_section(render, "out", section, moved=False)
    assert read(render, "out")["a_1"].minY == 100.0
    put_section(render, "out", section, moved=True)
    assert read(render, "out")["a_1"].bbox == (0, 0, 40, 30)


def test_ids_of_tiles_by_section(render):
    layers(render, "raw")
    assert tile_ids_at(render, "raw", [0.0, 2.5]) == {
        "a_0": 0.0, "b_0": 0.0, "a_2.5": 2.5, "b_2.5": 2.5,
    }  # fmt: skip


def test_references_are_replaced_at_every_depth():
    def spec(ref):
        leaf = {"className": "c", "dataString": "refId"}
        inner = {"type": "list", "specList": [leaf, {"type": "ref", "refId": ref}]}
        return {"type": "interpolated", "a": inner, "b": leaf, "lambda": 0.5}

    assert replace_references([spec("x")], {"x": "y"}) == [spec("y")]


def test_transforms_are_compared_without_their_ids():
    spec = {"className": "c", "dataString": "1 0", "id": "a"}
    assert same_transform(spec, {**spec, "id": "b", "type": "leaf"})
    assert not same_transform(spec, {**spec, "dataString": "1 1"})


def test_images_of_all_levels_and_channels():
    entries = {"0": {"imageUrl": "a"}, "01": {"imageUrl": "b"}, "2": None}
    both = {"mipmapLevels": entries, "channels": [{"mipmapLevels": {"0": {"imageUrl": "c"}}}]}
    assert [(k, e["imageUrl"]) for k, e in image_entries(both)] == [
        ("0", "a"),
        ("1", "b"),
        ("0", "c"),
    ]
    assert len(list(image_entries(both, channels=False))) == 2


def test_an_unnamed_output_is_refused(render):
    layers(render, "raw")
    assert run(Raise, render, input_stack="raw")[0] == 2
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["raw"]
