"""Image pyramids: making a level from the one below it.

Level L of an image is 2^-L of its size. A level is made by 2 x 2 integer means, repeated: odd last
rows and columns are dropped, and pixel (u, v) of level L lies at (2^L u + (2^L - 1) / 2, ...) of
level 0.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def downsample(array: NDArray, times: int = 1) -> NDArray:
    """Halve an image `times` times by 2 x 2 means.

    Parameters
    ----------
    array : (h, w) or (h, w, components) array
        Integer types give the mean truncated toward zero, floating types the mean.
    times : int
        How often; 0 gives the array itself.

    Returns
    -------
    (floor(h / 2), floor(w / 2), ...) array of the same type, for each halving.
    """
    for _ in range(times):
        array = _halve(array)
    return array


def _halve(array: NDArray) -> NDArray:
    height, width = array.shape[0] // 2, array.shape[1] // 2
    array = array[: 2 * height, : 2 * width]
    if array.ndim == 2 and array.dtype in (np.uint8, np.uint16) and array.size:
        return _halve_packed(array)
    wide = np.float64 if array.dtype.kind == "f" else np.int64
    total = array[0::2].astype(wide) + array[1::2]
    total = total[:, 0::2] + total[:, 1::2]
    if array.dtype.kind == "f":
        return (total / 4).astype(array.dtype)
    return (np.sign(total) * (np.abs(total) // 4)).astype(array.dtype)


def _halve_packed(array: NDArray) -> NDArray:
    """Halve 8 or 16 bit grey: neighbours in a row are read as one word of twice the width."""
    bits = 8 * array.itemsize
    pairs = np.ascontiguousarray(array).view(f"=u{2 * array.itemsize}")
    if bits == 16:
        low, high = pairs & np.uint32(0xFFFF), pairs >> np.uint32(16)
    else:
        low, high = pairs & np.uint16(0xFF), pairs >> np.uint16(8)
    low += high
    total = low[0::2] + low[1::2]
    total >>= total.dtype.type(2)
    return total.astype(array.dtype)
