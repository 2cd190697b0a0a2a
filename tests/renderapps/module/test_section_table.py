"""Sections of a stack by sectionId and by z."""

import pytest
from layered_stacks import layers, put, tile

import renderapi
from renderapi.layout import Layout
from renderapps.module import RenderModuleException
from renderapps.module.section_table import section_table


def test_ids_are_text_and_neither_side_is_unique(render):
    first = [tile("a", 1.0, section="s1"), tile("b", 1.0, 500, section="s1_again")]
    second = [tile("c", 2.5, section="10"), tile("d", 2.5, section="s1")]
    put(render, "s", [first, second])
    table = section_table(render, "s")
    assert table.zs == [1.0, 2.5]
    assert table.zs_of == {"10": [2.5], "s1": [1.0, 2.5], "s1_again": [1.0]}
    assert table.sections_at == {1.0: ["s1", "s1_again"], 2.5: ["10", "s1"]}
    left, _, right, _ = table.box_at(1.0)
    assert left == pytest.approx(0, abs=1) and right == pytest.approx(540, abs=2)


def test_tiles_without_a_section_go_by_their_z_as_in_matches(render):
    bare = tile("a", 3.0)
    bare.layout = Layout()
    put(render, "s", [[bare]])
    assert section_table(render, "s").zs_of == {"3.0": [3.0]}


def test_a_stack_that_was_never_complete_is_read_from_its_tiles(render):
    put(render, "s", [[tile("a", 1.0, section="x")]], state="LOADING")
    assert section_table(render, "s").sections_at == {1.0: ["x"]}


def test_stacks_without_tiles_are_named(render):
    layers(render, "other", zs=(0.0,))
    with pytest.raises(RenderModuleException, match=r"no stack s .*there are other"):
        section_table(render, "s")
    renderapi.stack.create_stack("s", render=render)
    with pytest.raises(RenderModuleException, match="stack s"):
        section_table(render, "s")
