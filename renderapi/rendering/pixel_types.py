"""What stored pixels become, decided once, from the header of a file or from its data alike.

Pixels are one of four kinds: (h, w) uint8, (h, w) uint16, (h, w) float32, or (h, w, 3) uint8 RGB.

| stored | pixels |
|---|---|
| 1 bit | uint8, 0 or 255 |
| unsigned, 8 or 16 bit | as stored |
| signed, any size | float32: noise around a dark reference lies on both sides of 0 |
| unsigned, 32 bit and more | float32, as ImageJ reads them |
| float of any size | float32 |
| three samples and more, 8 bit or unsigned 16 bit | RGB, of 16 bit the high bytes |
| grey and alpha | grey |
| CMYK | RGB, as printed on white: (1 - C)(1 - K) |
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError


def kind_of_pixels(dtype: np.dtype[Any], samples: int = 1) -> tuple[np.dtype[Any], int]:
    """Type and number (1 or 3) of the components that stored samples become.

    Parameters
    ----------
    dtype : np.dtype
        Type of the stored samples.
    samples : int
        Samples of one pixel.

    Raises
    ------
    ImageError
        Such samples are no image.
    """
    if samples >= 3:
        if dtype.kind != "u" or dtype.itemsize > 2:
            raise ImageError(f"colour of type {dtype} is not supported")
        return np.dtype(np.uint8), 3
    if dtype.kind == "b":
        return np.dtype(np.uint8), 1
    if dtype.kind == "u" and dtype.itemsize <= 2:
        return dtype.newbyteorder("="), 1
    if dtype.kind in "iuf":
        return np.dtype(np.float32), 1
    raise ImageError(f"pixels of type {dtype} are not supported")


def to_pixels(array: NDArray) -> NDArray:
    """Bring decoded samples, (h, w) or (h, w, samples), to one of the kinds of pixels.

    The result is in C order and writable.
    """
    if array.ndim not in (2, 3):
        raise ImageError(f"an array of shape {array.shape} is not an image")
    dtype, components = kind_of_pixels(array.dtype, array.shape[2] if array.ndim == 3 else 1)
    if components == 3:
        array = _high_bytes(array[:, :, :3])
    else:
        array = array[:, :, 0] if array.ndim == 3 else array
        if array.dtype.kind == "b":
            array = array.astype(np.uint8) * np.uint8(255)
    return np.require(array.astype(dtype, copy=False), requirements=["C", "W"])


def cmyk_to_rgb(array: NDArray) -> NDArray[np.uint8]:
    """Colours of inks, (h, w, 4 or more) of 8 or 16 bits, as they look on white paper."""
    inks = 255 - _high_bytes(array[:, :, :4]).astype(np.uint16)
    return ((inks[:, :, :3] * inks[:, :, 3:] + 127) // 255).astype(np.uint8)


def _high_bytes(array: NDArray) -> NDArray[np.uint8]:
    return (array >> 8).astype(np.uint8) if array.dtype.itemsize == 2 else array
