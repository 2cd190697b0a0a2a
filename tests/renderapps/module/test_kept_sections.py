"""Sections that stay in a stack are not changed by what is written beside them."""

import pytest
from transfer_stacks import LENS, full_tile, put_stack

from renderapps.module import RenderModuleException
from renderapps.module.kept_sections import KeptSections
from renderapps.module.tile_documents import Section


@pytest.fixture
def stack(render):
    put_stack(render, "s", [[full_tile("a", 0, {})], [full_tile("b", 1, {})]])


def test_a_tile_of_a_kept_section_is_not_taken_away(render, stack):
    kept = KeptSections.beside(render, "s", [1.0, 2.0])
    kept.check(Section(1.0, [full_tile("b", 1, {})], {"lens": LENS}))
    with pytest.raises(RenderModuleException, match="tile a is already in another section"):
        kept.check(Section(2.0, [full_tile("a", 2, {})], {}))


def test_a_shared_transform_keeps_its_meaning(render, stack):
    kept = KeptSections.beside(render, "s", [1.0])
    other = LENS | {"dataString": "1.0 0.0 0.0 1.0 0.0 0.0"}
    with pytest.raises(RenderModuleException, match="share another transform lens"):
        kept.check(Section(1.0, [full_tile("b", 1, {})], {"lens": other}))


def test_nothing_is_kept_by_a_new_stack_or_one_that_is_written_whole(render, stack):
    for name, zs in (("none", [0.0]), ("s", [0.0, 1.0, 5.0])):
        kept = KeptSections.beside(render, name, zs)
        assert kept.tile_ids == set()
        kept.check(Section(5.0, [full_tile("a", 5, {})], {"lens": {}}))
