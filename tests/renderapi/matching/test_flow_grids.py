"""Displacements on a grid are evened out on either side of a jump, and gaps filled in."""

import numpy as np

from renderapi.matching.flow_grids import filled, smoothed_grid


def test_noise_and_strangers_go_and_jumps_stay():
    rng = np.random.default_rng(0)
    true = np.zeros((20, 20, 2))
    true[:, 10:] = 12.0
    noisy = true + rng.normal(0, 0.5, true.shape)
    noisy[4, 4] += 30.0
    result = smoothed_grid(noisy, 2.0)
    off = np.hypot(*np.moveaxis(result - true, -1, 0))
    assert np.median(off) < 0.25  # nine normal errors of 0.5 leave about 0.2; one alone 0.59
    assert off.max() < 1.5


def test_gaps_are_filled_by_what_is_around():
    shift = np.full((9, 9, 2), np.nan)
    shift[:2] = 3.0
    assert np.allclose(filled(shift), 3.0)
    assert np.isnan(filled(np.full((3, 3, 2), np.nan))).all()
