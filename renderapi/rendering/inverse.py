"""World -> local: where in a tile's own pixels a point of the world lies.

The tile's mesh (its own `meshCellSize`, over the raw pixels [0, width - 1] x [0, height - 1]) is
mapped exactly at its vertices; a point in a mapped triangle goes back by that triangle's affine.
For affine tiles this is exact; otherwise the error stays within a mesh cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.mesh import Array, PixelMap
from renderapi.rendering.parameters import DEFAULT_MESH_CELL_SIZE, number
from renderapi.rendering.tiles import placement_of

# pixels by which a point may miss an edge, so that rounding does not lose points on the border
SLACK = 1e-7
_POINTS_AT_A_TIME = 1 << 16
_LARGEST_SIDE = 1 << 31


def world_to_local(tile: Mapping[str, Any], points: Any) -> Array:
    """Local coordinates of world points.

    Parameters
    ----------
    tile : dict
        Tile spec with resolved transforms, width and height. A tile without transforms is the
        identity and has no border.
    points : (N, 2) array_like
        World.

    Returns
    -------
    (N, 2) float64
        Raw local pixels; NaN where the tile's mesh does not reach. Mirrored tiles are inverted
        like others.

    Raises
    ------
    SpecError
        The tile has no size.
    """
    points = np.ascontiguousarray(points, dtype=np.float64).reshape(-1, 2)
    placement = placement_of(tile)
    if not placement.transforms:
        return points.copy()
    if placement.width is None or placement.height is None:
        raise SpecError(f"tile {placement.tile_id} has no width and height")
    if max(placement.width, placement.height) >= _LARGEST_SIDE:
        raise SpecError(f"tile {placement.tile_id} is larger than any image can be")
    size = (int(placement.width), int(placement.height))
    cell = number(tile, "meshCellSize", DEFAULT_MESH_CELL_SIZE)
    return mapped_back(placement.pixel_map(cell, 1.0, 0, size, whole=True), points)


def mapped_back(pixel_map: PixelMap, points: Array) -> Array:
    """Source points (N, 2) of points in the pieces of a map; NaN outside all of them."""
    local = np.full(points.shape, np.nan)
    if len(pixel_map.polygons) == 0:
        return local
    finder = _PolygonFinder(pixel_map.polygons)
    for start in range(0, len(points), _POINTS_AT_A_TIME):
        part = slice(start, start + _POINTS_AT_A_TIME)
        found = finder.polygon_of(points[part])
        local[part] = _mapped_back(pixel_map, found, points[part])
    return local


def _mapped_back(pixel_map: PixelMap, found: NDArray[np.int64], points: Array) -> Array:
    local = np.full(points.shape, np.nan)
    inside = found >= 0
    a, b, c, d, e, f = pixel_map.inverses[found[inside]].T
    x, y = points[inside].T
    local[inside, 0] = a * x + (c + b * y)
    local[inside, 1] = d * x + (f + e * y)
    return local


class _PolygonFinder:
    """Which of many small polygons holds a point, through a grid of buckets over their boxes."""

    def __init__(self, polygons: Array) -> None:
        self.polygons = polygons
        self.low = polygons.min(axis=(0, 1))
        extent = np.maximum(polygons.max(axis=(0, 1)) - self.low, 1e-9)
        side = max(1, int(np.sqrt(len(polygons) / 2)))
        self.shape = (side, side)
        self.step = extent / side
        self._fill()
        area = mesh_areas(polygons)
        self.sign = np.where(area < 0, -1.0, 1.0)

    def _fill(self) -> None:
        """Polygons of each bucket, as one array with the start of each bucket."""
        first = self._cell(self.polygons.min(axis=1))
        last = self._cell(self.polygons.max(axis=1))
        counts = last - first + 1
        per_polygon = counts[:, 0] * counts[:, 1]
        owner = np.repeat(np.arange(len(self.polygons)), per_polygon)
        within = np.arange(len(owner)) - np.repeat(
            np.cumsum(per_polygon) - per_polygon, per_polygon
        )
        column = first[owner, 0] + within % counts[owner, 0]
        row = first[owner, 1] + within // counts[owner, 0]
        bucket = row * self.shape[0] + column
        order = np.argsort(bucket, kind="stable")
        self.members = owner[order]
        self.start = np.searchsorted(bucket[order], np.arange(self.shape[0] * self.shape[1] + 1))

    def _cell(self, points: Array) -> NDArray[np.int64]:
        cell = np.floor((points - self.low) / self.step)
        return np.clip(cell, 0, np.array(self.shape) - 1).astype(np.int64)

    def polygon_of(self, points: Array) -> NDArray[np.int64]:
        """First polygon (in order) that holds each point, edges included; -1 for none."""
        result = np.full(len(points), -1, dtype=np.int64)
        finite = np.isfinite(points[:, 0]) & np.isfinite(points[:, 1])
        cells = self._cell(np.where(finite[:, None], points, self.low))
        bucket = cells[:, 1] * self.shape[0] + cells[:, 0]
        start, stop = self.start[bucket], self.start[bucket + 1]
        open_points = np.flatnonzero(finite & (start < stop))
        turn = 0
        while len(open_points):
            candidate = self.members[start[open_points] + turn]
            holds = self._holds(candidate, points[open_points])
            result[open_points[holds]] = candidate[holds]
            turn += 1
            open_points = open_points[~holds & (start + turn < stop)[open_points]]
        return result

    def _holds(self, candidate: NDArray[np.int64], points: Array) -> NDArray[np.bool_]:
        polygon = self.polygons[candidate]
        edge = np.roll(polygon, -1, axis=1) - polygon
        to_point = points[:, None, :] - polygon
        cross = edge[:, :, 0] * to_point[:, :, 1] - edge[:, :, 1] * to_point[:, :, 0]
        slack = SLACK * np.hypot(edge[:, :, 0], edge[:, :, 1])
        inside: NDArray[np.bool_] = cross * self.sign[candidate][:, None] >= -slack
        return np.logical_and.reduce(inside, axis=1)


def mesh_areas(polygons: Array) -> Array:
    """Twice the signed areas of (N, K, 2) polygons; positive for the image's orientation."""
    about = polygons - polygons[:, :1]
    following = np.roll(about, -1, axis=1)
    cross = about[:, :, 0] * following[:, :, 1] - following[:, :, 0] * about[:, :, 1]
    return cross.sum(axis=1)
