"""Deconvolution against the values that the toolboxes' scheme gives, and against plain formulas."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from renderapps.intensity_correction.deconvtools import deconvblind, deconvlucy, otf2psf, psf2otf
from renderapps.module import RenderModuleException


def gaussian(size, sigma):
    x = np.arange(size) - size // 2
    line = np.exp(-(x**2) / (2 * sigma**2))
    return np.outer(line, line) / line.sum() ** 2


PSF = gaussian(7, 1.2)


def convolved(scene, psf):
    """Periodic convolution, by its definition."""
    out = np.zeros_like(scene)
    h, w = (n // 2 for n in psf.shape)
    for (i, j), value in np.ndenumerate(psf):
        out += value * np.roll(scene, (i - h, j - w), axis=(0, 1))
    return out


@pytest.fixture
def image():
    scene = np.full((32, 32), 10.0)
    scene[16, 16] += 1000
    scene[10, 20] += 500
    blurred = convolved(scene, PSF)
    assert blurred[16, 16] == pytest.approx(121.120383, abs=1e-6)
    return blurred


@pytest.mark.parametrize(
    ("iterations", "bright", "second", "corner", "least"),
    [
        (1, 156.745433, 82.233430, 10.000000, 7.893689),
        (3, 203.672330, 104.304809, 9.999980, 5.961978),
        (5, 268.637634, 132.865562, 9.999950, 3.519392),
        (10, 398.625577, 184.211253, 10.008338, 1.210118),
        (20, 559.069095, 255.660882, 9.981052, 0.000000),
    ],
)
def test_lucy_gives_the_reference_values(image, iterations, bright, second, corner, least):
    found = deconvlucy(image, PSF, iterations)
    values = found[16, 16], found[10, 20], found[0, 0], found.min()
    np.testing.assert_allclose(values, (bright, second, corner, least), atol=2e-5)
    assert found.sum() == pytest.approx(11740, abs=1e-3)


@pytest.mark.parametrize(
    ("iterations", "bright", "second", "total", "centre", "corner"),
    [
        (1, 131.773127, 68.734301, 11740.000, 0.023031, 0.019483),
        (5, 149.635262, 77.014166, 11704.860, 0.043592, 0.014767),
        (10, 275.701584, 131.889455, 11739.353, 0.095708, 0.008035),
    ],
)
def test_blind_gives_the_reference_values(image, iterations, bright, second, total, centre, corner):
    found, psf = deconvblind(image, np.ones((7, 7)), iterations)
    values = found[16, 16], found[10, 20], psf[3, 3], psf[0, 0]
    np.testing.assert_allclose(values, (bright, second, centre, corner), atol=2e-5)
    assert found.sum() == pytest.approx(total, abs=2e-3)
    assert psf.sum() == pytest.approx(1, abs=1e-12)


def test_first_iterations_are_those_of_the_plain_formula():
    rng = np.random.default_rng(1)
    image, psf = gaussian_filter(rng.uniform(10, 90, (20, 27)), 1), rng.uniform(0, 1, (4, 5))
    psf /= psf.sum()
    estimate = image
    for iterations in (1, 2, 3):  # not accelerated yet
        ratio = image / convolved(estimate, psf)
        estimate = estimate * correlated(ratio, psf)
        np.testing.assert_allclose(deconvlucy(image, psf, iterations), estimate, rtol=1e-6)


def correlated(values, psf):
    out = np.zeros_like(values)
    h, w = (n // 2 for n in psf.shape)
    for (i, j), value in np.ndenumerate(psf):
        out += value * np.roll(values, (h - i, w - j), axis=(0, 1))
    return out


def test_otf_is_the_transform_of_the_centred_psf_and_back():
    psf = np.random.default_rng(2).uniform(0, 1, (4, 5))
    otf = psf2otf(psf, (16, 12))
    scene = np.zeros((16, 12))
    scene[3, 4] = 1
    through = np.fft.ifft2(otf * np.fft.fft2(scene)).real
    np.testing.assert_allclose(through, convolved(scene, psf), atol=1e-12)
    np.testing.assert_allclose(otf2psf(otf, (4, 5)), psf, atol=1e-12)
    assert np.isrealobj(psf2otf(PSF, (32, 32)))
    assert np.isrealobj(otf2psf(otf, (4, 5)))
    assert not psf2otf(np.zeros((3, 3)), (8, 8)).any()
    assert not otf2psf(np.zeros((8, 8)), (3, 3)).any()


def test_the_fine_grid_has_the_light_of_the_coarse_one():
    scene = np.full((16, 16), 1.0)
    scene[7, 9] = 500
    fine = convolved(scene, gaussian(5, 1.0))
    coarse = fine.reshape(8, 2, 8, 2).mean(axis=(1, 3))
    found = deconvlucy(coarse, gaussian(5, 1.0), 60, subsmpl=2)
    assert found.shape == (16, 16)
    assert np.unravel_index(found.argmax(), found.shape) == (7, 9)
    seen = convolved(found, gaussian(5, 1.0)).reshape(8, 2, 8, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(seen, coarse, rtol=0.1, atol=1)
    blind, psf = deconvblind(coarse, np.ones((3, 3)), 2, subsmpl=2)
    assert (blind.shape, psf.shape) == ((16, 16), (6, 6))


def test_weights_enter_as_in_the_plain_formula(image):
    weight = np.random.default_rng(4).uniform(0.2, 1, image.shape)
    weight[5, 5] = 0
    estimate = image
    for iterations in (1, 2, 3):
        seen = correlated(weight * image / convolved(estimate, PSF), PSF)
        estimate = estimate * seen / correlated(weight, PSF)
        found = deconvlucy(image, PSF, iterations, weight=weight)
        np.testing.assert_allclose(found, estimate, rtol=1e-6)


def test_black_stays_black_and_nothing_is_changed():
    image = np.zeros((12, 12))
    image[6, 6] = 100
    kept = image.copy()
    found = deconvlucy(image, gaussian(3, 0.6), 8)
    np.testing.assert_array_equal(image, kept)
    assert np.isfinite(found).all()
    assert found[6, 6] == pytest.approx(100, abs=1e-3)
    assert not deconvlucy(np.zeros((8, 8)), gaussian(3, 1), 5).any()
    np.testing.assert_array_equal(deconvlucy(image, gaussian(3, 0.6), 0), image)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((np.ones((4, 4)), np.ones((5, 5)), 1), "larger"),
        ((np.ones((4, 4, 3)), np.ones((3, 3)), 1), "2-D"),
        ((np.ones((4, 4)), np.ones(3), 1), "2-D"),
        ((np.ones((4, 4)), np.ones((3, 3)), 1, np.ones((3, 4))), "one size"),
        ((np.ones((4, 4)), np.ones((3, 3)), 1, None, 0), "subsmpl"),
    ],
)
@pytest.mark.parametrize("function", [deconvlucy, deconvblind])
def test_what_cannot_be_is_refused(function, arguments, word):
    with pytest.raises(RenderModuleException, match=word):
        function(*arguments)
    with pytest.raises(RenderModuleException, match="larger"):
        psf2otf(np.ones((5, 5)), (8, 4))
    with pytest.raises(RenderModuleException, match="larger"):
        otf2psf(np.ones((4, 4)), (5, 2))
