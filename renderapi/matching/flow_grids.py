"""Grids of displacements with gaps and strangers: which agree, filled in, evened out.

Grids are arrays (rows, columns, 2), x first, NaN where nothing is known.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.float64]

NEIGHBOURS = 3
"""So many of the eight neighbours must agree with a block."""


def agreeing(shift: Grid, spacing: float, tolerance: float) -> NDArray[np.bool_]:
    """Which displacements `NEIGHBOURS` of their eight neighbours agree with.

    Parameters
    ----------
    shift : (rows, columns, 2) array, NaN where none was found
    spacing : float
        Distance of the grid, in the units of the displacements.
    tolerance : float
        Allowed difference, at least a tenth of the distance.
    """
    rows, columns = shift.shape[:2]
    padded = np.pad(shift, ((1, 1), (1, 1), (0, 0)), constant_values=np.nan)
    count, there = np.zeros((rows, columns), int), np.zeros((rows, columns), int)
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if down == right == 1:
                continue
            other = padded[down : down + rows, right : right + columns]
            away = np.hypot(*np.moveaxis(other - shift, -1, 0))
            limit = max(tolerance, 0.1 * spacing * np.hypot(down - 1, right - 1))
            count += away <= limit
            there += np.isfinite(other[..., 0])
    enough = np.minimum(NEIGHBOURS, np.maximum(there, 1))
    return np.isfinite(shift[..., 0]) & (count >= enough)


def filled(shift: Grid) -> Grid:
    """Displacements with gaps filled from around, by ever wider Gaussians; all NaN where none are.

    Parameters
    ----------
    shift : (rows, columns, 2) array, NaN in the gaps
    """
    from scipy.ndimage import gaussian_filter

    known = np.isfinite(shift[..., 0])
    result = shift.copy()
    if not known.any():
        return result
    sigma = 1.0
    while not np.isfinite(result).all():
        weight = gaussian_filter(known.astype(float), sigma, mode="constant")
        reached = ~np.isfinite(result[..., 0]) & (weight > 1e-3 * weight.max())
        for k in (0, 1):
            values = gaussian_filter(np.where(known, shift[..., k], 0.0), sigma, mode="constant")
            result[reached, k] = values[reached] / weight[reached]
        sigma *= 2
    return result


def smoothed_grid(shift: Grid, tolerance: float) -> Grid:
    """What the next comparison starts from: jumps stay, single strangers and noise go.

    Medians of 3 x 3, then means of those around that differ from these by no more than `tolerance`,
    weighted by a Gaussian: what a place is resampled by should not hang on the noise of one block.
    """
    from scipy.ndimage import median_filter

    if not np.isfinite(shift).all():
        return shift
    medians = np.stack([median_filter(shift[..., k], 3, mode="nearest") for k in (0, 1)], axis=-1)
    rows, columns = medians.shape[:2]
    padded = np.pad(medians, ((1, 1), (1, 1), (0, 0)), mode="edge")
    total, weight = np.zeros_like(medians), np.zeros((rows, columns, 1))
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            other = padded[down : down + rows, right : right + columns]
            agrees = np.hypot(*np.moveaxis(other - medians, -1, 0)) <= tolerance
            share = np.exp(-((down - 1) ** 2 + (right - 1) ** 2) / 2) * agrees[..., None]
            total += share * other
            weight += share
    return np.asarray(total / weight)
