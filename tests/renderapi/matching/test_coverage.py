"""Coverage of the overlap."""

import numpy as np
import pytest

from renderapi.matching.coverage import coverage_percentage, overlap_mask, shifted_overlap


def test_a_disc_in_a_large_area():
    common = np.ones((500, 1000), bool)
    found = coverage_percentage(common, np.array([[500.0, 250.0]]), 100)
    assert found == pytest.approx(100 * np.pi * 100**2 / common.size, rel=0.03)


def test_points_all_over_cover_everything_and_none_nothing():
    common = np.zeros((100, 100), bool)
    common[20:60] = True
    x, y = np.meshgrid(np.arange(0.0, 100, 10), np.arange(0.0, 100, 10))
    points = np.column_stack([x.ravel(), y.ravel()])
    assert coverage_percentage(common, points, 15) == 100
    assert coverage_percentage(common, points[:0], 10) == 0
    assert coverage_percentage(np.zeros((9, 9), bool), points, 10) == 0


def test_the_overlap_is_where_both_have_pixels():
    p, q = np.ones((50, 80), bool), np.ones((40, 60), bool)
    q[:, :10] = False
    p_to_q = np.array([[1, 0, -30.0], [0, 1, 5.0], [0, 0, 1.0]])
    common = overlap_mask(p, q, p_to_q)
    expected = np.zeros_like(common)
    expected[:35, 40:] = True  # q from (30, -5) on; its first ten columns are masked
    assert (common == expected).all()


def test_the_overlap_under_a_shift_is_that_of_the_map():
    rng = np.random.default_rng(0)
    p, q = rng.random((30, 40)) > 0.1, rng.random((35, 20)) > 0.1
    for dx, dy in [(13, -7), (-5, 22), (38, 0)]:
        window, common = shifted_overlap(p, q, (dx, dy))
        whole = np.zeros(p.shape, bool)
        whole[window.slices] = common
        back = np.array([[1, 0, -dx], [0, 1, -dy], [0, 0, 1.0]])
        assert (whole == overlap_mask(p, q, back)).all()
    assert not shifted_overlap(p, q, (90, 0))[1].any()
