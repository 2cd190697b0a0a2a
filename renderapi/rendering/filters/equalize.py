"""Histogram equalisation as ImageJ does it: with the square root of the histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange, kind_of, mean_of_components


def equalize_histogram(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Spread the grey levels of an 8 bit, 16 bit or RGB image.

    RGB is looked up by the table of the mean of its components. `saturatedPixels` has no
    influence, as in the original.
    """
    kind = kind_of(pixels)
    if kind == "float":
        raise SpecError("filter EqualizeHistogram works on 8 bit, 16 bit and RGB images only")
    levels = 65536 if kind == "16" else 256
    grey = pixels
    if kind == "rgb":
        grey = mean_of_components(pixels)
    table = equalizing_table(np.bincount(grey.ravel(), minlength=levels))
    return table.astype(pixels.dtype)[pixels]


def equalizing_table(histogram: NDArray[np.int64]) -> NDArray[np.int64]:
    """New level of each level; the weight of a level counts half below it and half above."""
    top = len(histogram) - 1
    weights = np.where(histogram < 2, histogram, np.sqrt(histogram.astype(np.float64)))
    total = weights[0] + 2 * weights[1:top].sum() + weights[top]
    if total == 0:
        return np.arange(len(histogram))
    before = weights[0] + 2 * (np.cumsum(weights[1:top]) - weights[1:top])
    table = np.empty(len(histogram), dtype=np.int64)
    table[0], table[top] = 0, top
    table[1:top] = np.floor((before + weights[1:top]) * (top / total) + 0.5)
    return table
