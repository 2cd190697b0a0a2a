"""Rank filters over a disc, as ImageJ's RankFilters: the border is continued outward."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange
from renderapi.rendering.limits import go_on

_MOST_STEPS = 1 << 34  # pixels times those of the disc: about a second
_MOST_SORTED = 1 << 27  # the same for medians: some seconds
_VALUES_AT_A_TIME = 1 << 22
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
        return _medians(pixels, disc, check_stop)
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


def _medians(pixels: NDArray, disc: NDArray[np.uint8], check_stop: Callable[[], None]) -> NDArray:
    """Medians of a disc, some pixels at a time, so that the work can be stopped."""
    from scipy.ndimage import median_filter

    reach = disc.shape[0] // 2
    side = math.isqrt(_MOST_SORTED // int(disc.sum()))
    if max(pixels.shape) <= side:
        return np.asarray(median_filter(pixels, footprint=disc, mode="nearest"))
    padded = np.pad(pixels, reach, mode="edge")
    result = np.empty_like(pixels)
    inner = side - 2 * reach
    if inner < reach:  # most of a block would be what lies around it
        _medians_by_rows(padded, disc, result, check_stop)
        return result
    for top, left in product(*(range(0, length, inner) for length in pixels.shape)):
        check_stop()
        block = padded[top : top + side, left : left + side]
        done = median_filter(block, footprint=disc, mode="nearest")
        inside = slice(reach, -reach or None)
        result[top : top + inner, left : left + inner] = done[inside, inside]
    return result


def _medians_by_rows(
    padded: NDArray, disc: NDArray[np.uint8], result: NDArray, check_stop: Callable[[], None]
) -> None:
    count, inside = int(disc.sum()), disc.astype(bool)
    windows = np.lib.stride_tricks.sliding_window_view(padded, disc.shape)
    step = max(1, _VALUES_AT_A_TIME // count)
    for row, left in product(range(result.shape[0]), range(0, result.shape[1], step)):
        check_stop()
        values = windows[row, left : left + step][:, inside]
        middle = np.partition(values, count // 2, axis=1)[:, count // 2]
        result[row, left : left + step] = middle
