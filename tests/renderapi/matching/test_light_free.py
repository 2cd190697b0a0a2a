"""Correlation in the light of each image, and how far other shifts are as plausible."""

import numpy as np
import pytest

from renderapi.matching.light_free import DEGREE, light_free_map, plausible_distance
from renderapi.matching.shifts import ShiftRange


def directly(p, q, p_mask, q_mask, dx, dy):
    """Correlation of the residuals of both, each fitted by a polynomial by least squares."""
    y, x = np.mgrid[: p.shape[0], : p.shape[1]]
    inside = (x >= dx) & (y >= dy) & (x - dx < q.shape[1]) & (y - dy < q.shape[0]) & p_mask
    rows, columns = y[inside], x[inside]
    shown = q_mask[rows - dy, columns - dx]
    rows, columns = rows[shown], columns[shown]
    terms = [
        columns**i * rows**j / 30.0 ** (i + j)
        for i in range(DEGREE + 1)
        for j in range(DEGREE + 1 - i)
    ]
    table = np.stack(terms, axis=1)
    a, b = p[rows, columns], q[rows - dy, columns - dx]
    a, b = (v - table @ np.linalg.lstsq(table, v, rcond=None)[0] for v in (a, b))
    return len(rows), float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("share", [0.0, 0.2])
def test_map_equals_least_squares_of_each_overlap(share):
    rng = np.random.default_rng(3)
    p, q = rng.normal(50, 9, (24, 30)), rng.normal(90, 5, (20, 26))
    p_mask, q_mask = rng.random(p.shape) >= share, rng.random(q.shape) >= share
    shifts = ShiftRange(-6, 2, 15, 12)
    correlation, pixels = light_free_map(p, q, p_mask, q_mask, shifts, 40)
    for j, dy in enumerate(range(2, 13, 5)):
        for i, dx in enumerate(range(-6, 16, 7)):
            count, expected = directly(p, q, p_mask, q_mask, dx, dy)
            assert pixels[5 * j, 7 * i] == count
            assert correlation[5 * j, 7 * i] == pytest.approx(expected, abs=1e-5)


def test_a_shift_that_detail_tells_leaves_no_doubt(overlapping):
    p, q = overlapping(170.0, 3.0)
    shown = np.ones(p.shape, bool)
    assert plausible_distance(p, q, shown, shown, (170.0, 3.0), 100) == 0.0
    assert plausible_distance(p, q, shown, shown, (170.4, 2.7), 100) == pytest.approx(0, abs=0.2)
    assert plausible_distance(p, q, shown, shown, (174.0, 3.0), 100) == pytest.approx(4, abs=0.1)


def test_what_light_and_noise_leave_nothing_of_may_lie_anywhere():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:120, :120]
    light = 100 + 0.3 * x - 0.002 * y**2
    p, q = light + rng.normal(0, 8, light.shape), light + rng.normal(0, 8, light.shape)
    shown = np.ones(light.shape, bool)
    assert plausible_distance(p, q, shown, shown, (95.0, 2.0), 100) > 1.5
    assert plausible_distance(p, q, shown, shown, (300.0, 2.0), 100) == float("inf")
