"""Statistics over images against numpy on all of them at once."""

import numpy as np
import pytest

from renderapps.module.errors import RenderModuleException
from renderapps.module.pixel_statistics import (
    PixelMean,
    ValueCounts,
    across_images,
    percentile,
)

IMAGES = np.random.default_rng(4).integers(0, 65536, (11, 17, 23), dtype=np.uint16)


@pytest.mark.parametrize("max_bytes", [1, 11 * 23 * 2 * 5, 10**9])
def test_the_median_and_percentiles_of_every_pixel(max_bytes):
    found = across_images(iter(IMAGES), max_bytes=max_bytes)
    np.testing.assert_array_equal(found, np.median(IMAGES, axis=0))
    low = across_images(iter(IMAGES), percentile(20), max_bytes)
    np.testing.assert_array_equal(low, np.percentile(IMAGES, 20, axis=0))
    colours = IMAGES[:, :16].reshape(11, 16, 23, 1) // np.array([256, 300, 512], np.uint16)
    found = across_images(colours.astype(np.uint8), max_bytes=max_bytes)
    np.testing.assert_array_equal(found, np.median(colours, axis=0))


def test_images_without_common_pixels_are_refused():
    with pytest.raises(RenderModuleException, match=r"image 2 is \(2, 3\) uint8"):
        across_images([np.zeros((3, 2), np.uint8), np.zeros((2, 3), np.uint8)])
    with pytest.raises(RenderModuleException, match="no image"):
        across_images([])
    with pytest.raises(RenderModuleException, match="no pixels in common"):
        PixelMean().add(np.zeros((3, 2))).add(np.zeros((2, 3)))


def test_means_of_parts_are_put_together():
    parts = [PixelMean() for _ in range(3)]
    for index, image in enumerate(IMAGES):
        parts[index % 2].add(image)  # the third part has no image
    whole = PixelMean()
    for part in parts:
        whole.join(part)
    assert whole.count == 11
    np.testing.assert_allclose(whole.mean, IMAGES.mean(axis=0), rtol=1e-13)
    np.testing.assert_allclose(whole.variance, IMAGES.var(axis=0), rtol=1e-12)


def test_percentiles_of_all_values():
    counts = ValueCounts().add(IMAGES[0]).join(ValueCounts().add(IMAGES[1:]))
    for share in (0, 0.1, 25, 50, 99.9, 100):
        expected = np.percentile(IMAGES, share, method="inverted_cdf")
        assert counts.percentile(share) == expected
    assert ValueCounts().add(np.full(5, 7, np.uint8)).percentile(0) == 7
    with pytest.raises(RenderModuleException, match="no values"):
        ValueCounts().percentile(5)
    with pytest.raises(RenderModuleException, match="float64 values"):
        ValueCounts().add(np.zeros(3))
