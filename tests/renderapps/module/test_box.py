"""Boxes: sides that default to the bounds of the stack, and reading by them."""

import pytest
from layered_stacks import lens, put, tile
from marshmallow import ValidationError

from renderapps.module.box import Box, BoxParameters, box_of, read_box
from renderapps.module.tile_documents import read_section


@pytest.fixture
def stack(render):
    """Tiles of 40 x 30 (behind the lens 40.4 x 29.7) at x = 0, 100, 200."""
    tiles = [tile(name, 1.0, x, 50.0) for name, x in zip("abc", (0, 100, 200), strict=True)]
    put(render, "raw", [tiles, [tile("d", 2.0, 0, 0)]], shared=[lens()])
    return "raw"


def names(section):
    return sorted(section.tile_ids)


def test_reading_by_box_gives_what_touches_it_as_it_is_stored(render, stack):
    whole = {t["tileId"]: t for t in read_section(render, stack, 1.0).tiles}
    right = whole["b"]["maxX"]
    for box, expected in (
        (Box(50, 0, 99.5, 500), []),
        (Box(50, 0, 100, 500), ["b"]),
        (Box(right, 0, 1e9, 500), ["b", "c"]),
        (Box(-5, -5, 500, 49.5), []),
        (Box(-5, -5, 500, 50.5), ["a", "b", "c"]),
        (Box(-5, whole["a"]["maxY"] + 0.5, 500, 900), []),
        (Box.of({}), ["a", "b", "c"]),
    ):
        found = read_box(render, stack, 1.0, box)
        assert names(found) == expected
        assert found.tiles == [whole[t["tileId"]] for t in found.tiles]
        assert set(found.transforms) == ({"lens"} if expected else set())
    assert names(read_box(render, stack, 2.0, Box.of({}))) == ["d"]
    assert read_box(render, stack, 7.0, Box.of({})).tiles == []


def test_sides_that_are_not_given_are_those_of_the_stack(render, stack):
    box = box_of({"minX": 10.0, "maxY": 60.0}, render, stack)
    assert (box.min_x, box.max_y) == (10.0, 60.0)
    assert box.min_y == pytest.approx(0, abs=1) and box.max_x == pytest.approx(240, abs=1)
    assert box_of(dict.fromkeys(("minX", "maxX", "minY", "maxY"), 3.0), None, "") == (3,) * 4


def test_touching_and_holding():
    box = Box(0, 0, 10, 20)

    def of(*sides):
        return dict(zip(("minX", "minY", "maxX", "maxY"), sides, strict=True))

    for inside in (of(0, 0, 10, 20), of(1, 1, 2, 2)):
        assert box.holds(inside) and box.touches(inside)
    for sides in (of(-1, 0, 10, 20), of(0, -1, 10, 20), of(0, 0, 11, 20), of(0, 0, 10, 21)):
        assert box.touches(sides) and not box.holds(sides)
    for border in (of(-9, 0, 0, 5), of(10, 0, 15, 5), of(0, -9, 5, 0), of(0, 20, 5, 25)):
        assert box.touches(border)
    for out in (of(-9, 0, -1, 5), of(11, 0, 15, 5), of(0, -9, 5, -1), of(0, 21, 5, 25)):
        assert not box.touches(out)


def test_a_box_is_not_inside_out():
    assert BoxParameters().load({"minX": 5, "maxX": 5})["minY"] is None
    with pytest.raises(ValidationError, match="is above maxY"):
        BoxParameters().load({"minY": 5, "maxY": 4})
