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
    value = pixels.astype(np.float64)
    height, width = pixels.shape
    count = np.outer(_window_lengths(height, radius_y), _window_lengths(width, radius_x))
    # float64 holds the sums of 8 and 16 bit pixels and of their squares exactly
    total = _window_sums(value, radius_x, radius_y)
    squares = _window_sums(value * value, radius_x, radius_y)
    mean = total / count
    variance = (squares - total * mean) / np.maximum(count - 1, 1)
    return mean, np.sqrt(np.maximum(variance, 0))


def _window_lengths(length: int, radius: int) -> Array:
    """Pixels of the window of each position along an axis, clipped at both ends."""
    position = np.arange(length, dtype=np.float64)
    return np.minimum(position + radius, length - 1) - np.maximum(position - radius, 0) + 1


def _window_sums(values: Array, radius_x: int, radius_y: int) -> Array:
    import cv2

    height, width = values.shape
    # beyond the image there is nothing to add
    size = (2 * min(radius_x, width) + 1, 2 * min(radius_y, height) + 1)
    sums = cv2.boxFilter(values, cv2.CV_64F, size, normalize=False, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(sums, dtype=np.float64)


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
