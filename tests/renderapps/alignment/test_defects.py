"""Holes, gaps, seams, groups and distortion of montages: scenes made with known ones."""

import numpy as np
import pytest

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.alignment.defects import (
    PairEnds,
    disconnected_groups,
    distortion,
    gaps,
    holes,
    seams,
)
from renderapps.alignment.placed_outlines import outlines_of
from renderapps.module.tile_documents import Section

PLACES = {f"{r}{c}": (90.0 * c, 72.0 * r) for r in range(3) for c in range(3)}


def outlines(places):
    tiles = [
        TileSpec(tileId=t, z=1.0, width=100, height=80, tforms=[AffineModel(B0=x, B1=y)]).to_dict()
        for t, (x, y) in places.items()
    ]
    return outlines_of(Section(1.0, tiles))


def test_holes_are_tiles_that_stitching_lost():
    assert holes(["b", "a", "c"], {"c", "x"}) == ["b", "a"]


def test_gaps_are_side_neighbours_that_have_come_apart():
    """The middle tile went 11 to the right: off its left neighbour, still on all others."""
    moved = PLACES | {"11": (101.0, 72.0)}
    assert gaps(outlines(PLACES), outlines(moved).polygons) == [("10", "11")]
    assert gaps(outlines(PLACES), outlines(PLACES).polygons) == []
    near = PLACES | {"11": (99.9, 72.0)}
    assert gaps(outlines(PLACES), outlines(near).polygons) == []


def test_a_missing_tile_is_no_gap_and_corners_may_part():
    without = {t: place for t, place in moved_corner().items() if t != "11"}
    assert gaps(outlines(PLACES), outlines(without).polygons) == []


def moved_corner():
    return PLACES | {"22": (184.0, 148.0)}


def ends(one, other, place, off, count, rng):
    p = place + rng.uniform(-30, 30, (count, 2))
    return PairEnds((one, other), p, p + off)


def test_seams_are_clusters_of_matches_whose_ends_lie_apart():
    rng = np.random.default_rng(0)
    pairs = [
        ends("a", "b", [100, 500], [5.0, 0], 20, rng),
        ends("a", "c", [120, 520], [0, 4.0], 5, rng),  # the same place: one seam of 25
        ends("c", "d", [1000, 100], [3.9, 0], 50, rng),  # below the threshold
        ends("d", "e", [2000, 100], [30.0, 0], 12, rng),  # too few
        ends("e", "f", [3000, 100], [-9.0, 0], 13, rng),
    ]
    large, small = seams(pairs)
    assert (large.points, small.points) == (25, 13)
    expected = np.concatenate([(pair.p + pair.q) / 2 for pair in pairs[:2]]).mean(axis=0)
    np.testing.assert_allclose(large.centroid, expected)
    assert large.residual == pytest.approx((20 * 5 + 5 * 4) / 25)
    assert large.pairs == [("a", "b"), ("a", "c")] and small.pairs == [("e", "f")]
    assert large.report()["points"] == 25
    assert [s.points for s in seams(pairs, min_cluster_size=11)] == [25, 13, 12]
    assert seams(pairs, residual_threshold=100) == [] and seams([]) == []


def test_groups_that_nothing_connects():
    pairs = {("a", "b"): 5, ("b", "c"): 2, ("d", "e"): 9, ("x", "a"): 9}
    assert disconnected_groups("abcdef", pairs) == [["a", "b", "c"], ["d", "e"], ["f"]]
    assert disconnected_groups("abcdef", pairs, 3)[0] == ["a", "b"]
    assert disconnected_groups("ab", pairs) == [["a", "b"]]


def test_distortion_is_the_spread_of_scales_without_outliers():
    scales = np.array([1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0] * 4 + [9.0])
    unit = np.array([[0.0, 0], [100, 0], [100, 80], [0, 80]])
    corners = unit[None] * np.stack([scales, np.ones_like(scales)], axis=1)[:, None]
    x, y = distortion(corners, np.full(29, 100.0), np.full(29, 80.0))
    assert x == pytest.approx(0.01) and y == 0
    assert distortion(np.empty((0, 4, 2)), np.empty(0), np.empty(0)) == (0.0, 0.0)
