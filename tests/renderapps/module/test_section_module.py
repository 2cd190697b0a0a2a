"""Modules that work section by section, and which sections they take."""

import pytest
from argschema.fields import Str
from hypothesis import given
from hypothesis import strategies as st

import renderapi
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.module import RenderModuleException, SectionModule, SectionParameters
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_zs
from renderapps.stack.merge_stacks import MergeStacks
from renderapps.stack.remap_zs import RemapZs


class CountParameters(SectionParameters):
    input_stack = Str(required=True)


class Count(SectionModule):
    """Count the tiles of each section."""

    default_schema = CountParameters

    def prepare(self):
        self.factor = 100

    def process_section(self, z):
        if z == 2:
            raise RenderModuleException("section 2 is bad")
        tiles = renderapi.tilespec.get_tile_specs_from_z(
            self.args["input_stack"], z, render=self.render
        )
        return {"tiles": self.factor * len(tiles)}

    def finish(self, sections):
        return {"total": sum(section["tiles"] for section in sections)}


@pytest.fixture
def stack(render):
    renderapi.stack.create_stack("raw", render=render)
    tiles = [
        TileSpec(tileId=f"{z}_{i}", z=z, width=9, height=9, tforms=[AffineModel()])
        for z in range(4)
        for i in range(z + 1)
    ]
    renderapi.resolvedtiles.put_tilespecs(
        "raw", resolved_tiles=ResolvedTiles(tilespecs=tiles), render=render
    )
    return "raw"


def count(render, **data):
    group = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    return Count(input_data={"render": group, "input_stack": "raw"} | data, args=[])


@pytest.mark.parametrize("size", [1, 2])
def test_sections_are_processed_and_reported(render, stack, size):
    module = count(render, zs=[3, 0], pool_size=size)
    module.run()
    assert module.result == {
        "sections": [{"z": 0.0, "tiles": 100}, {"z": 3.0, "tiles": 400}],
        "failed_sections": [],
        "total": 500,
    }


def test_failed_sections_are_reported_after_the_others_are_done(render, stack):
    module = count(render, minZ=1, pool_size=1)
    with pytest.raises(RenderModuleException, match="1 of 3 sections failed; z=2: section 2 is"):
        module.run()
    assert module.result["failed_sections"] == [{"z": 2.0, "reason": "section 2 is bad"}]
    assert module.result["total"] == 600


def test_a_stack_without_tiles_or_no_stack_is_one_clear_line(render):
    with pytest.raises(RenderModuleException, match="no stack raw in project project of owner"):
        count(render).run()
    renderapi.stack.create_stack("raw", render=render)
    with pytest.raises(RenderModuleException, match="stack raw has no tiles"):
        count(render).run()


Z_VALUES = st.lists(st.integers(-50, 50).map(lambda i: i / 4), min_size=1, unique=True).map(sorted)


@given(Z_VALUES, st.floats(-15, 15), st.floats(-15, 15))
def test_a_range_takes_what_lies_in_it_inclusive(available, one, other):
    low, high = min(one, other), max(one, other)
    expected = [z for z in available if low <= z <= high]
    if expected:
        assert chosen_zs(available, None, low, high, "stack s") == expected
    else:
        with pytest.raises(RenderModuleException):
            chosen_zs(available, None, low, high, "stack s")


@given(Z_VALUES, st.data())
def test_named_sections_are_taken_once_each_in_order(available, data):
    named = data.draw(st.lists(st.sampled_from(available), min_size=1))
    assert chosen_zs(available, named, None, None, "stack s") == sorted(set(named))
    assert chosen_zs(available, None, None, None, "stack s") == available


def test_sections_that_are_not_there_are_named():
    with pytest.raises(RenderModuleException) as caught:
        chosen_zs([0.0, 1.0], [1, 5, 2.5], None, None, "stack s")
    assert str(caught.value) == (
        "stack s has no section at z=2.5, 5; it has 2 sections from z=0 to 1"
    )


def test_tiles_without_z_are_not_left_out_in_silence(render):
    """A tile in no section: modules that walk over sections refuse the stack, and name it."""
    tile = {"width": 9, "height": 9, "transforms": {"type": "list", "specList": []}}
    tile["mipmapLevels"] = {"0": {"imageUrl": "file:///nowhere/a.png"}}
    body = {"a": tile | {"z": 1}, "b": tile, "c": tile | {"z": 2}}
    renderapi.stack.create_stack("s", render=render)
    where = (render.DEFAULT_HOST, None, render.DEFAULT_OWNER, render.DEFAULT_PROJECT, "s")
    url = renderapi.render.format_preamble(*where) + "/resolvedTiles"
    with renderapi.session.new_session() as session:
        renderapi.utils.put_json(
            session, url, {"tileIdToSpecMap": body}, params={"deriveData": "true"}
        )
    renderapi.stack.set_stack_state("s", "COMPLETE", render=render)
    message = r"stack s has 1 tiles without z \(b\), which are in no section"
    with pytest.raises(RenderModuleException, match=message):
        stack_zs(render, "s")
    assert stack_zs(render, "s", every_tile=False) == [1.0, 2.0]
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    for module, parameters in (
        (RemapZs, {"input_stack": "s", "output_stack": "t", "zs": [1], "new_zs": [7]}),
        (MergeStacks, {"stacks": ["s", "s2"], "output_stack": "t"}),
    ):
        renderapi.stack.clone_stack("s", "s2", render=render) if module is MergeStacks else None
        with pytest.raises(RenderModuleException, match="has 1 tiles without z"):
            module(input_data={"render": connection} | parameters, args=[]).run()
