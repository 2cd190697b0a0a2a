"""From voxels to the sums of coarser levels, and from sums to means: exact, whatever the order.

A level is made of sums of full scale, never of rounded means. Sums of different blocks add up, so
that a block may be summed by itself and coarser levels from the sums of the blocks.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import DTypeLike, NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.reduction import sum_type


def type_of_sums(layout: VolumeLayout, level: int, weight: float) -> np.dtype:
    """Smallest type that holds the sums of a level: float64 where pixels are shared by area."""
    if weight != int(weight):
        return np.dtype(np.float64)
    count = math.prod(layout.scale_of(level)) * int(weight)
    return sum_type(np.dtype(layout.dtype), count)


def add_reduced(values: NDArray, start: Size3, sums: NDArray, first: Size3, factors: Size3) -> None:
    """Add voxels of a level to the sums of the next one.

    Parameters
    ----------
    values : (z, y, x) array
        Voxels or sums that begin at index `start` of their level.
    sums : (Z, Y, X) array
        Sums that begin at index `first` of the next level; added to.
    factors : (fz, 2, 2)
        By how much the axes shrink; fz is 1 or 2.
    """
    from renderapps.materialize import pyramid_kernels

    z, y, x = (s - f * factor for s, f, factor in zip(start, first, factors, strict=True))
    pyramid_kernels.add_reduced(values, sums, z, y, x, factors[0])


def means_of(
    sums: NDArray, start: Size3, layout: VolumeLayout, level: int, weight: float = 1.0
) -> NDArray:
    """Voxels of a level from their sums, halves rounded up.

    Parameters
    ----------
    sums : (z, y, x) array
        Sums of pixels of full scale; they begin at index `start` of the level.
    weight : float
        Pixels of full scale to a voxel of level 0.

    Returns
    -------
    (z, y, x) array of the volume's type
    """
    from renderapps.materialize import pyramid_kernels

    means = np.empty(sums.shape, layout.dtype)
    counts = [
        layout.covered(level, axis, first, first + size)
        for axis, (first, size) in enumerate(zip(start, sums.shape, strict=True))
    ]
    whole = math.prod(layout.scale_of(level)) * weight
    shift = round(math.log2(whole))
    if sums.dtype.kind != "u" or whole != 1 << shift:
        _counted(sums, means, (slice(None),) * 3, counts, weight)
        return means
    scale = layout.scale_of(level)
    z, y, x = (int(np.count_nonzero(c == n)) for c, n in zip(counts, scale, strict=True))
    pyramid_kernels.divide(sums, means, shift, z, y, x)
    every = slice(None)
    # only the last voxel along an axis may cover less than the others
    for rest in (
        (slice(z, None), every, every),
        (slice(0, z), slice(y, None), every),
        (slice(0, z), slice(0, y), slice(x, None)),
    ):
        if sums[rest].size:
            _counted(sums, means, rest, counts, weight)
    return means


def _counted(
    sums: NDArray,
    means: NDArray,
    part: tuple[slice, ...],
    counts: list[NDArray],
    weight: float,
) -> None:
    """Means of a part of the sums, each divided by how many pixels it is of."""
    from renderapps.materialize import pyramid_kernels

    z, y, x = (
        np.ascontiguousarray(count[cut], dtype=np.float64)
        for count, cut in zip(counts, part, strict=True)
    )
    pyramid_kernels.divide_counted(sums[part], means[part], z * weight, y, x)


def next_box(start: Size3, stop: Size3, factors: Size3) -> tuple[Size3, Size3]:
    """First voxel, and the one after the last, of the next level that a box contributes to."""
    first = tuple(s // f for s, f in zip(start, factors, strict=True))
    last = tuple(-(-s // f) for s, f in zip(stop, factors, strict=True))
    return (first[0], first[1], first[2]), (last[0], last[1], last[2])


def zeros_between(first: Size3, last: Size3, dtype: DTypeLike) -> NDArray:
    """Zeros for a box of voxels."""
    return np.zeros([b - a for a, b in zip(first, last, strict=True)], dtype)
