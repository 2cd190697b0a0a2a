"""Shifts found by correlation, against shifts that were made."""

import csv

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi.matching import refinement
from renderapi.matching.candidates import TranslationLimits, verdict
from renderapi.matching.correlation import match_translation
from renderapi.matching.shifts import ShiftRange, overlap, thickness


@pytest.mark.parametrize("true", [(150, 3), (-7, 160), (171.0, -11.0), (-160, -150)])
def test_whole_pixel_shifts_of_identical_pixels_are_exact(overlapping, true):
    p, q = overlapping(*true)
    prior = (true[0] + 9, true[1] - 8)
    best = match_translation(p, q, prior, 16)[0]
    assert best.shift == pytest.approx(true, abs=1e-6)
    assert best.correlation == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("rest", [0.25, 0.5, 0.8])
def test_subpixel_shifts_are_found_to_a_twentieth_of_a_pixel(overlapping, rest):
    true = (150 + rest, 5 - rest)
    p, q = overlapping(*true)
    candidates = match_translation(p, q, (147, 9), 12)
    assert not verdict(candidates)
    assert candidates[0].shift == pytest.approx(true, abs=0.05)


def test_noise_gain_offset_and_shading_do_not_mislead(overlapping):
    true = (158.4, -6.3)
    p, q = overlapping(*true, seed=3)
    rng = np.random.default_rng(0)
    shading = np.linspace(0.5, 1.3, 200)
    p = (p + rng.normal(0, 25, p.shape)) * shading[None, :]
    q = 300 + 0.6 * (q + rng.normal(0, 25, q.shape)) * shading[:, None]
    candidates = match_translation(p, q, (165, 0), 15)
    assert not verdict(candidates)
    assert candidates[0].shift == pytest.approx(true, abs=0.15)


def test_an_overlap_of_four_pixels_is_enough_when_pixels_are_identical(overlapping):
    p, q = overlapping(196, 5)
    candidates = match_translation(p, q, (190, 0), 12)
    assert not verdict(candidates)
    assert candidates[0].shift == pytest.approx((196, 5), abs=1e-6)


def test_a_large_overlap_is_searched_at_a_reduced_scale_and_refined(overlapping):
    p, q = overlapping(130.3, 12.6, side=900, seed=5)
    best = match_translation(p, q, (150, 0), 40)[0]
    assert best.level > 0
    assert best.shift == pytest.approx((130.3, 12.6), abs=0.1)


def test_the_middle_of_a_large_overlap_leads_to_the_shift_of_all_of_it(overlapping, monkeypatch):
    """What is found in short agrees with the way from scale to scale over all pixels."""
    p, q = overlapping(790.3, 12.6, side=1100, seed=5)
    quick = match_translation(p, q, (700, 0), 210)[0]
    monkeypatch.setattr(refinement, "_quickly", lambda *_: None)
    full = match_translation(p, q, (700, 0), 210)[0]
    assert quick.shift == pytest.approx((790.3, 12.6), abs=0.01)
    assert quick.shift == pytest.approx(full.shift, abs=0.005)
    assert quick != full


@pytest.mark.parametrize("seed", range(6))
def test_unrelated_pictures_are_rejected(texture, seed):
    p, q = texture(200, 200, seed), texture(200, 200, seed + 100)
    assert "blank or unrelated" in verdict(match_translation(p, q, (160, 0), 20))


@pytest.mark.parametrize("seed", range(6))
def test_blank_overlaps_with_noise_are_rejected(seed):
    rng = np.random.default_rng(seed)
    p, q = rng.normal(500, 10, (2, 200, 200))
    assert "blank or unrelated" in verdict(match_translation(p, q, (170, 0), 20))


def test_constant_overlaps_are_rejected():
    p = np.full((200, 200), 7, np.uint8)
    assert verdict(match_translation(p, p, (170, 0), 20))


def test_a_periodic_texture_is_ambiguous():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:200, :400]
    scene = 1000 + 100 * np.sin(2 * np.pi * x / 10) * np.sin(2 * np.pi * y / 10)
    p = scene[:, :200] + rng.normal(0, 5, (200, 200))
    q = scene[:, 150:350] + rng.normal(0, 5, (200, 200))
    candidates = match_translation(p, q, (152, 2), 16)
    assert verdict(candidates).startswith("ambiguous")
    assert len(candidates) > 1


