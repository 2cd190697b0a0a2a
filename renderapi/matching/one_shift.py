"""Matches of an overlap that is known to be shifted as a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.canvases import View
from renderapi.matching.contrast import Mask
from renderapi.matching.coverage import coverage_percentage, shifted_overlap
from renderapi.matching.frames import Frame
from renderapi.matching.models import Points
from renderapi.matching.pair_outcome import PairMatch, coverage_radius
from renderapi.matching.pair_parameters import PairParameters

GRID_POINTS = 36
"""Number of points, about, that stand for a single shift of an overlap."""
USUAL_ERROR = 0.05
"""Shifts have errors of this size that their noise does not tell, pixels."""
LEAST_WEIGHT = 0.001


def of_one_shift(
    p: View,
    frame: Frame,
    shift: tuple[float, float],
    error: float,
    method: str,
    parameters: PairParameters,
) -> PairMatch:
    """Points all over an overlap whose shift and its standard error are known, pixels of p."""
    window, common = shifted_overlap(p.mask, frame.mask, shift)
    points = grid_points(common)
    coverage = coverage_percentage(common, points, coverage_radius(p, parameters))
    points = points + np.array([window.x0, window.y0])
    return PairMatch(
        points,
        frame.points_on_q(points - np.array(shift)),
        np.full(len(points), shift_weight(error)),
        method,
        error,
        coverage,
        "" if len(points) else "no common pixels with content",
        offset=(shift[0] - frame.shift[0], shift[1] - frame.shift[1]),
    )


def shift_weight(error: float) -> float:
    """Weight, 0 to 1, of the points of a shift with this standard error in pixels.

    In proportion to the inverse of the variance, beyond what interpolation makes of any shift.
    """
    if not np.isfinite(error):
        return LEAST_WEIGHT
    return max(LEAST_WEIGHT, 1.0 / (1.0 + (error / USUAL_ERROR) ** 2))


def grid_points(common: Mask) -> Points:
    """Points (pixels of p) spread evenly over an overlap, at least 3 across where it is thin."""
    columns, rows = np.flatnonzero(common.any(0)), np.flatnonzero(common.any(1))
    if not len(columns):
        return np.empty((0, 2))
    sides = np.array([len(columns), len(rows)], float)
    counts = np.sqrt(GRID_POINTS * sides / sides[::-1]).clip(3, GRID_POINTS / 3)
    x, y = (
        _spread(axis, round(count)) for axis, count in zip((columns, rows), counts, strict=True)
    )
    grid = np.stack([g.ravel() for g in np.meshgrid(x, y)], axis=1)
    inside = common[grid[:, 1], grid[:, 0]]
    if inside.any():
        return grid[inside].astype(float)
    row, column = np.argwhere(common)[common.sum() // 2]
    return np.array([[float(column), float(row)]])


def _spread(indices: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    low, high = indices[0], indices[-1]
    places = low + (np.arange(count) + 0.5) / count * (high - low + 1) - 0.5
    return np.unique(np.rint(places).astype(np.intp).clip(low, high))
