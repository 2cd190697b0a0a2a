"""Points of tiles carried along by a reference stack that is known in two spaces.

A point of the shared space lies on a tile of the reference (the topmost one there). Where the pixel
under it lies in the destination, by the tile of the same id, is where the point goes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.point_location import TilesOnTop
from renderapi.transform.slices import TileTransforms
from renderapps.module.fitting import grid_points
from renderapps.module.tile_documents import Section

Floats = NDArray[np.float64]


def tile_grids(tiles: Sequence[Mapping[str, Any]], side: int) -> list[Floats]:
    """Raw local grid points of each tile, (side^2, 2)."""
    return [grid_points(tile["width"], tile["height"], side) for tile in tiles]


def carry(points: Floats, shared_space: Section, destination: Section) -> Floats:
    """Points of the shared space in the destination; NaN where no reference tile leads there.

    Parameters
    ----------
    points : (N, 2)
        World points of the shared space; NaN for those that take no part.
    shared_space, destination : Section
        The tiles of the reference in both spaces, in the order in which they are painted.
    """
    result = np.full(points.shape, np.nan)
    valid = np.flatnonzero(np.isfinite(points).all(axis=1))
    if not len(valid) or not shared_space.tiles:
        return result
    on_top = TilesOnTop(shared_space.tiles, shared=shared_space.transforms)
    names, local = on_top.locate(points[valid])
    tiles = {tile["tileId"]: tile for tile in destination.tiles}
    under = np.array(names, dtype=object)
    for name in {name for name in names if name in tiles}:
        here = under == name
        transforms = TileTransforms(tiles[name], destination.transforms)
        result[valid[here]] = transforms.forward(local[here])
    return result


def carried_targets(
    tiles: Sequence[Mapping[str, Any]],
    raw: Sequence[Floats],
    placed: Section,
    shared_space: Section,
    destination: Section,
) -> list[Floats]:
    """Where raw points of tiles come to lie in the destination, for each tile.

    `placed` has the tiles as they lie in the shared space, by the same ids; points of those that it
    lacks have no target.
    """
    there = {tile["tileId"]: tile for tile in placed.tiles}
    world = []
    for tile, points in zip(tiles, raw, strict=True):
        found = there.get(tile["tileId"])
        if found is None:
            world.append(np.full(points.shape, np.nan))
        else:
            world.append(TileTransforms(found, placed.transforms).forward(points))
    if not world:
        return []
    carried = carry(np.concatenate(world), shared_space, destination)
    return np.split(carried, np.cumsum([len(points) for points in world])[:-1])
