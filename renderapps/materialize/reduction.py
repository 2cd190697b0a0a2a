"""Pictures of full scale -> area means at a smaller scale, band by band.

A picture that is drawn small shows a gap where tiles abut, since each tile is sampled by itself;
the mean of what is drawn at full scale has none. Pixel (i, j) of the result is the mean of the
full-scale pixels between j / scale and (j + 1) / scale across, and i / scale and (i + 1) / scale
down: of whole blocks where 1 / scale is whole, else with pixels on the borders shared by area.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BAND_ROWS = 1024
_WHOLE = 1e-9


def step_of(scale: float) -> float:
    """Full-scale pixels along the side of a pixel: 1 / scale, whole where that is meant."""
    step = 1 / scale
    return float(round(step)) if abs(round(step) * scale - 1) < _WHOLE else step


def area_means(
    bands: Iterable[NDArray], scale: float, size: tuple[int, int], rows: int
) -> Iterator[NDArray]:
    """Bands of a smaller picture from the bands of a picture of full scale.

    Parameters
    ----------
    bands : iterable of (h, w) arrays of an unsigned integer type
        From top to bottom; their heights may differ.
    scale : float
        Less than 1.
    size : (columns, rows) of the result
    rows : int
        Height of the bands that are given; the last may be lower.

    Yields
    ------
    (rows, columns) arrays of the same type, halves rounded up
    """
    step = step_of(scale)
    reduce = _block_means if step.is_integer() else _shared_means
    waiting: list[NDArray] = []
    for means in reduce(bands, step, size):
        waiting.append(means)
        yield from _full_bands(waiting, rows)
    if waiting:
        yield np.concatenate(waiting)


def band_rows(scale: float) -> int:
    """Height of the full-scale bands that are reduced at the least cost."""
    step = int(step_of(scale))
    return step * max(1, BAND_ROWS // step)


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


def rounded_means(sums: NDArray, count: int, dtype: np.dtype[Any]) -> NDArray:
    """Sums of `count` pixels -> means of the type of the pixels, halves rounded up."""
    sums = sums + sums.dtype.type(count // 2)
    if count & (count - 1) == 0:
        return (sums >> sums.dtype.type(count.bit_length() - 1)).astype(dtype)
    return (sums // sums.dtype.type(count)).astype(dtype)


def _block_means(bands: Iterable[NDArray], step: float, size: tuple[int, int]) -> Iterator[NDArray]:
    side, (columns, left) = int(step), size
    rest: NDArray | None = None
    for band in bands:
        band = band[:, : columns * side]
        band = band if rest is None or not len(rest) else np.concatenate([rest, band])
        whole = len(band) // side * side
        rest = band[whole:]
        rows = block_sums(band[:whole].astype(sum_type(band.dtype, side**2)), side, 0)[:left]
        if len(rows):
            left -= len(rows)
            yield rounded_means(block_sums(rows, side, 1), side**2, band.dtype)


def _shared_means(
    bands: Iterable[NDArray], step: float, size: tuple[int, int]
) -> Iterator[NDArray]:
    columns, height = size
    across = None
    first, done = 0, 0
    carried: NDArray | None = None
    for band in bands:
        last = first + band.shape[0]
        if across is None:
            across = _shares(0, columns, 0, band.shape[1], step)
        ending = min(math.ceil(last / step), height)
        sums = _shares(done, ending, first, last, step) @ band.astype(np.float64)
        if carried is not None and len(sums):
            sums[0] += carried
        whole = min(math.floor(last / step + _WHOLE), ending)
        finished, carried = sums[: whole - done], sums[-1] if whole < ending else None
        first, done = last, whole
        if len(finished):
            means = (across @ finished.T).T / step**2
            yield np.floor(means + 0.5).astype(band.dtype)


def _full_bands(waiting: list[NDArray], rows: int) -> Iterator[NDArray]:
    """Take bands of `rows` rows from the front of what waits."""
    while sum(map(len, waiting)) >= rows:
        together = np.concatenate(waiting)
        waiting[:] = [together[rows:]] if len(together) > rows else []
        yield together[:rows]


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
