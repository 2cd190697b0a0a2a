"""Background removal and deconvolution of images, whole and zone by zone."""

from itertools import pairwise

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from renderapps.intensity_correction.deconvolution import (
    DeconvolutionSettings,
    deconvolved,
    deconvolved_image,
    to_16_bit,
    without_background,
)
from renderapps.intensity_correction.deconvtools import deconvlucy
from renderapps.intensity_correction.point_spread import read_psf
from renderapps.intensity_correction.zones import (
    ZoneGrid,
    blended,
    deconvolved_by_zones,
    ramps,
    spans,
    zone_psfs,
)
from renderapps.module import RenderModuleException


def gaussian(size, sigma):
    x = np.arange(size) - size // 2
    line = np.exp(-(x**2) / (2 * sigma**2))
    return np.outer(line, line) / line.sum() ** 2


@pytest.fixture
def scene():
    rng = np.random.default_rng(0)
    points = np.full((150, 131), 20.0)
    points[rng.integers(0, 150, 60), rng.integers(0, 131, 60)] += 3000
    return ndimage.convolve(points, gaussian(9, 1.3), mode="reflect")


@pytest.mark.parametrize("radius", [1, 4, 20])
def test_background_is_the_opening_with_a_disk(radius):
    image = np.random.default_rng(radius).uniform(0, 500, (37, 50))
    side = np.arange(-radius, radius + 1)
    disk = side[:, None] ** 2 + side**2 <= radius**2
    expected = ndimage.white_tophat(image, footprint=disk, mode="reflect")
    np.testing.assert_allclose(without_background(image, radius), expected, atol=1e-9)


def test_no_background_is_taken_at_borders_towards_which_it_rises():
    slope = np.add.outer(np.arange(60.0), 2 * np.arange(80.0))
    assert without_background(slope, 10)[10:-10, 10:-10].max() <= 30
    np.testing.assert_array_equal(without_background(slope, 0), slope)


@pytest.mark.parametrize("dtype", ["u1", "u2", "f4", "i4"])
def test_background_is_the_same_in_every_pixel_type(dtype):
    image = np.random.default_rng(1).integers(0, 256, (40, 33)).astype(dtype)
    found = without_background(image, 5)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, without_background(image.astype(float), 5))


def direct_lucy(image, psf, iterations):
    """Richardson-Lucy by convolutions in space, the image mirrored beyond its borders."""
    margin = 40
    padded = np.pad(image, margin, mode="symmetric")
    estimate, steps, before = padded, [], np.zeros_like(padded)
    for k in range(iterations):
        a = 0.0
        if k > 2:
            new, old = steps[-1].ravel(), steps[-2].ravel()
            a = np.clip(new @ old / (old @ old), 0, 1)
        guess = np.maximum(estimate + a * (estimate - before), 0)
        blurred = ndimage.convolve(guess, psf, mode="reflect")
        ratio = ndimage.correlate(padded / blurred, psf, mode="reflect")
        before, estimate = estimate, guess * ratio
        steps.append(estimate - guess)
    return estimate[margin:-margin, margin:-margin]


def test_it_equals_a_direct_reference_up_to_the_border(scene):
    psf = gaussian(9, 1.3)
    found, expected = deconvolved(scene, psf, 8), direct_lucy(scene, psf, 8)
    np.testing.assert_allclose(found, expected, rtol=0.02, atol=1)
    inner = slice(10, -10)
    np.testing.assert_allclose(found[inner, inner], expected[inner, inner], rtol=1e-3, atol=0.2)


def test_nothing_wraps_around():
    image = np.full((64, 64), 10.0)
    image[:3] = 1000
    psf = gaussian(9, 1.3)
    away = np.abs(deconvolved(image, psf, 10)[-20:] - 10).max()
    assert away < 0.1
    assert np.abs(deconvlucy(image, psf, 10)[-20:] - 10).max() > 5


def test_the_whole_chain_is_its_parts_one_after_the_other(scene):
    psf = gaussian(9, 1.3)
    image = scene.astype(np.uint16)
    found = deconvolved_image(image, DeconvolutionSettings(psf, 5, 6, 2.5))
    flat = without_background(image.astype(float), 6)
    np.testing.assert_array_equal(found, np.rint(deconvolved(flat, psf, 5) / 2.5))
    assert found.dtype == np.uint16
    assert to_16_bit(np.array([-1, 1.5, 2.5, 1e6]), 1).tolist() == [0, 2, 2, 65535]