def test_masked_pixels_do_not_count(overlapping):
    p, q = overlapping(150, 4)
    q = q.copy()
    q[:, :20] = np.random.default_rng(0).normal(1000, 400, (200, 20))  # what the mask hides
    shown = np.ones(q.shape, bool)
    shown[:, :20] = False
    candidates = match_translation(p, q, (145, 0), 12, q_mask=shown)
    assert candidates[0].shift == pytest.approx((150, 4), abs=1e-6)
    assert candidates[0].correlation == pytest.approx(1.0, abs=1e-6)


def test_dead_borders_do_not_count(overlapping):
    p, q = overlapping(150, 4)
    p, q = p.copy(), q.copy()
    p[:, 190:] = 0
    q[:12] = 0
    candidates = match_translation(p, q, (145, 0), 12)
    assert not verdict(candidates)
    assert candidates[0].shift == pytest.approx((150, 4), abs=0.05)


def test_images_that_do_not_meet_have_no_candidates(texture):
    p = texture(100, 100)
    assert match_translation(p, p, (500, 0), 10) == []
    assert "common pixels" in verdict([])


def test_few_common_pixels_are_not_judged(texture):
    p = texture(100, 100)
    limits = TranslationLimits(pixels=5000)
    assert match_translation(p, p, (80, 0), 5, limits=limits) == []


def test_the_same_input_gives_the_same_answer(overlapping):
    p, q = overlapping(150.3, 4.4)
    assert match_translation(p, q, (145, 0), 12) == match_translation(p, q, (145, 0), 12)


def test_every_pair_of_the_phase_contrast_grid_is_found_exactly(real_data):
    """25 tiles with mostly featureless overlaps of 4 to 21 pixels; exact positions are known."""
    folder = real_data("phase_contrast_5x5")
    with open(folder / "true_positions.csv") as table:
        rows = list(csv.DictReader(table))
    image = {r["file"]: tifffile.imread(folder / r["file"]) for r in rows}
    tiles = {
        (int(r["row"]), int(r["column"])): (image[r["file"]], float(r["x"]), float(r["y"]))
        for r in rows
    }
    priors = {(0, 1): (233.0, 0.0), (1, 0): (0.0, 170.0)}  # 5 % and 7 % overlap, no drift
    accepted = 0
    for (row, column), (p, x, y) in tiles.items():
        for step, prior in priors.items():
            other = tiles.get((row + step[0], column + step[1]))
            if other is None:
                continue
            q, x2, y2 = other
            candidates = match_translation(p, q, prior, 16)
            assert not verdict(candidates), (row, column, step)
            assert candidates[0].shift == pytest.approx((x2 - x, y2 - y), abs=0.01)
            accepted += 1
    assert accepted == 40


def test_consecutive_sections_are_found_by_what_coarse_scales_share(real_data):
    """Two sections that agree in the coarse only, and two that are far apart in the tissue."""
    folder = real_data("sstem_30_sections")
    images = {z: np.asarray(Image.open(folder / f"z{z:02d}.png")) for z in (5, 6, 20)}
    candidates = match_translation(images[5], images[6], (0, 0), 51)
    assert candidates[0].correlation < 0.15 < candidates[0].searched
    assert not verdict(candidates)
    # by cross-correlation of band-passed images the next section lies (1, -2) off
    assert candidates[0].shift == pytest.approx((1, -2), abs=3)
    assert "unrelated" in verdict(match_translation(images[5], images[20], (0, 0), 51))


def test_thickness_is_the_lesser_side_of_the_overlap():
    shapes, shifts = ((30, 20), (25, 40)), ShiftRange(-45, -30, 25, 35)
    found = thickness(*shapes, shifts)
    for j, i in [(0, 0), (30, 45), (64, 70), (10, 60), (50, 20), (65, 30), (28, 64)]:
        window, _ = overlap(*shapes, (shifts.x0 + i, shifts.y0 + j))
        assert found[j, i] == min(window.width, window.height)
