"""Points spread over the overlap of two tiles.

The grid is centred in the overlap and made finer where that is small, so that there are some points
in every overlap that is large enough, whatever the distance asked for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import Geometry

Floats = NDArray[np.float64]

LEAST = 4
"""Fewest points, not all on a line, where the overlap has an area."""
_REFINEMENTS = 8


@dataclass(frozen=True)
class Spread:
    """How points are spread.

    Attributes
    ----------
    distance : float
        Of the points of the grid, world pixels; less in small overlaps.
    per_axis : int
        Fewest points along each side of the box of an overlap.
    most : int
        Most points of an overlap.
    """

    distance: float = 150.0
    per_axis: int = 3
    most: int = 1000


def overlap_points(overlap: Geometry, spread: Spread) -> Floats:
    """World points strictly within a polygon, or several; (N, 2), none where it has no area."""
    import shapely

    if overlap.is_empty or overlap.area == 0:
        return np.empty((0, 2))
    shapely.prepare(overlap)
    low_x, low_y, high_x, high_y = overlap.bounds
    inside = np.empty((0, 2))
    area = (high_x - low_x) * (high_y - low_y)
    distance = max(spread.distance, float(np.sqrt(area / spread.most)))
    for refinement in range(_REFINEMENTS):
        fewest = spread.per_axis << refinement
        x = centred(low_x, high_x, distance, fewest)
        y = centred(low_y, high_y, distance, fewest)
        grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        inside = grid[shapely.contains_xy(overlap, grid)]
        if len(inside) >= LEAST and not in_line(inside):
            break
    if len(inside) > spread.most:
        chosen = np.linspace(0, len(inside) - 1, spread.most).round().astype(int)
        inside = inside[np.unique(chosen)]
    return inside


def centred(low: float, high: float, distance: float, fewest: int) -> Floats:
    """Numbers between two, as far from one end as from the other.

    >>> centred(0.0, 400.0, 150.0, 2).tolist()
    [125.0, 275.0]
    >>> centred(0.0, 30.0, 150.0, 3).tolist()
    [5.0, 15.0, 25.0]
    """
    extent = high - low
    step = min(distance, extent / fewest)
    count = max(fewest, math.floor(extent / step + 1e-9))
    return low + (extent - step * (count - 1)) / 2 + step * np.arange(count, dtype=float)


def in_line(points: Floats) -> bool:
    """Whether points lie on a line, to rounding."""
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(spread[-1] <= 1e-9 * max(spread[0], 1e-300))
