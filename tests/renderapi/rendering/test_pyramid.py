"""Levels and means."""

import numpy as np
import pytest

from renderapi.rendering.pyramid import downsample


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(8, 8), (7, 9), (1, 5), (64, 33)])
def test_halving_is_the_truncated_mean_of_two_by_two(dtype, shape):
    array = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    if dtype == np.uint16:
        array *= 257
    height, width = shape[0] // 2, shape[1] // 2
    expected = np.empty((height, width), dtype)
    for y in range(height):
        for x in range(width):
            four = [float(array[2 * y + j, 2 * x + i]) for j in (0, 1) for i in (0, 1)]
            mean = sum(four) / 4
            expected[y, x] = mean if dtype == np.float32 else int(mean)
    halved = downsample(array)
    assert halved.dtype == dtype and halved.shape == (height, width)
    assert np.array_equal(halved, expected)


def test_colour_is_halved_per_component():
    array = np.random.default_rng(0).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    halved = downsample(array)
    for k in range(3):
        assert np.array_equal(halved[:, :, k], downsample(np.ascontiguousarray(array[:, :, k])))


def test_repeated_halving_truncates_every_time():
    array = np.random.default_rng(1).integers(0, 256, (40, 48)).astype(np.uint8)
    assert np.array_equal(downsample(array, 3), downsample(downsample(downsample(array))))
    assert downsample(array, 0) is array


def test_views_that_are_not_contiguous_are_halved_alike():
    array = np.random.default_rng(1).integers(0, 65536, (40, 48)).astype(np.uint16)
    assert np.array_equal(downsample(array[::-1, ::3]), downsample(array[::-1, ::3].copy()))