def test_images_that_cannot_be_deconvolved():
    settings = DeconvolutionSettings(gaussian(9, 1))
    with pytest.raises(
        RenderModuleException, match="9 x 9 pixels, larger than the image of 8 x 20"
    ):
        deconvolved_image(np.ones((20, 8)), settings)
    with pytest.raises(RenderModuleException, match="3 components"):
        deconvolved_image(np.ones((20, 20, 3)), settings)


@pytest.mark.parametrize("length", [1, 20, 128, 129, 246, 300, 1040, 1388, 2048])
@pytest.mark.parametrize(("block", "overlap"), [(128, 10), (64, 32), (50, 0)])
def test_zones_cover_every_length_and_weights_add_up(length, block, overlap):
    parts = spans(length, block, overlap)
    assert parts[0][0] == 0
    assert parts[-1][1] == length
    assert all(stop - start == min(block, length) for start, stop in parts)
    shared = [one[1] - other[0] for one, other in pairwise(parts)]
    assert min(shared, default=overlap) >= overlap
    total = np.zeros(length)
    for weight, (start, stop) in zip(ramps(parts, length), parts, strict=True):
        assert weight.min() > 0
        total[start:stop] += weight
    np.testing.assert_allclose(total, 1, atol=1e-12)


def test_zones_of_one_are_one_everywhere_and_go_down_first():
    grid = ZoneGrid((40, 30), (8, 6))
    places = grid.zones((100, 70))
    assert places[0][1] == places[1][1] == (0, 30)
    assert places[1][0][0] > 0
    parts = [np.ones((bottom - top, right - left)) for (top, bottom), (left, right) in places]
    np.testing.assert_allclose(blended(parts, (100, 70), grid), 1, atol=1e-12)


def test_zones_with_one_psf_give_what_the_whole_gives(scene):
    psf = gaussian(9, 1.3)
    found = deconvolved_by_zones(scene, psf, 8, ZoneGrid((64, 64), (10, 10)))
    np.testing.assert_allclose(found, deconvolved(scene, psf, 8), rtol=0.03, atol=3)


def test_each_zone_has_its_own_psf(scene):
    grid = ZoneGrid((100, 131), (10, 10))
    psfs = np.stack([gaussian(9, 1.3), gaussian(9, 0.7)])
    found = deconvolved_by_zones(scene, psfs, 6, grid)
    for psf, rows in zip(psfs, (slice(0, 50), slice(100, 150)), strict=True):
        expected = deconvolved(scene, psf, 6)[rows]
        np.testing.assert_allclose(found[rows], expected, rtol=0.03, atol=3)
    with pytest.raises(RenderModuleException, match="3 point spread functions, the image 2 zones"):
        deconvolved_by_zones(scene, np.ones((3, 9, 9)) / 81, 1, grid)


def test_psfs_are_found_in_the_zones(scene):
    found = zone_psfs(scene, np.full((9, 9), 1 / 81), 25, ZoneGrid((150, 131), (10, 10)))
    assert found.shape == (1, 9, 9)
    assert found.sum() == pytest.approx(1)
    x = np.arange(9) - 4
    sigma = np.sqrt((found[0] * (x**2)[:, None]).sum())
    flat = np.sqrt((np.full((9, 9), 1 / 81) * (x**2)[:, None]).sum())
    assert abs(sigma - 1.3) < abs(flat - 1.3) / 2
    assert np.unravel_index(found[0].argmax(), (9, 9)) == (4, 4)


def test_psf_files(tmp_path):
    path = tmp_path / "psf.tif"
    tifffile.imwrite(path, (1000 * gaussian(7, 1)).astype(np.uint16))
    assert read_psf(str(path)).sum() == pytest.approx(1)
    tifffile.imwrite(path, np.stack([gaussian(7, 1), 3 * gaussian(7, 2)]))
    np.testing.assert_allclose(read_psf(str(path)).sum(axis=(1, 2)), 1)
    for values, words in (
        (np.zeros((3, 3)), "black"),
        (np.array([[1.0, -0.1], [0, 0]]), "negative"),
        (np.array([[1.0, np.nan], [0, 0]]), "not finite"),
        (np.ones(7), "2-D"),
    ):
        tifffile.imwrite(path, np.asarray(values, np.float32))
        with pytest.raises(RenderModuleException, match=words):
            read_psf(str(path))
    path.write_text("no image")
    with pytest.raises(RenderModuleException, match=r"psf\.tif cannot be read"):
        read_psf(str(path))
