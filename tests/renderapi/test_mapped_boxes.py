"""Boxes of points under many maps, against those of every point mapped by AffineModel."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.bounds import border_samples
from renderapi.mapped_boxes import MANY_MAPS, boxes_of_mapped
from renderapi.transform import AffineModel

BORDER = border_samples(2560.0, 2160.0, 64.0)
BARREL = 1280 + (BORDER - 1280) * (1 - 1e-8 * ((BORDER - 1280) ** 2).sum(1, keepdims=True))

numbers = st.one_of(
    st.sampled_from([0.0, 1.0, -1.0, 0.5, 1 / 3]), st.floats(-3, 3, allow_subnormal=False)
)
shifts = st.one_of(
    st.integers(-(10**6), 10**6).map(float),
    st.floats(-1e6, 1e6, allow_subnormal=False),
)
affines = st.tuples(numbers, numbers, numbers, numbers, shifts, shifts)
points = st.one_of(
    st.sampled_from([BORDER, BARREL, BORDER[:1], BORDER[:40]]),
    st.integers(0, 1000).map(lambda n: np.random.default_rng(n).normal(0, 1000, (30, 2))),
)


def by_the_point(points, maps):
    """Boxes from mapping everything, tile by tile."""
    boxes = []
    for affines in maps:
        mapped = points
        for m00, m10, m01, m11, m02, m12 in affines:
            mapped = AffineModel(m00, m01, m10, m11, m02, m12).tform(mapped)
        (left, top), (right, bottom) = mapped.min(0), mapped.max(0)
        x, y = math.trunc(left), math.trunc(top)
        boxes.append((x, y, x + math.ceil(right - left), y + math.ceil(bottom - top)))
    return np.array(boxes, float)


@given(points, st.lists(st.lists(affines, min_size=2, max_size=2), min_size=1, max_size=12))
def test_boxes_are_those_of_all_points(points, maps):
    many = np.tile(np.array(maps), (MANY_MAPS, 1, 1))
    expected = np.tile(by_the_point(points, maps), (MANY_MAPS, 1))
    np.testing.assert_array_equal(boxes_of_mapped(points, many), expected)
    np.testing.assert_array_equal(boxes_of_mapped(points, np.array(maps)), expected[: len(maps)])


@pytest.mark.parametrize("degrees", [0, 30, 45, 90, 180, 270])
@pytest.mark.parametrize("samples", [BORDER, BARREL])
def test_turned_tiles_on_a_whole_number_grid(samples, degrees):
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    maps = np.array([[(c, s, -s, c, 2560.0 * n, -2160.0 * n)] for n in range(200)])
    np.testing.assert_array_equal(boxes_of_mapped(samples, maps), by_the_point(samples, maps))


def test_without_affines_all_have_the_box_of_the_points():
    boxes = boxes_of_mapped(BORDER, np.empty((100, 0, 6)))
    np.testing.assert_array_equal(boxes, np.tile([0.0, 0.0, 2560.0, 2160.0], (100, 1)))
