"""What a picture is before it becomes an image file: values, alpha, and how to show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.intensity import DisplayRange, kind_of

DTYPES = {"8": np.uint8, "16": np.uint16, "float": np.float32, "rgb": np.uint8}


@dataclass
class Canvas:
    """A painted picture.

    Attributes
    ----------
    pixels : (h, w) uint8, uint16 or float32, or (h, w, 3) uint8
        Values before any display range. h and w are the rounded size of the canvas.
    alpha : (h, w) uint8, or None
        None where no tile has a mask: opaque everywhere.
    shown : DisplayRange
        Of the last tile drawn.
    width, height : int
        Size of the image that is answered (truncated): at most one row and column less.
    has_tiles : bool
        Whether the request had tiles; without any, not even the background is drawn.
    background : int or None
        0xRRGGBB under transparent pixels.
    noise_seed : int or None
        Uniform grey noise under transparent pixels, repeatable; None for no noise.
    first_row : int
        Row of the whole picture that row 0 is, when this is a band of it.
    """

    pixels: NDArray
    alpha: NDArray[np.uint8] | None
    shown: DisplayRange
    width: int
    height: int
    has_tiles: bool = True
    background: int | None = None
    noise_seed: int | None = None
    binary_mask: bool = False
    convert_to_gray: bool = False
    quality: float = 0.85
    first_row: int = 0

    @property
    def kind(self) -> str:
        """Kind of the pixels: "8", "16", "float" or "rgb"."""
        return kind_of(self.pixels)


def blank_pixels(kind: str, width: int, height: int) -> NDArray:
    """Pixels of a canvas on which nothing is drawn: 0."""
    shape = (height, width, 3) if kind == "rgb" else (height, width)
    return np.zeros(shape, dtype=DTYPES[kind])
