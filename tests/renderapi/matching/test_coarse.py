"""Smooth content beneath noise tells a shift to a pixel or two; what is unrelated tells nothing."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from renderapi.matching.candidates import verdict
from renderapi.matching.canvases import View
from renderapi.matching.coarse import chance_of, coarse_shift, independent_values
from renderapi.matching.coarse_pairs import COARSE, match_coarse_pair
from renderapi.matching.correlation import match_translation
from renderapi.matching.pair_parameters import PairParameters
from renderapi.matching.scales import Scale

SIDE = 256


def smooth_tiles(seed, shift, other=None):
    """Two tiles of a faint smooth picture (4 grey levels), vignetted, beneath noise of 8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    tiles = []
    pictures = [gaussian_filter(rng.normal(size=(620, 620)), 7, mode="wrap") for _ in range(2)]
    for place, picture in (((20.0, 60.0), pictures[0]), (shift, pictures[1 if other else 0])):
        dx, dy = place if not tiles else np.add(place, (20.0, 60.0))
        rows, columns = np.mgrid[:SIDE, :SIDE]
        seen = map_coordinates(picture / picture.std(), [rows + dy, columns + dx], mode="wrap")
        light = (1 - 0.15 * (x * x + y * y)) * (1.0 if not tiles else 1.12)
        noisy = (120 + 4 * seen) * light + rng.normal(0, 8, seen.shape)
        tiles.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return tiles


SHOWN = np.ones((SIDE, SIDE), bool)


@pytest.mark.parametrize("seed", range(3))
def test_smooth_content_beneath_noise_tells_a_shift_that_correlation_refuses(seed):
    true = (229.4, -6.7)
    p, q = smooth_tiles(seed, true)
    assert verdict(match_translation(p, q, (238, 4), 25))
    found = coarse_shift(p, q, SHOWN, SHOWN, (238, 4), (25, 25))
    assert found.doubt == ""
    off = np.subtract(found.shift, true)
    assert np.hypot(*off) < 3 and np.abs(off).max() < 3 * found.error <= 7.5


@pytest.mark.parametrize("seed", range(8))
def test_unrelated_pictures_are_refused(seed):
    p, q = smooth_tiles(seed, (230.0, 3.0), other=True)
    assert coarse_shift(p, q, SHOWN, SHOWN, (234, 0), (25, 25)).doubt
    blank = np.random.default_rng(seed).normal(100, 8, p.shape)
    assert coarse_shift(p, blank, SHOWN, SHOWN, (234, 0), (25, 25)).doubt


def test_an_edge_that_tells_one_direction_only_is_refused():
    rng = np.random.default_rng(0)
    rows = np.mgrid[:SIDE, :SIDE][0]
    p, q = (100 + 60 * np.tanh((rows - at) / 6) + rng.normal(0, 4, rows.shape) for at in (120, 130))
    assert coarse_shift(p, q, SHOWN, SHOWN, (232, -5), (25, 25)).doubt


def test_overlaps_too_thin_or_too_large_are_not_judged():
    p = np.zeros((SIDE, SIDE))
    assert coarse_shift(p, p, SHOWN, SHOWN, (400, 0), (25, 25)) is None
    large = np.zeros((1100, 1100))
    shown = np.ones(large.shape, bool)
    assert coarse_shift(large, large, shown, shown, (0, 0), (25, 25)) is None


def test_values_of_a_smooth_picture_are_fewer_than_its_pixels():
    """Bartlett's number for noise through a Gaussian low-pass: the pixels over 2 pi sigma^2."""
    rng = np.random.default_rng(5)
    p, q = (gaussian_filter(rng.normal(size=(120, 160)), 3, mode="wrap") for _ in range(2))
    shown = np.ones(p.shape, bool)
    scale = Scale(p, q, shown, shown, (0, 0), (0, 0))
    assert independent_values(scale, (0, 0)) == pytest.approx(p.size / (2 * np.pi * 9), rel=0.3)


def test_chance_is_that_of_student():
    """Golden number: |r| > 0.632 of ten pairs of values is significant at 5 % on both sides."""
    assert 2 * chance_of(0.6319, 10) == pytest.approx(0.05, abs=1e-4)
    assert chance_of(-0.2, 10) == 0.5


def test_a_pair_is_matched_with_little_weight_and_the_error_it_has():
    p, q = smooth_tiles(1, (229.0, -6.0))
    back = np.array([[1, 0, -238], [0, 1, -4], [0, 0, 1.0]])
    views = View(p, SHOWN), View(q, SHOWN)
    match = match_coarse_pair(*views, back, PairParameters(search_radius=25))
    assert match.accepted and match.method == COARSE
    moved = (match.p - match.q).mean(axis=0)
    assert moved == pytest.approx([229, -6], abs=3)
    assert match.offset == pytest.approx(moved - [238, 4])
    assert 0.5 <= match.residual <= 2.5 and 0 < match.weights.max() < 0.01
    far = np.array([[1, 0, -900], [0, 1, 0], [0, 0, 1.0]])
    assert "do not come together" in match_coarse_pair(*views, far, PairParameters()).reason
