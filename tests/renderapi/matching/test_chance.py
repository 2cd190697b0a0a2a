"""What unrelated pairs reach, and the limits that follow."""

import numpy as np
import pytest

from renderapi.matching.candidates import Chance, TranslationLimits, verdict
from renderapi.matching.chance import chance_limits, extreme_limit, unrelated_significances
from renderapi.matching.correlation import match_translation


def test_the_limit_is_the_quantile_of_the_law_of_extremes():
    """Gumbel's law with place 3.2 and scale 0.3: its quantile by formula, from 5000 draws."""
    draws = np.random.default_rng(0).gumbel(3.2, 0.3, 5000)
    expected = 3.2 - 0.3 * np.log(-np.log(1 - 1e-4))
    assert extreme_limit(draws, 1e-4) == pytest.approx(expected, abs=0.1)


def test_bands_with_few_samples_tell_nothing():
    few = [{(0, 0.0): Chance(4.0, 0.2), (1, 0.0): Chance(4.0, 0.2)}] * 5 + [
        {(0, 0.0): Chance(4.1, 0.2)}
    ] * 10
    assert set(chance_limits(few)) == {(0, 0.0)}


def test_a_low_limit_is_not_believed():
    limits = chance_limits([{(0, 0.0): Chance(2.0, 0.05)}] * 20)
    assert limits[0, 0.0] == Chance(4.5, pytest.approx(0.4))


def noisy(texture, seed, noise):
    rng = np.random.default_rng(seed + 50)
    scene = texture(160, 420, seed)
    p, q = scene[:, :200], scene[:, 170:370]
    return [np.round(v + rng.normal(0, noise, v.shape)) for v in (p, q)]


def limits_of(texture, noise, count=8):
    samples = []
    shown = np.ones((160, 200), bool)
    to_q = np.array([[1, 0, -168.0], [0, 1, 0], [0, 0, 1]])
    for seed in range(count):
        p, q = noisy(texture, seed, noise)
        samples += unrelated_significances(p, shown, q, shown, to_q, 12.0, 300)
    return TranslationLimits(chance=chance_limits(samples))


def test_noise_three_times_the_structure_is_no_obstacle_to_a_thin_overlap(texture):
    """30 pixels of overlap; each of the two pictures has three times as much noise as structure."""
    limits = limits_of(texture, 300)
    found = [
        match_translation(*noisy(texture, seed, 300), (168, 0), 12, limits=limits)
        for seed in range(20, 32)
    ]
    good = [c[0] for c in found if not verdict(c, limits)]
    assert len(good) >= 8
    for candidate in good:
        assert candidate.shift == pytest.approx((170, 0), abs=5 * candidate.error + 0.1)


def test_unrelated_pictures_stay_unrelated(texture):
    limits = limits_of(texture, 100)
    for seed in range(30):
        p, _ = noisy(texture, seed, 100)
        _, q = noisy(texture, seed + 200, 100)
        assert verdict(match_translation(p, q, (168, 0), 12, limits=limits), limits)


def test_the_error_of_a_shift_in_noise_is_true(texture):
    limits = limits_of(texture, 150)
    ratios = []
    for seed in range(40, 64):
        best = match_translation(*noisy(texture, seed, 150), (168, 0), 12, limits=limits)[0]
        ratios.append(np.hypot(best.shift[0] - 170, best.shift[1]) / best.error)
    assert 0.4 < np.sqrt(np.mean(np.square(ratios))) < 2.5
