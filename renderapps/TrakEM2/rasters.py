"""Outlines of sets of pixels, along their edges."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]


def rings_of_pixels(
    x: NDArray[np.integer], y: NDArray[np.integer]
) -> Iterator[tuple[Points, bool]]:
    """Rings around pixels, and whether each is a hole.

    Pixel (x, y) is the unit square [x, x + 1] x [y, y + 1]. Pixels that touch at a corner only are
    two shapes.

    Parameters
    ----------
    x, y : (N,) arrays of whole numbers, in any order

    Yields
    ------
    ring : (N, 2) float64
        x, y; closed: the last point repeats the first.
    hole : bool
    """
    import shapely

    rows, starts, ends = _runs(np.asarray(x), np.asarray(y))
    whole = shapely.union_all(shapely.box(starts, rows, ends, rows + 1))
    for part in shapely.get_parts(shapely.simplify(whole, 0)):
        yield shapely.get_coordinates(part.exterior), False
        for inner in part.interiors:
            yield shapely.get_coordinates(inner), True


def _runs(x: NDArray, y: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Row, first column and end of every run of pixels: as many boxes, instead of one a pixel."""
    order = np.lexsort((x, y))
    x, y = x[order], y[order]
    new = np.ones(len(x), bool)
    new[1:] = (np.diff(y) != 0) | (np.diff(x) > 1)
    firsts = np.flatnonzero(new)
    lasts = np.append(firsts[1:], len(x)) - 1
    return y[firsts], x[firsts], x[lasts] + 1
