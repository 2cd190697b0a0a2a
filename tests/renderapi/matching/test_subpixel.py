"""Fractions of a pixel."""

import numpy as np
import pytest

from renderapi.matching.subpixel import refine


@pytest.mark.parametrize("rest", [(0.0, 0.0), (0.3, -0.2), (-0.45, 0.5), (0.7, 0.6)])
def test_rest_of_a_shift_is_found(overlapping, rest):
    p, q = overlapping(*rest)
    found = refine(p, q, np.ones(p.shape, bool))
    assert found.rest == pytest.approx(rest, abs=0.02)
    assert found.correlation > 0.99


def test_identical_overlaps_have_no_rest_and_full_correlation(texture):
    p = texture(60, 5)
    found = refine(p, p, np.ones(p.shape, bool))
    assert found.rest == pytest.approx((0, 0), abs=1e-9)
    assert found.correlation == pytest.approx(1.0)


def test_the_error_is_that_of_many_trials(overlapping):
    p, q = overlapping(0.2, -0.3, side=80)
    shown = np.ones(p.shape, bool)
    rng = np.random.default_rng(0)
    fits = [refine(p, q + rng.normal(0, 20, q.shape), shown) for _ in range(30)]
    spread = np.std([fit.rest for fit in fits], axis=0).max()
    assert 0.4 < np.mean([fit.error for fit in fits]) / spread < 2.5


def test_unrelated_overlaps_are_left_where_they_are(texture):
    p, q = texture(60, 60, 1), texture(60, 60, 2)
    found = refine(p, q, np.ones(p.shape, bool))
    assert np.abs(found.rest).max() <= 1.0
    assert found.correlation < 0.5
