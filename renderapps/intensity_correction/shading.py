"""Flat-field and dark-field of a microscope, from many images of different things.

Image i is taken to be F b_i + D, with the flat-field F, the dark-field D and what was there, b_i,
which has no place in common with other images. Over the images the values of a pixel then lie
about a line over the mean of each image, whose slope is F; where D is not asked for, the median of
the images, each divided by its mean, is F. Both are smooth, so the noise of single pixels is taken
off: a polynomial is fitted, and what it leaves is smoothed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from renderapps.intensity_correction.make_median import smoothed
from renderapps.module.errors import RenderModuleException
from renderapps.module.pixel_statistics import MAX_BYTES, across_images

Floats = NDArray[np.float64]
DEGREE = 6
ROUNDS = 8
COPIES, COPIES_DARK = 16, 64  # memory for the work on some rows, as multiples of 16 bit images
TUKEY = 4.685  # residuals of so many standard deviations have no say


def estimate_fields(images: Iterable[NDArray], dark: bool, sigma: float) -> tuple[Floats, Floats]:
    """Flat-field of mean 1 and dark-field (of mean 0; zeros unless `dark`), both (h, w) float64.

    What all pixels of all images have in common beyond 0, such as the offset of the camera, cannot
    be told from the light: the dark-field is what differs between pixels.

    Parameters
    ----------
    images : iterable of (h, w) arrays of one size and type
        Read once, held in a temporary file. Those whose mean is not above 0 have no say.
    dark : bool
        Whether there is a dark-field; then the means of the images must differ.
    sigma : float
        Width of the Gaussian over what the polynomial leaves, pixels.

    Raises
    ------
    RenderModuleException
        There are too few images, or with `dark` all have the same mean.
    """
    levels: list[float] = []

    def noted() -> Iterator[NDArray]:
        for image in images:
            levels.append(float(image.mean(dtype=np.float64)))
            yield image

    def statistic(values: NDArray) -> Floats:
        means = np.array(levels)
        used = means > 0
        _require(means[used], dark)
        chosen, means = values[used].astype(np.float64), means[used]
        if not dark:
            flat = np.median(chosen / means[:, None, None], axis=0)
            return np.stack([flat, np.zeros_like(flat)], axis=-1)
        return np.stack(robust_lines(means, chosen), axis=-1)

    lines = across_images(noted(), statistic, MAX_BYTES // (COPIES_DARK if dark else COPIES))
    return as_fields(lines[..., 0], lines[..., 1], sigma)


def as_fields(slope: Floats, offset: Floats, sigma: float) -> tuple[Floats, Floats]:
    """Smooth fields: the slope over its mean, and the offset less the multiple of it that is light.

    The offsets of the lines are D - mean(D) F, whatever the mean of D.
    """
    flat = smooth_field(slope, sigma)
    flat = flat / flat.mean()
    if not (flat > 0).all():
        raise RenderModuleException(
            "the images do not show one illumination: its estimate is not above 0 everywhere; "
            "take more images"
        )
    dark = smooth_field(offset, sigma) if offset.any() else offset
    return flat, dark - dark.mean() * flat


def robust_lines(x: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Slope and offset of a line through the values of each pixel over x.

    Iteratively reweighted least squares with Tukey's biweight (Holland & Welsch 1977).

    Parameters
    ----------
    x : (n,)
    values : (n, h, w)

    Returns
    -------
    slope, offset : (h, w)
    """
    at = x[:, None, None]
    weights = np.ones_like(values)
    slope = offset = np.zeros(values.shape[1:])
    for _ in range(ROUNDS):
        total = weights.sum(axis=0)
        centre, mean = (weights * at).sum(axis=0) / total, (weights * values).sum(axis=0) / total
        away = at - centre
        spread = (weights * away**2).sum(axis=0)
        slope = (weights * away * (values - mean)).sum(axis=0) / np.maximum(spread, 1e-12)
        offset = mean - slope * centre
        residual = np.abs(values - slope * at - offset) / at  # what is there scales with the light
        bound = TUKEY * np.maximum(np.median(residual, axis=0) / 0.6745, 1e-12)
        weights = np.maximum(1 - np.minimum(residual / bound, 1) ** 2, 1e-6) ** 2 / at**2
    return slope, offset


def smooth_field(field: Floats, sigma: float) -> Floats:
    """A polynomial of order 6 in x and y, and what it leaves smoothed by a Gaussian."""
    trend = polynomial(field)
    return trend + smoothed(field - trend, sigma)


def polynomial(field: Floats, degree: int = DEGREE) -> Floats:
    """Least squares of Legendre polynomials with x and y of up to `degree`, (h, w)."""
    sides = [np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in field.shape]
    down, across = (
        np.linalg.qr(legendre.legvander(side, min(degree, len(side) - 1)))[0] for side in sides
    )
    return down @ (down.T @ field @ across) @ across.T


def _require(means: Floats, dark: bool) -> None:
    least = 4 if dark else 3
    if len(means) < least:
        raise RenderModuleException(
            f"{len(means)} images that are not black are too few to find the illumination: "
            f"{least} are the least, and a hundred give a good one"
        )
    if dark and np.ptp(means) < 0.02 * means.mean():
        raise RenderModuleException(
            "all images are equally bright: a dark-field cannot be told from light; "
            "leave dark_stack out"
        )
