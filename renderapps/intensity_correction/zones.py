"""Deconvolution zone by zone, where the point spread function varies over the field.

An image is covered by blocks of one size that overlap, spread evenly so that the last one ends at
the border. Each is deconvolved with what surrounds it and blended with its neighbours by linear
ramps. Zones are counted column by column, top to bottom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapps.intensity_correction.deconvolution import deconvolved, mirrored
from renderapps.intensity_correction.deconvtools import deconvblind
from renderapps.module.errors import RenderModuleException

Floats = NDArray[np.float64]
Span = tuple[int, int]


@dataclass(frozen=True)
class ZoneGrid:
    """Size of the zones and how far neighbours overlap, (rows, columns) pixels."""

    block: tuple[int, int] = (128, 128)
    overlap: tuple[int, int] = (10, 10)

    def zones(self, shape: Sequence[int]) -> list[tuple[Span, Span]]:
        """Rows and columns of every zone of an image."""
        down, across = (
            spans(n, b, o) for n, b, o in zip(shape, self.block, self.overlap, strict=True)
        )
        return [(rows, columns) for columns in across for rows in down]

    def weights(self, shape: Sequence[int]) -> list[Floats]:
        """Weight of every pixel of every zone; over the zones they add up to 1 everywhere."""
        down, across = (
            ramps(spans(n, b, o), n)
            for n, b, o in zip(shape, self.block, self.overlap, strict=True)
        )
        return [np.outer(rows, columns) for columns in across for rows in down]


def spans(length: int, block: int, overlap: int) -> list[Span]:
    """First and last + 1 of evenly spread blocks that overlap by at least `overlap`.

    >>> spans(300, 128, 10), spans(100, 128, 10)
    ([(0, 128), (86, 214), (172, 300)], [(0, 100)])
    """
    if length <= block:
        return [(0, length)]
    count = math.ceil((length - overlap) / (block - overlap))
    starts = [round(i * (length - block) / (count - 1)) for i in range(count)]
    return [(start, start + block) for start in starts]


def ramps(parts: Sequence[Span], length: int) -> list[Floats]:
    """Weights along each block: rising and falling linearly where blocks overlap."""
    total = np.zeros(length)
    found = []
    for number, (start, stop) in enumerate(parts):
        weight = np.ones(stop - start)
        if number:
            shared = parts[number - 1][1] - start
            if shared > 0:
                weight[:shared] = np.minimum(
                    weight[:shared], np.arange(1, shared + 1) / (shared + 1)
                )
        if number < len(parts) - 1:
            shared = stop - parts[number + 1][0]
            if shared > 0:
                fall = np.arange(shared, 0, -1) / (shared + 1)
                weight[-shared:] = np.minimum(weight[-shared:], fall)
        total[start:stop] += weight
        found.append(weight)
    return [w / total[start:stop] for w, (start, stop) in zip(found, parts, strict=True)]


def zone_psfs(image: Floats, start: Floats, iterations: int, grid: ZoneGrid) -> Floats:
    """Point spread function of every zone by blind deconvolution, (zones, h, w), each of sum 1.

    Parameters
    ----------
    image : (rows, columns)
    start : (h, w)
        What the estimates start from.
    """
    found = []
    for part, _ in _with_surroundings(image, start.shape, grid):
        padded, _inside = mirrored(part, (start.shape[0] // 2, start.shape[1] // 2))
        found.append(deconvblind(padded, start, iterations)[1])
    return np.stack(found)


def deconvolved_by_zones(image: Floats, psf: Floats, num_iter: int, grid: ZoneGrid) -> Floats:
    """The image deconvolved with one point spread function, or with one for each zone.

    Parameters
    ----------
    image : (rows, columns)
    psf : (h, w), or (zones, h, w)
    """
    psfs = _psf_of_zones(psf, len(grid.zones(image.shape)))
    size = psf.shape[-2:]
    parts = [
        deconvolved(part, psfs(number), num_iter)[inside]
        for number, (part, inside) in enumerate(_with_surroundings(image, size, grid))
    ]
    return blended(parts, image.shape, grid)


def blended(parts: Sequence[Floats], shape: Sequence[int], grid: ZoneGrid) -> Floats:
    """Zones put together."""
    result = np.zeros(tuple(shape))
    places, weights = grid.zones(shape), grid.weights(shape)
    for part, weight, ((top, bottom), (left, right)) in zip(parts, weights, places, strict=True):
        result[top:bottom, left:right] += part * weight
    return result


def _psf_of_zones(psf: Floats, zones: int) -> Callable[[int], Floats]:
    if psf.ndim == 2:
        return lambda _: psf
    if len(psf) != zones:
        raise RenderModuleException(
            f"psf_file has {len(psf)} point spread functions, the image {zones} zones: "
            "give one for each, or one for all"
        )
    return lambda number: psf[number]


def _with_surroundings(
    image: Floats, margin: Sequence[int], grid: ZoneGrid
) -> list[tuple[Floats, tuple[slice, slice]]]:
    """Every zone with what lies around it, and where the zone is therein."""
    high, wide = margin
    padded = np.pad(image, ((high, high), (wide, wide)), mode="symmetric")
    return [
        (
            padded[top : bottom + 2 * high, left : right + 2 * wide],
            (slice(high, high + bottom - top), slice(wide, wide + right - left)),
        )
        for (top, bottom), (left, right) in grid.zones(image.shape)
    ]
