"""Points of tiles in the world, and points of the world in tiles, for the tiles of a stack.

Points are N x 2 float64. *local* is pixels of the stored image (raw local), *world* is after all
transforms of a tile. A point of the world may lie in several tiles; the last by tileId is on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.inverse import world_to_local
from renderapi.transform.specs import leaves, transform_points
from renderws.routes.flattening import flat_tiles
from renderws.store.protocol import StackId, Store, TileQuery

Json = dict[str, Any]
Points = NDArray[np.float64]

_BATCH = 2000


def to_world(tile: Json, points: Points) -> Points:
    """World points (N x 2) of local points of a tile whose transforms are flattened."""
    return transform_points(leaves(tile["transforms"]["specList"]), points)


def tiles_by_id(store: Store, stack: StackId, tile_ids: Sequence[str]) -> Iterator[Json]:
    """Flattened tiles of a stack, ascending tileId; ids that are not stored are left out."""
    wanted = sorted(set(tile_ids), key=str.encode)
    for first in range(0, len(wanted), _BATCH):
        query = TileQuery(tile_ids=wanted[first : first + _BATCH])
        yield from flat_tiles(store, stack, store.tiles(stack, query))


def local_to_world(
    store: Store, stack: StackId, tile_ids: Sequence[str], points: Points
) -> tuple[Points, list[float | None], set[str]]:
    """World points of local points, each of the tile with its id.

    Returns
    -------
    world : ndarray of shape (N, 2)
        NaN for tiles that are not stored.
    z : list
        z of each point's tile, None where the tile has none.
    missing : set of str
        Ids of tiles that are not stored.
    """
    world = np.full(points.shape, np.nan)
    zs: list[float | None] = [None] * len(points)
    rows: dict[str, list[int]] = {}
    for row, tile_id in enumerate(tile_ids):
        rows.setdefault(tile_id, []).append(row)
    for tile in tiles_by_id(store, stack, list(rows)):
        of_tile = rows.pop(tile["tileId"])
        world[of_tile] = to_world(tile, points[of_tile])
        if tile.get("z") is not None:
            for row in of_tile:
                zs[row] = tile["z"]
    return world, zs, set(rows)


@dataclass
class Candidates:
    """Tiles of one layer whose boxes hold world points, by ascending tileId.

    Attributes
    ----------
    tile_ids : list of str
    rows : list of ndarray
        For each tile the rows of the points that lie in its box.
    """

    tile_ids: list[str] = field(default_factory=list)
    rows: list[NDArray[np.intp]] = field(default_factory=list)


def candidates(store: Store, stack: StackId, z: float, points: Points) -> Candidates:
    """Tiles at z whose stored boxes contain the points, borders included."""
    found = Candidates()
    if len(points) == 0:
        return found
    (min_x, min_y), (max_x, max_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    bounds = store.tile_bounds(stack, TileQuery(z=z, box=(min_x, min_y, max_x, max_y)))
    order = np.argsort(points[:, 0], kind="stable")
    xs, ys = points[order, 0], points[order, 1]
    for tile in sorted(bounds, key=lambda tile: tile.tile_id.encode()):
        first = np.searchsorted(xs, tile.min_x, "left")
        last = np.searchsorted(xs, tile.max_x, "right")
        inside = (ys[first:last] >= tile.min_y) & (ys[first:last] <= tile.max_y)
        rows = order[first:last][inside]
        if len(rows):
            found.tile_ids.append(tile.tile_id)
            found.rows.append(np.sort(rows))
    return found


def to_local(
    store: Store, stack: StackId, z: float, points: Points
) -> tuple[list[list[Json]], list[list[str]]]:
    """For each world point at z the tiles it lies in, and its place in each.

    Returns
    -------
    found : list of lists
        `{tileId, local: [x, y, z]}` of the tiles that can be inverted there, ascending tileId; the
        last has `visible: true`.
    tried : list of lists
        Ids of the tiles whose box holds the point and that cannot be inverted there.
    """
    found: list[list[Json]] = [[] for _ in range(len(points))]
    tried: list[list[str]] = [[] for _ in range(len(points))]
    near = candidates(store, stack, z, points)
    rows_of = dict(zip(near.tile_ids, near.rows, strict=True))
    for tile in tiles_by_id(store, stack, near.tile_ids):
        tile_id, rows = tile["tileId"], rows_of[tile["tileId"]]
        local = world_to_local(tile, points[rows])
        inside = ~np.isnan(local[:, 0])
        for row in rows[~inside].tolist():
            tried[row].append(tile_id)
        if tile.get("z") is not None:
            local = np.column_stack([local, np.full(len(local), tile["z"])])
        for row, place in zip(rows[inside].tolist(), local[inside].tolist(), strict=True):
            found[row].append({"tileId": tile_id, "local": place})
    for entries in found:
        if entries:
            entries[-1]["visible"] = True
    return found, tried
