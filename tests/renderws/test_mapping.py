"""Which points lie in which boxes, against asking each box about each point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderws import mapping

NUMBERS = st.one_of(
    st.integers(-20, 20).map(float),
    st.floats(-1e6, 1e6),
    st.sampled_from([1e300, -1e300, 1e-300, 1e11]),
)


def expected(boxes, points, reach=0.0):
    return [
        (i, j)
        for i, (min_x, min_y, max_x, max_y) in enumerate(boxes)
        for j, (x, y) in enumerate(points)
        if min_x - reach <= x <= max_x + reach and min_y - reach <= y <= max_y + reach
    ]


def pairs(boxes, points):
    """Pairs of a box and a point in it; those that are only close to it are looked at here."""
    found = mapping._pairs(np.reshape(boxes, (-1, 4)), np.reshape(points, (-1, 2)))
    box, row, inside = (part.tolist() for part in found)
    every = list(zip(box, row, strict=True))
    assert every == sorted(every)
    assert set(expected(boxes, points, 1.0 - 1e-3)) <= set(every)
    assert set(every) <= set(expected(boxes, points, 1.0 + 1e-3))
    return [pair for pair, is_inside in zip(every, inside, strict=True) if is_inside]


@given(
    st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=12),
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20),
)
def test_pairs_are_those_of_every_box_and_every_point(boxes, points):
    assert pairs(boxes, points) == expected(boxes, points)


@pytest.mark.parametrize("at_once", [1, 50, 1 << 18])
def test_a_grid_of_boxes_in_parts(at_once, monkeypatch):
    monkeypatch.setattr(mapping, "_PAIRS", at_once)
    rng = np.random.default_rng(1)
    corners = np.stack(np.meshgrid(np.arange(9) * 90.0, np.arange(7) * 80.0), -1).reshape(-1, 2)
    boxes = np.hstack([corners, np.add(corners, [100, 90])])
    points = np.vstack([rng.uniform(-20, 900, (400, 2)), corners, np.add(corners, [100, 90])])
    assert pairs(boxes, points) == expected(boxes, points)
