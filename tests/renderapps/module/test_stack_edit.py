"""Stacks made from stacks: what is kept, what is replaced, and what a failure leaves."""

import numpy as np
import pytest
from argschema.fields import Float, List, Str

import renderapi
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.stack import StackVersion
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderapps.module import (
    ParameterError,
    RenderModuleException,
    StackEditModule,
    StackEditParameters,
)
from renderapps.module.stacks import stack_state


class ShiftParameters(StackEditParameters):
    input_stack = Str(required=True)
    output_stack = Str(allow_none=True, load_default=None)
    dx = Float(load_default=10.0)
    bad_z = Float(allow_none=True, load_default=None)
    new_z = Float(load_default=0.0)
    drop = List(Str(), load_default=list)


class Shift(StackEditModule):
    """Shift the tiles of a stack."""

    default_schema = ShiftParameters

    def prepare(self):
        self.shift = AffineModel(B0=self.args["dx"])

    def output_z(self, z):
        return z + self.args["new_z"]

    def edit(self, sections):
        (section,) = sections
        tiles = [t for t in section.resolved().tilespecs if t.tileId not in self.args["drop"]]
        for tile in tiles:
            if tile.z == self.args["bad_z"]:
                raise RenderModuleException("this one is bad")
            tile.z = self.output_z(tile.z)
            tile.tforms.append(self.shift)
        return section.with_tilespecs(tiles), {"shifted": len(tiles)}


class ShiftInPlace(Shift):
    """Shift the tiles of a stack, always in place."""

    outputs = ("input_stack",)


ZS = (0.0, 1.0, 2.5)


@pytest.fixture
def stack(render):
    """Stack `raw` of three sections of two tiles behind one shared lens."""
    version = StackVersion(
        stackResolutionX=4.0, stackResolutionY=5.0, stackResolutionZ=50.0, cycleNumber=7
    )
    renderapi.stack.set_stack_metadata("raw", version, render=render)
    for z in ZS:
        put(render, "raw", z)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
    return "raw"


def put(render, stack, z, names=("a", "b"), x=0.0):
    lens = AffineModel(M00=1.01, transformId="lens")
    tiles = [
        TileSpec(
            tileId=f"{name}_{z}",
            z=z,
            width=100,
            height=80,
            sectionId=str(z),
            tforms=[ReferenceTransform(refId="lens"), AffineModel(B0=x + 90 * i)],
        )
        for i, name in enumerate(names)
    ]
    resolved = ResolvedTiles(tilespecs=tiles, transformList=[lens])
    renderapi.resolvedtiles.put_tilespecs(stack, resolved_tiles=resolved, render=render)


def run(render, cls=Shift, **data):
    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    module = cls(input_data={"render": group, "input_stack": "raw", "pool_size": 1} | data, args=[])
    module.run()
    return module


def boxes(render, stack):
    """Left edges of the tiles of a stack, by tile."""
    zs = renderapi.stack.get_z_values_for_stack(stack, render=render)
    tiles = [
        t for z in zs for t in renderapi.tilespec.get_tile_specs_from_z(stack, z, render=render)
    ]
    return {tile.tileId: tile.minX for tile in tiles}


def resolution(render, stack):
    version = renderapi.stack.get_stack_metadata(stack, render=render)
    return (
        version.stackResolutionX,
        version.stackResolutionY,
        version.stackResolutionZ,
        version.cycleNumber,
    )


def test_a_new_stack_is_complete_and_keeps_transforms_shared(render, stack):
    module = run(render, output_stack="out")
    assert stack_state(render, "out") == "COMPLETE"
    before, after = boxes(render, stack), boxes(render, "out")
    assert before.keys() == after.keys()
    np.testing.assert_allclose([after[t] - before[t] for t in before], 10.0, atol=1e-9, rtol=0)
    section = renderapi.resolvedtiles.get_resolved_tiles_from_z("out", 2.5, render=render)
    assert [t.transformId for t in section.transforms] == ["lens"]
    assert isinstance(section.tilespecs[0].tforms[0], ReferenceTransform)
    assert resolution(render, "out") == (4.0, 5.0, 50.0, 7)
    assert module.result["output_stack"] == "out"
    assert module.result["failed_sections"] == []
    assert module.result["sections"][2] == {
        "z": 2.5,
        "tiles": 2,
        "dropped_tiles": [],
        "shifted": 2,
    }


