"""Which tiles are neighbours."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.matching.neighbours import (
    Layer,
    NeighbourParameters,
    layer_of_bounds,
    neighbour_pairs,
    tiles_in_box,
    visible_tiles,
)


def grid(rows, columns, z=1.0, step=90.0, size=100.0):
    ids = [f"z{z:g}_r{r}_c{c}" for r in range(rows) for c in range(columns)]
    corner = np.array([[c * step, r * step] for r in range(rows) for c in range(columns)])
    return Layer(z, ids, [f"{z:.1f}"] * len(ids), np.column_stack([corner, corner + size]))


def pairs_of(layers, **parameters):
    batches = neighbour_pairs(layers, NeighbourParameters(**parameters))
    return [pair for batch in batches for pair in batch]


def test_a_montage_pairs_sides_and_not_corners():
    found = pairs_of([grid(3, 4)])
    assert len(found) == 3 * 3 + 2 * 4
    assert found == sorted(found, key=lambda p: p.order)
    by_key = {(p.p_id, p.q_id): p for p in found}
    side = by_key["z1_r0_c0", "z1_r0_c1"]
    assert (side.p_position, side.q_position, side.delta_z) == ("LEFT", "RIGHT", None)
    below = by_key["z1_r0_c0", "z1_r1_c0"]
    assert (below.p_position, below.q_position) == ("TOP", "BOTTOM")


def test_pairs_of_a_tile_come_by_its_position_then_by_the_other_tile():
    ids, around = ["a", "b", "c", "d", "e"], [(90, 0), (-90, 0), (0, 90), (0, -90)]
    corner = np.array([(0, 0), *around], float)
    cross = Layer(1.0, ids, ["s"] * 5, np.column_stack([corner, corner + 100]))
    found = pairs_of([cross])
    # a lies above d, below e, left of b and right of c
    assert [(p.p_id, p.p_position, p.q_id) for p in found if p.p_id == "a"] == [
        ("a", "TOP", "d"), ("a", "BOTTOM", "e"), ("a", "LEFT", "b"), ("a", "RIGHT", "c"),
    ]  # fmt: skip
    above = Layer(2.0, ["a2", "z"], ["s", "s"], cross.boxes[:2])
    mixed = next(neighbour_pairs([cross, above], NeighbourParameters(z_distance=1)))
    assert mixed == sorted(mixed, key=lambda p: p.order)
    positions = [p.p_position for p in mixed if p.p_id == "a"]
    assert positions[:4] == ["TOP", "BOTTOM", "LEFT", "RIGHT"] and not any(positions[4:])


def test_corners_come_on_request():
    found = pairs_of([grid(3, 4)], exclude_corners=False)
    assert len(found) == 3 * 3 + 2 * 4 + 2 * 2 * 3


def test_layers_are_paired_up_to_the_distance_in_z():
    layers = [grid(2, 2, z) for z in (1.0, 2.0, 2.5, 4.0)]
    found = pairs_of(layers, z_distance=1.5)
    assert {p.delta_z for p in found} == {None, 0.5, 1.0, 1.5}
    assert not any(p.p_position for p in found if p.delta_z is not None)
    only = pairs_of(layers, z_distance=1.5, exclude_same_layer=True)
    assert only == [p for p in found if p.delta_z is not None]


def test_ids_are_ordered_as_text():
    layers = [grid(1, 1, 9.0), grid(1, 1, 10.0)]
    (pair,) = pairs_of(layers, z_distance=1)
    assert (pair.p_group, pair.q_group) == ("10.0", "9.0")


def test_pairs_of_one_section_or_with_a_position_can_be_left_out():
    assert not pairs_of([grid(2, 2)], exclude_same_section=True)
    found = pairs_of([grid(2, 2)], exclude_position="TOP")
    assert {(p.p_position, p.q_position) for p in found} == {("LEFT", "RIGHT")}


def test_a_tile_under_others_is_left_out():
    layer = Layer(
        1.0,
        ["a", "b", "c", "d"],
        ["1"] * 4,
        np.array([[0, 0, 10, 10], [0, 0, 6, 10], [5, 0, 10, 10], [0, 0, 9, 9.0]]),
    )
    assert visible_tiles(layer).ids == ["b", "c", "d"]
    same = Layer(1.0, ["a", "b"], ["1"] * 2, np.array([[0, 0, 5, 5], [0, 0, 5, 5.0]]))
    assert visible_tiles(same).ids == ["b"]


def test_only_sources_start_pairs():
    batches = neighbour_pairs([grid(1, 5)], NeighbourParameters(), sources={"z1_r0_c0"})
    assert [(p.p_id, p.q_id) for batch in batches for p in batch] == [("z1_r0_c0", "z1_r0_c1")]


def test_bounds_without_section_go_by_z():
    row = {"tileId": "t", "minX": 0, "minY": 1, "maxX": 2, "maxY": 3}
    layer = layer_of_bounds(3.0, [row | {"tileId": "u", "sectionId": "s"}, row])
    assert (layer.ids, layer.groups) == (["t", "u"], ["3.0", "s"])
    assert tiles_in_box(layer, (2, 3, 9, 9)).ids == ["t", "u"]
    assert tiles_in_box(layer, (2.1, 3, 9, 9)).ids == []
    assert layer_of_bounds(3.0, []).boxes.shape == (0, 4)
    assert pairs_of([layer_of_bounds(3.0, [])]) == []


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.booleans(), st.floats(0.3, 1.5))
def test_pairs_equal_those_of_the_definition(seed, corners, factor):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 300, (15, 2))
    boxes = np.column_stack([low, low + rng.uniform(30, 120, (15, 2))])
    layer = Layer(1.0, [f"t{i:02d}" for i in range(15)], ["1"] * 15, boxes)
    expected = set()
    for i, a in enumerate(boxes):
        centre, radius = (a[:2] + a[2:]) / 2, max(a[2] - a[0], a[3] - a[1]) * factor
        for j, b in enumerate(boxes):
            gap = np.maximum(np.maximum(b[:2] - centre, centre - b[2:]), 0)
            c = (b[:2] + b[2:]) / 2
            beside = a[0] <= c[0] <= a[2] or a[1] <= c[1] <= a[3]
            if i != j and np.hypot(*gap) <= radius and (beside or not corners):
                expected.add(tuple(sorted((i, j))))
    found = pairs_of([layer], xy_factor=factor, exclude_corners=corners, exclude_obscured=False)
    assert {(int(p.p_id[1:]), int(p.q_id[1:])) for p in found} == expected


def test_pairs_of_ten_thousand_tiles_take_seconds():
    layers = (grid(10, 20, float(z)) for z in range(50))
    start = time.process_time()
    count = sum(len(batch) for batch in neighbour_pairs(layers, NeighbourParameters(z_distance=2)))
    assert count == pytest.approx(112_000, rel=0.1)
    assert time.process_time() - start < 20  # 100,000 must stay below 60 s on a free machine
