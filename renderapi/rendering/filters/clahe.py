"""Contrast limited adaptive histogram equalisation.

S. Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV (1994). Works
on the 8 bit values shown; other pixel types are scaled by the gain found for those.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.filters.values import Values
from renderapi.rendering.intensity import DisplayRange, kind_of, to_8_bit
from renderapi.rendering.limits import go_on

MOST_BINS = 4096  # of 256 grey levels
_MOST_TRANSFERS = 1 << 26
_STEPS_AT_A_TIME = 1 << 29
LUMA = np.array([0.299, 0.587, 0.114])


def clahe(
    pixels: NDArray,
    values: Values,
    shown: DisplayRange,
    scale: float,
    random: np.random.Generator,
) -> NDArray:
    """Equalise local histograms of at most the given slope.

    `fast`: one transfer function per block, mixed bilinearly between block centres; otherwise one
    per pixel, from the window around it.
    """
    radius = max(values.radius("blockRadius", 500, scale), 1)
    bins = values.whole("bins", 256, 1, MOST_BINS)
    slope = min(values.positive("slope", 2.5), float(MOST_BINS))  # no cell is cut from there on
    kind = kind_of(pixels)
    grey = _grey(pixels, kind, shown)
    equalised = equalise(grey, radius, bins, slope, values.switch("fast", True), values.check_stop)
    if kind == "8":
        return equalised
    return _scaled(pixels, kind, shown, equalised / np.maximum(grey, 1).astype(np.float64), grey)


def equalise(
    grey: NDArray[np.uint8],
    radius: int,
    bins: int,
    slope: float,
    fast: bool,
    check_stop: Callable[[], None] = go_on,
) -> NDArray[np.uint8]:
    """CLAHE of an (h, w) uint8 image; windows of 2 radius + 1 pixels, bins + 1 cells.

    A cell holds at most slope / bins of the pixels: those of a whole block, or, in the exact
    variant, those of each pixel's window, which the border of the image clips.
    """
    from renderapi.rendering.filters import clahe_kernels

    cells = (np.arange(256) / 255 * bins + 0.5).astype(np.int64)
    if not fast:
        out = np.empty_like(grey)
        rows_at_a_time = max(1, _STEPS_AT_A_TIME // (grey.shape[1] * (4 * radius + 4 * bins)))
        for first in range(0, len(grey), rows_at_a_time):
            check_stop()
            last = min(first + rows_at_a_time, len(grey))
            clahe_kernels.exact(grey, cells, bins, radius, slope, out, first, last)
        return out
    side = 2 * radius + 1
    limit = int(slope * side * side / bins + 0.5)
    rows, columns = _centres(grey.shape[0], radius), _centres(grey.shape[1], radius)
    if len(rows) * len(columns) * (bins + 1) > _MOST_TRANSFERS:
        raise SpecError(
            f"blocks of radius {radius} are too many for an image of {grey.shape[1]} x"
            f" {grey.shape[0]} pixels; give filter CLAHE a larger blockRadius or fewer bins"
        )
    transfers = clahe_kernels.block_transfers(grey, cells, bins + 1, radius, limit, rows, columns)
    return clahe_kernels.mix(grey, cells, transfers, rows, columns)


def _centres(length: int, radius: int) -> NDArray[np.int64]:
    """Centres of blocks along an axis, ascending."""
    side = 2 * radius + 1
    count, rest = divmod(length, side)
    centres = [k * side + radius + 1 for k in range(count)]
    if rest == 1:
        centres.append(length - radius - 1)
    elif rest > 1:
        inner = [centre + rest // 2 for centre in centres]
        centres = [radius + 1, *inner, length - radius - 1]
    return np.unique(np.array(centres, dtype=np.int64))


def _grey(pixels: NDArray, kind: str, shown: DisplayRange) -> NDArray[np.uint8]:
    if kind == "8":
        return pixels
    if kind == "rgb":
        return (pixels @ LUMA + 0.5).astype(np.uint8)
    return to_8_bit(pixels, shown)


def _scaled(
    pixels: NDArray, kind: str, shown: DisplayRange, gain: NDArray, grey: NDArray[np.uint8]
) -> NDArray:
    """Pixels scaled about the display minimum; where the grey level is 0 they stay."""
    gain = np.where(grey == 0, 1.0, gain)
    low = 0.0 if kind == "rgb" else shown.minimum
    if kind == "rgb":
        gain = gain[:, :, None]
    result = gain * (pixels.astype(np.float64) - low) + low
    if kind == "float":
        return result.astype(np.float32)
    return np.clip(np.floor(result + 0.5), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)