def test_in_parallel_it_is_the_same(render, stack):
    run(render, output_stack="one")
    run(render, output_stack="two", pool_size=2)
    assert boxes(render, "one") == boxes(render, "two")


def test_running_again_gives_the_same(render, stack):
    run(render, output_stack="out")
    before = boxes(render, "out")
    run(render, output_stack="out")
    assert boxes(render, "out") == before
    assert stack_state(render, "out") == "COMPLETE"


def test_sections_that_are_written_are_replaced_and_others_kept(render, stack):
    renderapi.stack.create_stack("out", render=render)
    put(render, "out", 1.0, names=("old", "a"), x=500)
    put(render, "out", 9.0, names=("kept",))
    run(render, output_stack="out", zs=[1])
    assert set(boxes(render, "out")) == {"a_1.0", "b_1.0", "kept_9.0"}


def test_existing_replace_empties_and_fail_refuses(render, stack):
    renderapi.stack.create_stack("out", render=render)
    put(render, "out", 9.0)
    with pytest.raises(RenderModuleException, match="stack out has tiles"):
        run(render, output_stack="out", existing="fail")
    assert set(boxes(render, "out")) == {"a_9.0", "b_9.0"}
    run(render, output_stack="out", existing="replace", maxZ=1)
    assert set(boxes(render, "out")) == {"a_0.0", "b_0.0", "a_1.0", "b_1.0"}
    assert resolution(render, "out") == (4.0, 5.0, 50.0, 7)


def test_what_is_replaced_is_there_until_the_new_is_complete(render, stack):
    renderapi.stack.create_stack("out", render=render)
    put(render, "out", 9.0)
    renderapi.stack.set_stack_state("out", "COMPLETE", render=render)
    before = boxes(render, "out")
    with pytest.raises(RenderModuleException, match="all is left as it was"):
        run(render, output_stack="out", existing="replace", bad_z=1)
    assert boxes(render, "out") == before and stack_state(render, "out") == "COMPLETE"
    with pytest.raises(RenderModuleException, match="no tiles are left"):
        run(render, output_stack="out", existing="replace", zs=[0], drop=["a_0.0", "b_0.0"])
    assert boxes(render, "out") == before
    run(render, output_stack="out", existing="replace")
    assert set(boxes(render, "out")) == set(boxes(render, stack))
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    assert sorted(stacks) == ["out", "raw"]


@pytest.mark.parametrize("cls", [Shift, ShiftInPlace])
def test_in_place_the_result_takes_the_place_of_the_stack(render, stack, cls):
    before = boxes(render, stack)
    run(render, cls, in_place=True)
    after = boxes(render, stack)
    assert {t: round(after[t] - before[t], 6) for t in before} == dict.fromkeys(before, 10.0)
    assert stack_state(render, stack) == "COMPLETE"
    assert resolution(render, stack) == (4.0, 5.0, 50.0, 7)
    assert renderapi.render.get_stacks_by_owner_project(render=render) == [stack]


def test_in_place_some_sections_leave_the_others_as_they_were(render, stack):
    before = boxes(render, stack)
    run(render, in_place=True, output_stack=stack, zs=[1])
    after = boxes(render, stack)
    moved = {t for t in before if after[t] != before[t]}
    assert moved == {"a_1.0", "b_1.0"}
    assert after.keys() == before.keys()


@pytest.mark.parametrize("size", [1, 2])
def test_a_failed_section_is_reported_and_the_output_not_completed(render, stack, size, tmp_path):
    target = tmp_path / "out.json"
    with pytest.raises(RenderModuleException) as caught:
        run(render, output_stack="out", bad_z=1, pool_size=size, output_json=str(target))
    assert str(caught.value) == (
        "1 of 3 sections failed; z=1: this one is bad; all is left as it was"
    )
    assert renderapi.render.get_stacks_by_owner_project(render=render) == [stack]
    assert '"reason": "this one is bad"' in target.read_text()


