"""Points in overlaps: centred, enough of them, none on the border."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon, box, contains_xy
from shapely.affinity import rotate

from renderapps.stitching.overlap_points import LEAST, Spread, centred, in_line, overlap_points


@pytest.mark.parametrize(
    ("width", "delta", "expected"),
    [
        (170.0, 150.0, [170 / 6, 85, 170 * 5 / 6]),  # the shipped grid gave none at all here
        (600.0, 150.0, [75, 225, 375, 525]),
        (20.0, 5000.0, [10 / 3, 10, 50 / 3]),
    ],
)
def test_the_grid_is_centred_whatever_the_size_of_the_overlap(width, delta, expected):
    points = overlap_points(box(1000, 50, 1000 + width, 950), Spread(delta, 3))
    x = np.unique(points[:, 0].round(9)) - 1000
    np.testing.assert_allclose(x, expected)
    y = np.unique(points[:, 1])
    assert y[0] - 50 == pytest.approx(950 - y[-1]) and len(y) >= 3


@given(st.floats(1e-3, 3000), st.floats(1e-3, 3000), st.floats(0, 180), st.floats(0.1, 5000))
def test_every_overlap_with_an_area_has_some_points_not_in_line(width, height, angle, delta):
    shape = rotate(box(7000, -500, 7000 + width, -500 + height), angle)
    points = overlap_points(shape, Spread(delta, 3, 500))
    if min(width, height) > 0.02 * max(width, height):
        assert LEAST <= len(points) <= 500 and not in_line(points)
    assert contains_xy(shape, points).all()


def test_parts_and_nothing():
    two = MultiPolygon([box(0, 0, 10, 10), box(90, 0, 100, 10)])
    points = overlap_points(two, Spread(20, 3))
    assert {bool(x < 50) for x, _ in points} == {True, False}
    assert overlap_points(Polygon(), Spread()).shape == (0, 2)


def test_not_more_points_than_asked_for():
    points = overlap_points(box(0, 0, 1000, 1000), Spread(1, 3, 100))
    assert len(points) == 100 and points.max() >= 950 and points.min() <= 50


def test_spacing():
    assert centred(0, 10, 4, 2).tolist() == [3, 7]
    assert in_line(np.array([[0.0, 0], [1, 1], [5, 5]]))
