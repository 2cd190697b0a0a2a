"""Contrast normalised by the mean and deviation of a window around each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange, kind_of

Array = NDArray[np.float64]


def normalize_local_contrast(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Centre and/or stretch pixels about the statistics of their windows.

    A window has (2 rx + 1) x (2 ry + 1) pixels, clipped at the border; its deviation divides by
    n - 1. With mean m, deviation s, f = meanFactor and display range [low, high]:
    centre and stretch (v - (m - f s)) / (2 f s) (high - low) + low; centre alone v - m + middle;
    stretch alone (v - middle) / (2 f s) (high - low) + middle. RGB is done per component.
    """
    if pixels.ndim == 3:
        planes = [
            normalize_local_contrast(np.ascontiguousarray(pixels[:, :, k]), values, shown, scale,
                                     random)
            for k in range(3)
        ]  # fmt: skip
        return np.stack(planes, axis=2)
    center, stretch = values.switch("center", True), values.switch("stretch", True)
    if not (center or stretch):
        return pixels
    radii = (values.radius("blockRadiusX", 500, scale), values.radius("blockRadiusY", 500, scale))
    factor = values.positive("meanFactor", 3.0)
    low, high = _range_of(pixels, shown)
    value = pixels.astype(np.float64)
    mean, deviation = window_statistics(pixels, *radii)
    middle = (high + low) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        if center and stretch:
            spread = factor * deviation
            result = (value - (mean - spread)) / (2 * spread) * (high - low) + low
        elif center:
            result = value - mean + middle
        else:
            result = (value - middle) / (2 * factor * deviation) * (high - low) + middle
    return _stored(result, pixels.dtype)


def window_statistics(pixels: NDArray, radius_x: int, radius_y: int) -> tuple[Array, Array]:
    """Mean and deviation (n - 1; variance not below 0) of each pixel's window.

    Returns
    -------
    mean, deviation : (h, w) float64
    """
    # integers are summed exactly; float64 sums of float pixels lose little
    wide = pixels.astype(np.float64 if pixels.dtype.kind == "f" else np.int64)
    count = _window_sums(np.ones(pixels.shape, dtype=np.int64), radius_x, radius_y)
    total = _window_sums(wide, radius_x, radius_y).astype(np.float64)
    squares = _window_sums(wide * wide, radius_x, radius_y).astype(np.float64)
    mean = total / count
    variance = (squares - total * mean) / np.maximum(count - 1, 1)
    return mean, np.sqrt(np.maximum(variance, 0))


def _window_sums(values: NDArray, radius_x: int, radius_y: int) -> NDArray:
    for axis, radius in ((0, radius_y), (1, radius_x)):
        length = values.shape[axis]
        first = np.maximum(np.arange(length) - radius, 0)
        last = np.minimum(np.arange(length) + radius + 1, length)
        sums = np.cumsum(values, axis=axis)
        sums = np.insert(sums, 0, 0, axis=axis)
        values = np.take(sums, last, axis=axis) - np.take(sums, first, axis=axis)
    return values


def _range_of(pixels: NDArray, shown: DisplayRange) -> tuple[float, float]:
    """Display range within what the pixel type holds."""
    if kind_of(pixels) == "float":
        return shown.minimum, shown.maximum
    highest = float(np.iinfo(pixels.dtype).max)
    return max(shown.minimum, 0.0), min(shown.maximum, highest)


def _stored(values: Array, dtype: np.dtype) -> NDArray:
    if dtype.kind == "f":
        return values.astype(dtype)
    rounded = np.floor(np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf) + 0.5)
    return np.clip(rounded, 0, np.iinfo(dtype).max).astype(dtype)