def test_an_output_of_which_no_section_was_made_is_not_left_behind(render, stack):
    with pytest.raises(RenderModuleException, match="all is left as it was"):
        run(render, output_stack="out", zs=[1], bad_z=1)
    assert renderapi.render.get_stacks_by_owner_project(render=render) == [stack]
    renderapi.stack.create_stack("out", render=render)
    with pytest.raises(RenderModuleException, match="all is left as it was"):
        run(render, output_stack="out", zs=[1], bad_z=1)
    assert stack_state(render, "out") == "LOADING"


def test_a_failure_in_place_leaves_the_stack_as_it_was(render, stack):
    before = boxes(render, stack)
    with pytest.raises(RenderModuleException, match="all is left as it was"):
        run(render, in_place=True, bad_z=1)
    assert boxes(render, stack) == before
    assert stack_state(render, stack) == "COMPLETE"
    assert renderapi.render.get_stacks_by_owner_project(render=render) == [stack]


def test_stacks_of_users_with_such_names_stay(render, stack):
    names = ["raw_new_of_this_edit", "raw_replaced_0a1b2c3d", "raw_unfinished_0a1b2c3d"]
    for name in names:
        renderapi.stack.clone_stack(stack, name, render=render)
    run(render, in_place=True)
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    assert sorted(stacks) == [stack, *names]


def test_dropped_tiles_are_listed_and_an_empty_section_is_left_out(render, stack):
    module = run(render, output_stack="out", drop=["a_0.0", "a_1.0", "b_1.0"])
    assert [s["dropped_tiles"] for s in module.result["sections"]] == [
        ["a_0.0"],
        ["a_1.0", "b_1.0"],
        [],
    ]
    assert set(boxes(render, "out")) == {"b_0.0", "a_2.5", "b_2.5"}


def test_no_tiles_at_all_is_an_error(render, stack):
    with pytest.raises(RenderModuleException, match="no tiles are left to write to stack out"):
        run(render, output_stack="out", zs=[0], drop=["a_0.0", "b_0.0"])


def test_sections_may_move(render, stack):
    run(render, output_stack="out", new_z=10)
    assert renderapi.stack.get_z_values_for_stack("out", render=render) == [10.0, 11.0, 12.5]


def test_sections_that_move_in_place_leave_nothing_where_they_were(render, stack):
    run(render, in_place=True, zs=[0, 1], new_z=1, drop=["b_0.0"])
    assert renderapi.stack.get_z_values_for_stack(stack, render=render) == [1.0, 2.0, 2.5]
    assert set(boxes(render, stack)) == {"a_0.0", "a_1.0", "b_1.0", "a_2.5", "b_2.5"}


def test_close_stack_false_leaves_it_open(render, stack):
    run(render, output_stack="out", close_stack=False)
    assert stack_state(render, "out") == "LOADING"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"output_stack": "raw"}, "output_stack: raw is also an input"),
        ({}, "output_stack: missing; name a stack, or give in_place"),
        ({"output_stack": "x", "in_place": True}, "in_place: output_stack x is none of the inputs"),
        ({"in_place": True, "existing": "replace"}, "existing: is for an output that is not"),
    ],
)
def test_roles_that_do_not_go_together_are_parameter_errors(render, stack, data, told):
    with pytest.raises(ParameterError) as caught:
        run(render, **data)
    assert caught.value.problems[0].startswith(told)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({"input_stack": "none"}, "no stack none in project project of owner test"),
        ({"zs": [7]}, "stack raw has no section at z=7; it has 3 sections from z=0 to 2.5"),
        ({"minZ": 3}, "stack raw has no section in what was asked for"),
        ({"output_stack": "locked"}, "stack locked is READ_ONLY"),
    ],
)
def test_stacks_that_cannot_be_used_are_one_clear_line(render, stack, data, told):
    renderapi.stack.clone_stack(stack, "locked", render=render)
    renderapi.stack.set_stack_state("locked", "READ_ONLY", render=render)
    with pytest.raises(RenderModuleException) as caught:
        run(render, **{"output_stack": "out", **data})
    assert str(caught.value).startswith(told)


def test_a_read_only_stack_is_not_edited_in_place(render, stack):
    renderapi.stack.set_stack_state(stack, "READ_ONLY", render=render)
    with pytest.raises(RenderModuleException, match="stack raw is READ_ONLY"):
        run(render, in_place=True)
