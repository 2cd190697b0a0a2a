"""Shifts of repeating textures, told by what they leave unexplained."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from renderapi.matching.candidates import Chance, TranslationLimits, verdict
from renderapi.matching.contrast import content_mask
from renderapi.matching.correlation import match_translation
from renderapi.matching.remainder import least_remainder
from renderapi.matching.scales import cut
from renderapps.demo.conditions import CONDITIONS, montage

PERIOD = 9.0
PRIOR, RADIUS = (128.0, 0.0), (20.0, 20.0)
TRUE = (131.0, -4.0)


def lattice(seed, side=160, share=0.3):
    """Two tiles of 160 x 160 whose lattice is the same and whose picture is faint and smooth."""
    rng = np.random.default_rng(seed)
    faint = gaussian_filter(rng.normal(size=(2 * side, 2 * side)), 6.0)
    y, x = np.mgrid[: 2 * side, : 2 * side]
    waves = np.sin(2 * np.pi * x / PERIOD) * np.sin(2 * np.pi * y / PERIOD)
    scene = 120 + 60 * waves + share * 60 * faint / faint.std()
    x0, y0 = 10, 20
    p = scene[y0 : y0 + side, x0 : x0 + side]
    q = scene[y0 + int(TRUE[1]) :, x0 + int(TRUE[0]) :][:side, :side]
    return np.rint(p).clip(0, 255).astype(np.uint8), np.rint(q).clip(0, 255).astype(np.uint8)


def scale_of(p, q):
    shown = np.ones(p.shape, bool)
    return cut(p, q, shown, shown, PRIOR, RADIUS)


@pytest.mark.parametrize("seed", range(3))
def test_the_shift_that_leaves_nothing_is_found_among_many(seed):
    found = least_remainder(scale_of(*lattice(seed)), RADIUS, 300, beyond_chance=False)
    assert found is not None
    shift, fit = found
    assert shift == pytest.approx(TRUE, abs=0.02)
    assert fit.unexplained < 0.1  # rounding twice is 1 / 6, of which the low-pass leaves less


def test_a_lattice_alone_tells_no_shift():
    scale = scale_of(*lattice(0, share=0.0))
    assert least_remainder(scale, RADIUS, 300, beyond_chance=True) is None


@pytest.mark.parametrize("seed", range(3))
def test_different_pictures_behind_one_lattice_are_not_joined(seed):
    scale = scale_of(lattice(seed)[0], lattice(seed + 10)[1])
    assert least_remainder(scale, RADIUS, 300, beyond_chance=False) is None


def test_matching_takes_it_where_chance_explains_the_agreement():
    p, q = lattice(1)
    chance = {(level, 0.0): Chance(30.0, 0.99) for level in range(3)}
    limits = TranslationLimits(chance=chance)
    candidates = match_translation(p, q, PRIOR, 20, limits=limits)
    assert candidates[0].explained and len(candidates) == 1
    assert verdict(candidates, limits) == ""
    assert candidates[0].shift == pytest.approx(TRUE, abs=0.02)


def test_a_few_rows_that_the_light_explains_away_tell_nothing():
    """Two noisy tiles of a smooth picture: of four common rows a cubic light leaves little."""
    scene = montage("cells", CONDITIONS["noise 0.15"], 0)
    p, q = scene.images["24"], scene.images["34"]
    prior, radius = (0.0, 230.4), (25.6, 25.6)
    scale = cut(p, q, content_mask(p), content_mask(q), prior, radius)
    assert least_remainder(scale, radius, 300, beyond_chance=True) is None
