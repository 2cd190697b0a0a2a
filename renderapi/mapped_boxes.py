"""Boxes of one set of points under many affine maps.

The box of a set of points under an affine map is that of its convex hull, which has far fewer
points than the border of a tile has samples. Rounding may still favour another sample by the last
bit, which matters where a box is cut to whole numbers: such maps are given all samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: maps for which finding the hull first pays
MANY_MAPS = 64
#: mapped points held in memory at a time
POINTS_AT_A_TIME = 1 << 15
#: bound of the rounding error of mapped coordinates, relative to the largest sum on the way
ROUNDING = 1e-12

Floats = NDArray[np.float64]


def boxes_of_mapped(points: Floats, maps: Floats) -> Floats:
    """Boxes of points under maps, of whole numbers.

    Parameters
    ----------
    points : (M, 2) float64 array
        x, y of at least one point.
    maps : (N, K, 6) float64 array
        M00, M10, M01, M11, M02, M12 of K affines, applied one after the other, for each map.

    Returns
    -------
    (N, 4) float64 array
        minX, minY, maxX, maxY: the upper left corner is cut toward zero and the size rounded up.
    """
    if len(maps) < MANY_MAPS or not np.isfinite(points).all():
        return _whole(_extremes(points, maps))
    extremes = _extremes(_hull(points), maps)
    doubtful = np.flatnonzero(_doubtful(extremes, points, maps))
    if len(doubtful):
        extremes[doubtful] = _extremes(points, maps[doubtful])
    return _whole(extremes)


def _extremes(points: Floats, maps: Floats) -> Floats:
    """Least and greatest x, then y, of the mapped points, N x 4."""
    extremes = np.empty((len(maps), 4))
    step = max(1, POINTS_AT_A_TIME // len(points))
    for first in range(0, len(maps), step):
        part = maps[first : first + step]
        x, y = points[:, 0][None], points[:, 1][None]
        for k in range(maps.shape[1]):
            m00, m10, m01, m11, m02, m12 = part[:, k].T[:, :, None]
            # the order of these sums is that of AffineModel.tform
            x, y = m00 * x + m01 * y + m02, m10 * x + m11 * y + m12
        for column, values in enumerate((x.min(1), x.max(1), y.min(1), y.max(1))):
            extremes[first : first + step, column] = values
    return extremes


def _hull(points: Floats) -> Floats:
    """Those of the points that span their convex hull."""
    import shapely  # takes a moment to load, which pays for many maps only

    return np.unique(shapely.get_coordinates(shapely.multipoints(points).convex_hull), axis=0)


def _doubtful(extremes: Floats, points: Floats, maps: Floats) -> NDArray[np.bool_]:
    """Maps whose rounding errors may decide about a whole number.

    Without shear and rotation the order of points is kept by every rounding: never in doubt.
    """
    largest = np.broadcast_to(np.abs(points).max(0), (len(maps), 2))
    for k in range(maps.shape[1]):
        m00, m10, m01, m11, m02, m12 = np.abs(maps[:, k]).T
        x, y = largest.T
        largest = np.stack([m00 * x + m01 * y + m02, m10 * x + m11 * y + m12], axis=1)
    margin = 4 * ROUNDING * largest.max(1)
    x_min, x_max, y_min, y_max = extremes.T
    cut = np.stack([x_min, y_min, x_max - x_min, y_max - y_min])
    near = ~(np.abs(cut - np.round(cut)) > margin).all(0)
    return near & (maps[:, :, 1:3] != 0).any((1, 2))


def _whole(extremes: Floats) -> Floats:
    x_min, x_max, y_min, y_max = extremes.T
    left, top = np.trunc(x_min), np.trunc(y_min)
    # 0.0 is added to turn a negative zero into zero
    columns = (left, top, left + np.ceil(x_max - x_min), top + np.ceil(y_max - y_min))
    return np.stack(columns, axis=1) + 0.0
