"""Rank filters over a disc, as ImageJ's RankFilters: the border is continued outward."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange
from renderapi.rendering.limits import go_on

_MOST_STEPS = 1 << 34  # pixels times those of the disc: about a second
_STEPS_AT_ONCE = 1 << 25  # of medians: a fraction of a second
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
        planes = (np.ascontiguousarray(pixels[:, :, k]) for k in range(3))
        return np.stack(
            [rank_in_disc(plane, kind, disc, values.check_stop) for plane in planes], axis=2
        )
    return rank_in_disc(pixels, kind, disc, values.check_stop)


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


def rank_in_disc(
    pixels: NDArray,
    kind: int,
    disc: NDArray[np.uint8],
    check_stop: Callable[[], None] = go_on,
) -> NDArray:
    """Rank filter of one plane over a footprint."""
    import cv2

    if kind in (MINIMUM, MAXIMUM):
        if pixels.size * int(disc.sum()) > _MOST_STEPS:
            return _extremes(pixels, kind, disc, check_stop)
        of_disc = cv2.erode if kind == MINIMUM else cv2.dilate
        return np.asarray(of_disc(pixels, disc, borderType=cv2.BORDER_REPLICATE))
    if kind == MEDIAN:
        return medians_of(pixels, disc, check_stop)
    check_stop()
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


def _extremes(
    pixels: NDArray, kind: int, disc: NDArray[np.uint8], check_stop: Callable[[], None]
) -> NDArray:
    """Minima or maxima of a large disc: those of its rows, one pair of rows after the other."""
    from scipy.ndimage import maximum_filter1d, minimum_filter1d

    of_row, better = (
        (minimum_filter1d, np.minimum) if kind == MINIMUM else (maximum_filter1d, np.maximum)
    )
    reach, height = disc.shape[0] // 2, pixels.shape[0]
    tall = np.pad(pixels, ((reach, reach), (0, 0)), mode="edge")
    result = pixels.copy()
    for away in range(reach + 1):
        check_stop()
        along = of_row(tall, int(disc[reach + away].sum()), axis=1, mode="nearest")
        for top in {reach - away, reach + away}:
            better(result, along[top : top + height], out=result)
    return result


def medians_of(
    pixels: NDArray, disc: NDArray[np.uint8], check_stop: Callable[[], None] = go_on
) -> NDArray:
    """Medians of a disc of 0 and 1 around every pixel of a plane; the border is continued."""
    from renderapi.rendering.filters.rank_kernels import medians

    if pixels.dtype.kind == "u":
        values, ranks = np.arange(np.iinfo(pixels.dtype).max + 1, dtype=pixels.dtype), pixels
    else:
        values, ranks = np.unique(pixels, return_inverse=True)
        ranks = ranks.reshape(pixels.shape)
    half = (disc.sum(axis=1, dtype=np.int64) - 1) // 2
    padded = np.pad(ranks.astype(np.int64), len(half) // 2, mode="edge")
    bits = max(1, len(values).bit_length() // 2)
    fine, coarse = np.zeros(len(values), np.int64), np.zeros((len(values) >> bits) + 1, np.int64)
    result = np.empty(pixels.shape, np.int64)
    steps = int(disc.sum()) + pixels.shape[1] * (2 * len(half) + len(coarse))
    rows = max(1, _STEPS_AT_ONCE // steps)
    for top in range(0, len(pixels), rows):
        check_stop()
        medians(padded, half, top, min(top + rows, len(pixels)), fine, coarse, bits, result)
    found: NDArray = values[result]
    return found
