"""Rank filters over a disc, as ImageJ's RankFilters: the border is continued outward."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange

MEAN, MINIMUM, MAXIMUM, VARIANCE, MEDIAN = range(5)


def rank(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Replace each pixel by the mean, minimum, maximum, variance or median of a disc around it."""
    kind = values.whole("filterType", MINIMUM, MEAN, MEDIAN)
    disc = disc_of(values.radius("radius", 4, scale))
    if pixels.ndim == 3:
        planes = [rank_in_disc(np.ascontiguousarray(pixels[:, :, k]), kind, disc) for k in range(3)]
        return np.stack(planes, axis=2)
    return rank_in_disc(pixels, kind, disc)


def disc_of(radius: float) -> NDArray[np.uint8]:
    """ImageJ's disc: pixels with x^2 + y^2 <= int(r^2) + 1.

    Radii from 1.5 and 2.5 on count as 1.75 and 2.85: else they would have the discs of 1 and 2.

    Returns
    -------
    (2 k + 1, 2 k + 1) uint8 of 0 and 1
    """
    if 1.5 <= radius < 1.75:
        radius = 1.75
    elif 2.5 <= radius < 2.85:
        radius = 2.85
    limit = int(radius * radius) + 1
    reach = int(math.sqrt(limit + 1e-10))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return (x * x + y * y <= limit).astype(np.uint8)


def rank_in_disc(pixels: NDArray, kind: int, disc: NDArray[np.uint8]) -> NDArray:
    """Rank filter of one plane over a footprint."""
    import cv2

    if kind == MINIMUM:
        return np.asarray(cv2.erode(pixels, disc, borderType=cv2.BORDER_REPLICATE))
    if kind == MAXIMUM:
        return np.asarray(cv2.dilate(pixels, disc, borderType=cv2.BORDER_REPLICATE))
    if kind == MEDIAN:
        from scipy.ndimage import median_filter

        return np.asarray(median_filter(pixels, footprint=disc, mode="nearest"))
    value = pixels.astype(np.float64)
    kernel, count = disc.astype(np.float64), float(disc.sum())
    total = cv2.filter2D(value, -1, kernel, borderType=cv2.BORDER_REPLICATE)
    result = total / count
    if kind == VARIANCE:
        squares = cv2.filter2D(value * value, -1, kernel, borderType=cv2.BORDER_REPLICATE)
        result = (squares - total * total / count) / count
    if pixels.dtype.kind == "f":
        return result.astype(pixels.dtype)
    return np.clip(result + 0.5, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
