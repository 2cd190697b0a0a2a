"""Masks: which pixels of a tile are drawn, and how strongly (0 to 255)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.intensity import DisplayRange, kind_of, mean_of_components, to_8_bit


def to_mask(pixels: NDArray) -> NDArray[np.uint8]:
    """Mask values of an image: 8 bit as it is, others scaled from their minimum..maximum to 0..255.

    Returns
    -------
    (h, w) uint8
    """
    kind = kind_of(pixels)
    if kind == "8":
        return pixels
    if kind == "rgb":
        return mean_of_components(pixels)
    low, high = float(np.nanmin(pixels)), float(np.nanmax(pixels))
    if high <= low:  # a mask of one value has nothing to scale: anything but 0 is "draw"
        return np.full(pixels.shape, 255 if high > 0 else 0, dtype=np.uint8)
    return to_8_bit(pixels, DisplayRange(low, high))
