"""Display ranges, and conversions between the kinds of pixels.

A display range [minimum, maximum] maps pixel values to the 256 grey levels of a screen. Arithmetic
follows the service's rules to the bit: truncation where they truncate, half up where they round.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class DisplayRange(NamedTuple):
    """Values shown as black and as white."""

    minimum: float
    maximum: float


WHOLE = DisplayRange(0.0, 255.0)
"""Of 8 bit images that are shown as they are."""


def kind_of(pixels: NDArray) -> str:
    """One of "8", "16", "float", "rgb".

    >>> kind_of(np.zeros((2, 2), np.uint16))
    '16'
    """
    if pixels.ndim == 3:
        return "rgb"
    return {"u1": "8", "u2": "16"}.get(pixels.dtype.str[1:], "float")


def display_range(kind: str, minimum: float, maximum: float) -> DisplayRange:
    """Range as an image of that kind keeps it: rounded for 8 bit, truncated for 16 bit.

    8 bit and RGB images take no range whose minimum is above its maximum: they are shown as they
    are. 16 bit images take it, and show what is above the minimum as white.
    """
    if kind == "16":
        low, high = (float(int(min(max(value, 0), 65535))) for value in (minimum, maximum))
        return DisplayRange(low, high)
    if kind == "float":
        return DisplayRange(minimum, maximum)
    if minimum > maximum:
        return WHOLE
    return DisplayRange(float(np.floor(minimum + 0.5)), float(np.floor(maximum + 0.5)))


def to_8_bit(pixels: NDArray, shown: DisplayRange) -> NDArray[np.uint8]:
    """Grey levels of 8 bit, 16 bit or float pixels under a display range.

    Parameters
    ----------
    pixels : (h, w) uint8, uint16 or float32
    shown : DisplayRange

    Returns
    -------
    (h, w) uint8
    """
    kind = kind_of(pixels)
    if kind == "float":
        return _float_levels(pixels, shown)
    if kind == "8" and (shown == WHOLE or shown.minimum > shown.maximum):
        return pixels
    table = _table_8(shown) if kind == "8" else _table_16(shown)
    return table[pixels]


def _table_8(shown: DisplayRange) -> NDArray[np.uint8]:
    """Grey level of each 8 bit value: truncated, 256 steps."""
    values = np.arange(256, dtype=np.float64)
    span = shown.maximum - shown.minimum
    inside = 256 * (values - shown.minimum) / span if span else np.zeros(256)
    levels = np.clip(inside, 0, 255).astype(np.uint8)
    levels[values < shown.minimum] = 0
    levels[values > shown.maximum] = 255
    return levels


def _table_16(shown: DisplayRange) -> NDArray[np.uint8]:
    """Grey level of each 16 bit value: 256 steps over maximum - minimum + 1, rounded.

    Without any step the values above the minimum are white.
    """
    above = np.maximum(np.arange(65536, dtype=np.float64) - shown.minimum, 0)
    span = max(shown.maximum - shown.minimum + 1, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.nan_to_num(above * 256 / span + 0.5, nan=0.0, posinf=255.0)
    return np.clip(levels, 0, 255).astype(np.uint8)


def _float_levels(pixels: NDArray, shown: DisplayRange) -> NDArray[np.uint8]:
    above = np.maximum(pixels.astype(np.float64) - shown.minimum, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = above * 255 / (shown.maximum - shown.minimum) + 0.5
    return np.clip(np.nan_to_num(levels, nan=0.0, posinf=255.0, neginf=0.0), 0, 255).astype(
        np.uint8
    )


def to_16_bit(pixels: NDArray, shown: DisplayRange) -> NDArray[np.uint16]:
    """16 bit values: integers as they are, RGB by its mean, float scaled over the display range.

    Returns
    -------
    (h, w) uint16
    """
    kind = kind_of(pixels)
    if kind == "16":
        return pixels
    if kind == "8":
        return pixels.astype(np.uint16)
    if kind == "rgb":
        return mean_of_components(pixels).astype(np.uint16)
    scaled = pixels.astype(np.float64) - shown.minimum
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = scaled * 65535 / (shown.maximum - shown.minimum) + 0.5
    scaled = np.nan_to_num(scaled, nan=0.0, posinf=65535.0, neginf=0.0)
    return np.clip(scaled, 0, 65535).astype(np.uint16)


def mean_of_components(pixels: NDArray) -> NDArray[np.uint8]:
    """(r + g + b) / 3 of (h, w, 3) uint8, rounded."""
    total = pixels.astype(np.uint16).sum(axis=2, dtype=np.uint16)
    return ((2 * total + 3) // 6).astype(np.uint8)


def stretch_components(pixels: NDArray, shown: DisplayRange) -> NDArray[np.uint8]:
    """Display range of an RGB image, applied to its components before sampling."""
    if shown == WHOLE or shown.minimum > shown.maximum:
        return pixels
    span = shown.maximum - shown.minimum
    values = np.arange(256, dtype=np.float64) - shown.minimum
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = np.nan_to_num(256 * values / span, nan=0.0, posinf=255.0, neginf=0.0)
    return np.clip(levels, 0, 255).astype(np.uint8)[pixels]


def convert(pixels: NDArray, kind: str, shown: DisplayRange) -> NDArray:
    """Bring an image to the kind of the canvas it is painted on.

    8 to 16 bit and integers to float keep their values; 16 bit and float to 8 bit go through the
    display range; RGB to grey is the mean of the components; grey to RGB is the grey level shown.
    """
    own = kind_of(pixels)
    if own == kind:
        return pixels
    if kind == "rgb":
        grey = to_8_bit(pixels, shown)
        return np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
    if own == "rgb":
        grey = mean_of_components(pixels)
        return grey.astype({"8": np.uint8, "16": np.uint16, "float": np.float32}[kind])
    if kind == "float":
        return pixels.astype(np.float32)
    return to_8_bit(pixels, shown) if kind == "8" else to_16_bit(pixels, shown)
