"""The steps of the contrast filter, against numbers worked out by hand."""

import cv2
import numpy as np
import pytest

from renderapps.module import RenderModuleException
from renderapps.tile.em_contrast import (
    ContrastSettings,
    even_contrast,
    stretch_limits,
    stretched,
    to_gray,
)

PLAIN = ContrastSettings(
    invert=False, sat_pix=0, contrast_adjust=1, bilateral_diameter=0, clahe_size=0, vert_flip=False
)


def by_definition(values, part):
    """First k with c[k] <= s < c[k + 1], and first k with c[k] < 1 - s <= c[k + 1]."""
    c = [np.count_nonzero(values <= k) / values.size for k in range(256)]
    low = next(k for k in range(255) if c[k] <= part < c[k + 1])
    high = next(k for k in range(255) if c[k] < 1 - part <= c[k + 1])
    return low, high


@pytest.mark.parametrize("percent", [0.2, 1, 10, 30])
def test_limits_are_those_of_the_definition(percent):
    rng = np.random.default_rng(3)
    values = np.clip(rng.normal(120, 30, 20_000), 1, 255).astype(np.uint8)
    assert stretch_limits(values, percent) == by_definition(values, percent / 100)


def test_limits_where_the_first_level_holds_more_than_the_tail():
    values = np.array([0] * 50 + [10] * 30 + [200] * 20, np.uint8)
    assert stretch_limits(values, 1) == (0, 199)


def test_the_stretch_is_the_formula_truncated():
    image = np.arange(256, dtype=np.uint8)
    expected = [
        int(min(max((255 * (v - 50) / 100 - 128) * 0.85 + 128, 0), 255)) for v in range(256)
    ]
    np.testing.assert_array_equal(stretched(image, 50, 150, 0.85), expected)


def test_background_is_kept_out_and_restored():
    image = np.array([[0, 100, 150], [200, 0, 100]], np.uint8)
    out = even_contrast(image, ContrastSettings(**vars(PLAIN) | {"invert": True}))
    assert out[0, 0] == out[1, 1] == 0
    assert out[0, 1] == 255
    assert out[1, 0] == int(255 * (55 - 54) / (155 - 54))


def test_smoothing_and_equalisation_are_those_of_opencv_and_the_flip_is_last():
    image = np.random.default_rng(5).integers(1, 255, (64, 96), dtype=np.uint8)
    settings = ContrastSettings(clahe_size=8)
    low, high = stretch_limits((255 - image).ravel(), 0.2)
    expected = stretched(255 - image, low, high, 0.85)
    expected = cv2.bilateralFilter(expected, 3, 20, 20)
    expected = cv2.createCLAHE(1.5, (8, 8)).apply(expected)[::-1]
    np.testing.assert_array_equal(even_contrast(image, settings), expected)


def test_sixteen_bit_and_colour_become_grey():
    np.testing.assert_array_equal(to_gray(np.array([[255, 256, 65535]], np.uint16)), [[0, 1, 255]])
    np.testing.assert_array_equal(to_gray(np.array([[[30, 60, 90]]], np.uint8)), [[60]])


@pytest.mark.parametrize(
    ("image", "reason"),
    [(np.zeros((4, 4)), "all background"), (np.full((4, 4), 7), "no contrast")],
)
def test_images_without_contrast_are_refused(image, reason):
    with pytest.raises(RenderModuleException, match=reason):
        even_contrast(image.astype(np.uint8), ContrastSettings())
