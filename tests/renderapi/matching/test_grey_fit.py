"""Fractions of a pixel by the grey values, in two lights."""

import numpy as np
import pytest

from renderapi.matching.contrast import detrended
from renderapi.matching.grey_fit import refine_grey


def in_their_light(p, q):
    """Both overlaps (rows, columns) as tiles that are darker at the other side each."""
    y, x = (np.linspace(-1, 1, side) for side in p.shape)
    fall = 0.8 + 0.2 * x - 0.1 * (y**2)[:, None]
    return 40 + p * fall, 10 + 0.7 * q * fall[:, ::-1]


@pytest.mark.parametrize("rest", [(0.0, 0.0), (0.3, -0.2), (-0.45, 0.5)])
def test_rest_of_a_shift_is_found_whatever_the_light(overlapping, rest):
    p, q = in_their_light(*overlapping(*rest))
    found = refine_grey(p, q, np.ones(p.shape, bool), (0.0, 0.0))
    assert found.rest == pytest.approx(rest, abs=0.02)
    assert found.correlation > 0.9
    assert found.error < 0.02


def test_the_error_is_that_of_many_trials(overlapping):
    p, q = overlapping(0.2, -0.3, side=80)
    shown = np.ones(p.shape, bool)
    rng = np.random.default_rng(0)
    fits = [refine_grey(p, q + rng.normal(0, 20, q.shape), shown, (0, 0)) for _ in range(30)]
    spread = np.std([fit.rest for fit in fits], axis=0).max()
    assert 0.4 < np.mean([fit.error for fit in fits]) / spread < 2.5


def test_pictures_that_show_nothing_give_no_fit():
    flat = np.full((40, 40), 7.0)
    found = refine_grey(flat, flat, np.ones(flat.shape, bool), (0.2, 0.1))
    assert found == ((0.2, 0.1), 0.0, float("inf"), float("inf"))


def test_masked_pixels_do_not_count(overlapping):
    p, q = overlapping(0.3, -0.2, side=80)
    shown = np.ones(p.shape, bool)
    shown[30:45, 20:35] = False
    found = refine_grey(p, np.where(shown, q, 255), shown, (0.0, 0.0))
    assert found.rest == pytest.approx((0.3, -0.2), abs=0.02)


def test_a_trend_is_taken_out_and_a_picture_left():
    picture = np.random.default_rng(3).normal(size=(60, 80))
    y, x = np.mgrid[:60, :80]
    light = 30 + 0.5 * x - 0.2 * y + 0.01 * x * y - 0.004 * x * x
    shown = np.ones(picture.shape, bool)
    shown[10:20, 50:] = False
    left = detrended(picture + light, shown)
    assert np.abs(left - detrended(picture, shown)).max() < 0.1
    assert np.corrcoef(left[shown], picture[shown])[0, 1] > 0.9
    assert not left[~shown].any()


def test_few_rows_tell_a_shift_though_not_all_of_the_light(overlapping):
    p, q = overlapping(0.3, -0.2, side=200)
    p, q = p[:13], q[:13]
    shown = np.ones(p.shape, bool)
    shown[3:9, 50:57] = False
    found = refine_grey(p, q, shown, (0.0, 0.0))
    assert found.rest == pytest.approx((0.3, -0.2), abs=0.02)
    assert found.error < 0.02


@pytest.mark.parametrize("rows", [4, 6, 9])
def test_the_error_is_honest_in_fewer_rows_than_the_light_has_terms(overlapping, rows):
    p, q = (picture[30 : 30 + rows] for picture in overlapping(0.3, -0.2, side=200))
    shown, rng = np.ones(p.shape, bool), np.random.default_rng(0)
    fits = [
        refine_grey(p + rng.normal(0, 8, p.shape), q + rng.normal(0, 8, q.shape), shown, (0, 0))
        for _ in range(30)
    ]
    away = np.array([np.subtract(fit.rest, (0.3, -0.2)) for fit in fits])
    assert 0.4 < np.mean([fit.error for fit in fits]) / np.sqrt((away**2).mean(0)).max() < 2.5


def test_a_picture_that_light_would_explain_tells_no_shift():
    y, x = (np.linspace(-1, 1, side) for side in (60, 80))
    slope = 100 + 20 * x + 10 * x**2 - 5 * y[:, None]
    found = refine_grey(slope, slope, np.ones(slope.shape, bool), (0.0, 0.0))
    assert found.error == float("inf")
