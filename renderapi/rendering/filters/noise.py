"""Pixels of one value become noise, so that empty areas have no features."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange, kind_of

_FURTHEST = 1e15  # whole numbers are exact up to here


def value_to_noise(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Replace pixels equal to `value` by uniform noise in [min, max].

    Integers for 8 and 16 bit; for RGB the 24 bit value is compared and the noise is grey; reals in
    [min, max) for float images, where a `value` of NaN matches NaN.
    """
    value = values.number("value", float("nan"))
    ends = (values.number("min", 0.0), values.number("max", 255.0))
    low, high = np.clip(np.nan_to_num(ends), -_FURTHEST, _FURTHEST).tolist()
    kind = kind_of(pixels)
    chosen = _equal(pixels, value, kind)
    count = int(chosen.sum())
    result = pixels.copy()
    if count == 0:
        return result
    if kind == "float":
        result[chosen] = random.uniform(low, high, count).astype(np.float32)
        return result
    noise = random.integers(int(low), max(int(high), int(low)), count, endpoint=True)
    noise = np.clip(noise, 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
    result[chosen] = noise[:, None] if kind == "rgb" else noise
    return result


def _equal(pixels: NDArray, value: float, kind: str) -> NDArray[np.bool_]:
    if np.isnan(value):
        empty: NDArray[np.bool_] = np.zeros(pixels.shape[:2], dtype=np.bool_)
        return np.isnan(pixels) if kind == "float" else empty
    if kind != "rgb":
        return np.asarray(pixels == value)
    red, green, blue = (pixels[:, :, k].astype(np.int64) for k in range(3))
    return np.asarray((red << 16 | green << 8 | blue) == value)
