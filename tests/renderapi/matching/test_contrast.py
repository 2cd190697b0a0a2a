"""Which pixels count, and their normalised values."""

import numpy as np
import pytest

from renderapi.matching.contrast import content_mask, halved, normalised


def test_dead_borders_and_masks_are_left_out_with_a_margin(texture):
    image = texture(100, 120)
    image[:10] = 0
    mask = np.full(image.shape, 255, np.uint8)
    mask[:, 110:] = 254
    shown = content_mask(image, mask, margin=3)
    assert not shown[:13].any() and not shown[:, 107:].any()
    assert shown[14:, :106].all()


def test_a_flat_patch_inside_the_picture_counts(texture):
    image = texture(100, 120)
    image[40:60, 40:60] = 0
    assert content_mask(image).all()


def test_a_picture_with_noise_everywhere_counts_everywhere():
    rng = np.random.default_rng(0)
    assert content_mask(rng.integers(100, 140, (50, 60)).astype(np.uint16)).all()


def test_normalised_values_are_free_of_gain_offset_and_slow_shading(texture):
    image = texture(120, 120)
    shown = np.ones(image.shape, bool)
    ramp = np.linspace(0, 50, 120)
    a, b = normalised(image, shown), normalised(0.3 * image + 500 + ramp, shown)
    assert np.abs(a - b)[10:-10, 10:-10].max() < 0.05
    assert a.dtype == np.float32
    assert abs(a.mean()) < 0.05


def test_masked_pixels_have_no_influence(texture):
    image = texture(80, 80)
    shown = np.ones(image.shape, bool)
    shown[:, :30] = False
    other = image.copy()
    other[:, :30] = 1e5
    assert normalised(image, shown) == pytest.approx(normalised(other, shown), abs=1e-5)
    assert not normalised(image, shown)[:, :30].any()


def test_a_picture_without_contrast_stays_zero():
    flat = np.full((20, 20), 9.0)
    assert not normalised(flat, np.ones(flat.shape, bool)).any()
    assert not normalised(flat, np.zeros(flat.shape, bool)).any()


def test_halved_is_the_mean_of_four_and_needs_all_four():
    image = np.arange(30.0).reshape(5, 6)
    shown = np.ones(image.shape, bool)
    shown[0, 0] = False
    small, mask = halved(image, shown)
    assert small.tolist() == [[3.5, 5.5, 7.5], [15.5, 17.5, 19.5]]
    assert mask.tolist() == [[False, True, True], [True, True, True]]


def test_light_that_was_cut_off_does_not_count(texture):
    picture = np.clip(texture(80, 80), None, 1100).astype(np.uint16)
    shown = content_mask(picture, margin=0)
    assert not shown[picture == 1100].any()
    assert shown[picture < 1100].all()
    two_levels = np.zeros((80, 80), np.uint8)
    two_levels[20:40, 20:40] = 255
    assert content_mask(two_levels, margin=0)[20:40, 20:40].all()


@pytest.mark.parametrize("regions", [3, 150])
def test_many_dead_regions_at_the_edge_are_found_like_few(regions):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (60, 12 * regions)).astype(np.uint8)
    for k in range(regions):
        image[:9, 12 * k : 12 * k + 6] = k % 250
    image[30:45, 4:20] = 9  # touches no edge
    shown = content_mask(image, margin=0)
    for k in range(regions):
        assert not shown[1:8, 12 * k + 1 : 12 * k + 5].any()
    assert shown[20:].all()


@pytest.mark.parametrize("step, kind", [(1, np.uint8), (16, np.uint16)])
def test_plateaus_of_a_smooth_picture_count_but_dead_borders_of_any_grey_do_not(step, kind):
    y, x = np.mgrid[:200, :240]
    smooth = 60 + 5 * np.sin(x / 40) + 4 * np.cos(y / 30)  # steps are some ten pixels wide
    picture = (np.rint(smooth) * step).astype(kind)
    between = (picture > picture.min()) & (picture < picture.max())
    assert content_mask(picture, margin=0)[between].all() and between.mean() > 0.9
    rough = np.random.default_rng(0).normal(0, 6, smooth.shape)
    for grey in (0, 55, 60, 200):
        framed = (np.clip(np.rint(smooth + rough), 0, 255) * step).astype(kind)
        framed[:, :20] = grey * step
        mask = content_mask(framed)
        assert not mask[:, :20].any() and mask[:, 26:].all()


def test_a_frame_around_a_smooth_picture_is_dead():
    y, x = np.mgrid[:200, :240]
    picture = np.rint(120 + 20 * np.sin(x / 30) + 10 * np.cos(y / 25)).astype(np.uint8)
    picture[:12] = 128  # as where an earlier correction has filled in the mean
    mask = content_mask(picture)
    assert not mask[:12].any() and mask[16:].mean() > 0.95


def test_noise_that_reaches_white_now_and_then_is_no_light_that_was_cut_off():
    rng = np.random.default_rng(0)
    noisy = np.clip(np.rint(rng.normal(130, 76, (256, 256))), 0, 255).astype(np.uint8)
    top = noisy == 255
    assert 0.03 < top.mean() < 0.08  # with a margin about each of these little would be left
    mask = content_mask(noisy)
    assert mask.mean() > 0.9 and not mask[top].any()
    noisy[100:150, 40:90] = np.clip(rng.normal(255, 20, (50, 50)), 0, 255)  # half of it is white
    mask = content_mask(noisy)
    assert mask[103:147, 43:87].mean() < 0.02 and mask[:90].mean() > 0.9
