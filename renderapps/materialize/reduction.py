"""Pictures of full scale -> sums of the pixels of a smaller scale, piece by piece.

A picture that is drawn small shows a gap where tiles abut, since each tile is sampled by itself;
the mean of what is drawn at full scale has none. Pixel (i, j) of the result is the mean of the
full-scale pixels between j / scale and (j + 1) / scale across, and i / scale and (i + 1) / scale
down: of whole blocks where 1 / scale is whole, else with pixels on the borders shared by area.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_WHOLE = 1e-9


def step_of(scale: float) -> float:
    """Full-scale pixels along the side of a pixel: 1 / scale, whole where that is meant."""
    step = 1 / scale
    return float(round(step)) if abs(round(step) * scale - 1) < _WHOLE else step


def add_piece(
    sums: NDArray, start: Sequence[int], pixels: NDArray, at: Sequence[int], step: float
) -> None:
    """Add a piece of a picture of full scale to the sums of the smaller one.

    Parameters
    ----------
    sums : (rows, columns) array, added to
        It begins at row and column `start` of the smaller picture. Of a type that holds sums; of
        float64 where `step` is not whole.
    pixels : (h, w) array
        It begins at row and column `at` of the picture of full scale; where `step` is whole, at the
        beginning of a block, and holds whole blocks.
    step : float
        Pixels of full scale along the side of a pixel of the smaller picture.
    """
    if float(step).is_integer():
        side = int(step)
        found = block_sums(block_sums(pixels.astype(sums.dtype), side, 0), side, 1)
        y, x = (a // side - s for a, s in zip(at, start, strict=True))
        sums[y : y + found.shape[0], x : x + found.shape[1]] += found
        return
    down, across = (
        _shares(s, s + n, a, a + m, step)
        for s, n, a, m in zip(start, sums.shape, at, pixels.shape, strict=True)
    )
    sums += (across @ (down @ pixels.astype(np.float64)).T).T


def block_sums(pixels: NDArray, step: int, axis: int) -> NDArray:
    """Sums of `step` neighbours along an axis, of whole blocks only."""
    whole = pixels.shape[axis] // step * step
    lines = [slice(None)] * pixels.ndim
    total: NDArray | None = None
    for offset in range(step):
        lines[axis] = slice(offset, whole, step)
        part = pixels[tuple(lines)]
        total = part.copy() if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


def sum_type(dtype: np.dtype[Any], count: int) -> np.dtype[Any]:
    """The smallest unsigned type that holds the sum of `count` pixels, and half of them more."""
    most = (int(np.iinfo(dtype).max) + 1) * count
    return np.dtype(next(t for t in ("u2", "u4", "u8") if most <= np.iinfo(t).max))


def _shares(first: int, end: int, low: int, high: int, step: float) -> Any:
    """Share of each full-scale line in each line of the result.

    Returns
    -------
    (end - first, high - low) sparse matrix
        Row i, column k: how much of line low + k lies in line first + i; 1 where all of it does.
    """
    from scipy.sparse import csr_array

    lines = np.arange(low, high)
    parts = []
    start = np.floor(lines / step + _WHOLE).astype(np.int64)
    for offset in (0, 1):
        target = start + offset
        share = np.minimum((target + 1) * step, lines + 1) - np.maximum(target * step, lines)
        used = (share > _WHOLE) & (target >= first) & (target < end)
        parts.append((share[used], target[used] - first, lines[used] - low))
    values, targets, sources = (np.concatenate(column) for column in zip(*parts, strict=True))
    return csr_array((values, (targets, sources)), shape=(max(end - first, 0), high - low))
