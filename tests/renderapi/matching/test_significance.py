"""Number of false alarms of a set of matches."""

from math import comb, log10, pi

import numpy as np
import pytest

from renderapi.matching.significance import log_false_alarms


def test_the_formula():
    n, k, minimal, residual, area = 40, 12, 3, 2.5, 1e5
    expected = (n - minimal) * comb(n, k) * comb(k, minimal)
    expected *= (pi * residual**2 / area) ** (k - minimal)
    assert log_false_alarms(n, k, minimal, residual, area) == pytest.approx(log10(expected))


def test_many_sets_at_once_are_as_one_by_one():
    sizes, residuals = np.array([2, 3, 5, 30]), np.array([0.1, 1.0, 4.0, 9.0])
    together = log_false_alarms(50, sizes, 2, residuals, 1e4)
    apart = [log_false_alarms(50, k, 2, r, 1e4) for k, r in zip(sizes, residuals, strict=True)]
    assert together == pytest.approx(np.array(apart))
    assert np.isinf(together[0])


def test_few_matches_that_agree_loosely_are_an_accident():
    assert log_false_alarms(300, 5, 3, 6.0, 1060 * 904) > 0
    assert log_false_alarms(300, 20, 3, 0.6, 1060 * 904) < -30
