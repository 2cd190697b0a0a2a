"""Overlap of outlines, against areas that are known."""

import math

import numpy as np
import pytest

from renderapi.matching.overlaps import (
    OutlineLayer,
    outline_layer,
    overlapping,
    overlapping_pairs,
    search_boxes,
)

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def tile(name, numbers="1 0 0 1 0 0", section="1.0", size=(100, 100), **more):
    leaf = {"type": "leaf", "className": AFFINE, "dataString": numbers}
    transforms = {"type": "list", "specList": [leaf]}
    layout = {} if section is None else {"sectionId": section}
    sides = {"width": size[0], "height": size[1]}
    return {"tileId": name, "transforms": transforms, "layout": layout} | sides | more


def layer(z, *tiles):
    return outline_layer(z, tiles)


def test_the_share_is_of_the_first_and_must_be_exceeded():
    small = layer(1.0, tile("s", size=(10, 10)))
    large = layer(2.0, tile("l", "1 0 0 1 6 0", section="2.0"))  # covers 40 % of the small one
    assert [p.key for p in overlapping_pairs(small, large, 0.399)] == [("1.0", "s", "2.0", "l")]
    assert overlapping_pairs(small, large, 0.4) == []
    assert overlapping_pairs(large, small, 0.003999)  # and that is 0.4 % of the large one
    assert overlapping_pairs(large, small, 0.004) == []


def test_touching_tiles_do_not_overlap():
    pair = layer(1.0, tile("a")), layer(2.0, tile("b", "1 0 0 1 100 0"))
    assert overlapping_pairs(*pair, 0) == []
    assert len(overlapping_pairs(*pair, None)) == 1


def test_rotated_tiles_count_as_they_lie():
    # a square turned by 45 degrees about its centre shares the octagon 2 (sqrt 2 - 1) of itself
    c = math.sqrt(0.5)
    turned = tile("t", f"{c} {c} {-c} {c} 50 {50 - 100 * c}")
    share = 2 * (math.sqrt(2) - 1)
    one, other = layer(1.0, tile("s")), layer(2.0, turned)
    assert overlapping_pairs(one, other, share - 1e-6)
    assert not overlapping_pairs(one, other, share + 1e-6)
    # boxes overlap at this corner, outlines do not
    corner = layer(2.0, tile("c", "1 0 0 1 110 110", size=(20, 20)))
    assert not overlapping_pairs(other, corner, 0)


def test_the_margin_decides_where_no_share_is_asked_for():
    one, other = layer(1.0, tile("a", size=(100, 50))), layer(2.0, tile("b", "1 0 0 1 115 0"))
    assert overlapping_pairs(one, other, None, radius=0.1) == []
    assert len(overlapping_pairs(one, other, None, radius=0.16)) == 1
    below = layer(
        2.0, tile("b", "1 0 0 1 0 60")
    )  # the margin above and below is that of the height
    assert overlapping_pairs(one, below, None, radius=0.19) == []
    assert len(overlapping_pairs(one, below, None, radius=0.21)) == 1
    ((box),) = search_boxes(one.outlines, 0.1)
    np.testing.assert_allclose(box, [-10, -5, 110, 55])


def test_pairs_are_in_string_order_with_the_distance_of_their_layers():
    one = layer(9.0, tile("z", section="9"), tile("bare", section=None))
    other = layer(10.5, tile("a", section="10"))
    assert {
        (p.p_group, p.p_id, p.q_group, p.q_id, p.delta_z) for p in overlapping_pairs(one, other)
    } == {
        ("10", "a", "9", "z", 1.5),
        ("10", "a", "9.0", "bare", 1.5),
    }


def test_tiles_without_an_area_are_named():
    flat = layer(1.0, tile("flat", "1 0 0 0 0 0"), tile("good"), tile("none", width=None))
    assert [name for _, name in flat.tiles] == ["good"]
    assert "no area" in flat.skipped["flat"] and "no width" in flat.skipped["none"]
    empty = OutlineLayer(2.0, [], [])
    assert overlapping_pairs(flat, empty) == overlapping_pairs(empty, flat) == []


@pytest.mark.parametrize("seed", range(3))
def test_every_pair_is_found_that_trying_all_finds(seed):
    rng = np.random.default_rng(seed)

    def some(z):
        numbers = rng.uniform(-1, 1, (30, 4)), rng.uniform(0, 400, (30, 2))
        rows = [" ".join(map(str, row)) for row in np.hstack(numbers)]
        return layer(z, *[tile(f"{z}_{k}", row) for k, row in enumerate(rows)])

    one, other = some(1.0), some(2.0)
    i, j = overlapping(one.outlines, other.outlines, 0.2)
    expected = {
        (a, b)
        for a, p in enumerate(one.outlines)
        for b, q in enumerate(other.outlines)
        if p.intersection(q).area > 0.2 * p.area
    }
    assert set(zip(i.tolist(), j.tolist(), strict=True)) == expected and expected
