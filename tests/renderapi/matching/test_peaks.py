"""Peaks of correlation maps."""

import numpy as np

from renderapi.matching.correlation_map import CorrelationMap
from renderapi.matching.peaks import find_peaks
from renderapi.matching.shifts import ShiftRange

RANGE = ShiftRange(-20, -10, 20, 10)


def a_map(peaks):
    rng = np.random.default_rng(1)
    correlation = rng.normal(0, 0.01, (21, 41))
    for (dx, dy), height in peaks.items():
        correlation[dy + 10, dx + 20] = height
    return CorrelationMap(RANGE, correlation, np.full(correlation.shape, 10_000.0))


def test_peaks_come_best_first_with_their_shifts():
    found = find_peaks(a_map({(5, -3): 0.5, (-12, 7): 0.3}), RANGE, 2)
    assert [peak.shift for peak in found] == [(5, -3), (-12, 7)]
    assert found[0].correlation == 0.5
    # atanh(0.5) sqrt(n) in units of the spread, which is 0.01 sqrt(n)
    assert 45 < found[0].significance < 65


def test_peaks_outside_the_range_asked_for_are_left_out():
    found = find_peaks(a_map({(15, 0): 0.9, (0, 0): 0.4}), ShiftRange(-5, -5, 5, 5), 1)
    assert found[0].shift == (0, 0)


def test_chance_alone_is_not_significant():
    assert find_peaks(a_map({}), RANGE, 1)[0].significance < 5


def test_a_slope_that_rises_out_of_the_range_is_no_peak():
    correlation = np.tile(np.linspace(0, 0.9, 41), (21, 1)) * np.linspace(0.9, 1, 21)[:, None]
    rising = CorrelationMap(RANGE, correlation, np.full(correlation.shape, 100.0))
    assert find_peaks(rising, ShiftRange(-19, -9, 19, 9), 3) == []


def test_maps_without_values_have_no_peaks():
    nothing = CorrelationMap(RANGE, np.full((21, 41), np.nan), np.zeros((21, 41)))
    assert find_peaks(nothing, RANGE, 3) == []
