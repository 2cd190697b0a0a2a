"""Points of tiles in the world, and points of the world in tiles, for the tiles of a stack.

Points are N x 2 float64. *local* is pixels of the stored image (raw local), *world* is after all
transforms of a tile. A point of the world may lie in several tiles; the last by tileId is on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypedDict

import msgspec
import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.many import ManyTiles
from renderapi.transform.specs import leaves, transform_points
from renderws.routes.flattening import shared_transforms
from renderws.store.protocol import StackId, Store, TileQuery

Json = dict[str, Any]
Points = NDArray[np.float64]
Index = NDArray[np.int64]


class PlacedTile(TypedDict, total=False):
    """The part of a stored tile that places it."""

    tileId: str
    z: float
    width: float
    height: float
    meshCellSize: float
    transforms: Any


_READ: Callable[[bytes], Any] = msgspec.json.Decoder(PlacedTile).decode
_BATCH = 2000
_PAIRS = 1 << 18
_BANDS = 10_000
_FAR = 1e12
#: boxes are cut to whole numbers: a tile may reach so far out of its own, in world pixels
_REACH = 1.0
_SLACK = 1e-6


def to_world(tile: Json, points: Points) -> Points:
    """World points (N x 2) of local points of a tile whose transforms are flattened."""
    return transform_points(leaves(tile["transforms"]["specList"]), points)


def tiles_by_id(store: Store, stack: StackId, tile_ids: Sequence[str]) -> Iterator[list[Json]]:
    """What maps the points of tiles of a stack, ascending tileId, in parts; ids that are not stored
    are left out.
    """
    wanted = sorted(set(tile_ids), key=str.encode)
    for first in range(0, len(wanted), _BATCH):
        query = TileQuery(tile_ids=wanted[first : first + _BATCH])
        yield [_READ(record.document) for record in store.tile_documents(stack, query)]


def local_to_world(
    store: Store, stack: StackId, tile_ids: Sequence[str], tile: Index, points: Points
) -> tuple[Points, set[str]]:
    """World points of local points (N x 2), each of the tile whose place in `tile_ids` is given.

    Returns
    -------
    world : ndarray of shape (N, 3)
        x, y, z; NaN for tiles that are not stored, z also for tiles without one.
    missing : set of str
        Ids of tiles that are not stored.
    """
    world = np.full((len(points), 3), np.nan)
    number = {tile_id: i for i, tile_id in enumerate(tile_ids)}
    missing = set(number)
    for tiles in tiles_by_id(store, stack, tile_ids):
        place_of = np.full(len(number), -1)
        place_of[[number[found["tileId"]] for found in tiles]] = np.arange(len(tiles))
        owner = place_of[tile]
        rows = np.flatnonzero(owner >= 0)
        many = ManyTiles(tiles, shared_transforms(store, stack, tiles))
        world[rows, :2] = many.to_world(owner[rows], points[rows])
        heights = np.array([found.get("z", np.nan) for found in tiles], np.float64)
        world[rows, 2] = heights[owner[rows]]
        missing.difference_update(found["tileId"] for found in tiles)
    return world, missing


class Candidates(NamedTuple):
    """Tiles of one layer whose boxes hold world points, by ascending tileId.

    Attributes
    ----------
    tile_ids : list of str
    tile, row : (P,) int64 arrays
        Pairs of a place in `tile_ids` and the row of a point in or close to that tile's box,
        ordered by both.
    inside : (P,) bool array
        Whether the point is in the box, borders included; else it is up to a pixel away.
    """

    tile_ids: list[str]
    tile: Index
    row: Index
    inside: NDArray[np.bool_]


def candidates(store: Store, stack: StackId, z: float, points: Points) -> Candidates:
    """Tiles at z whose stored boxes contain the points, or almost."""
    none = np.empty(0, np.int64)
    if len(points) == 0:
        return Candidates([], none, none, none.astype(bool))
    (min_x, min_y), (max_x, max_y) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    box = (min_x - _REACH, min_y - _REACH, max_x + _REACH, max_y + _REACH)
    bounds = store.tile_bounds(stack, TileQuery(z=z, box=box))
    bounds.sort(key=lambda tile: tile.tile_id.encode())
    sides = [(tile.min_x, tile.min_y, tile.max_x, tile.max_y) for tile in bounds]
    boxes = np.array(sides, np.float64).reshape(-1, 4)
    tile, row, inside = _pairs(boxes, points)
    held, tile = np.unique(tile, return_inverse=True)
    return Candidates([bounds[i].tile_id for i in held.tolist()], tile, row, inside)


def tiles_at(store: Store, stack: StackId, z: float, points: Points) -> Candidates:
    """Tiles at z whose boxes contain the points, and those that reach out of them to the points."""
    near = candidates(store, stack, z, points)
    if near.inside.all():
        return near
    kept = near.inside | ~np.isnan(_places(store, stack, near, points, ~near.inside)[:, 0])
    return Candidates(near.tile_ids, near.tile[kept], near.row[kept], near.inside[kept])


def _pairs(boxes: Points, points: Points) -> tuple[Index, Index, NDArray[np.bool_]]:
    """Pairs (box, point) of each box and the points in it or close to it, ordered by box and then
    by point; and whether they are in it.

    Points are sorted by horizontal bands, as high as a box on average, and by x in a band: a box
    then looks through a few short runs of points.
    """
    none = np.empty(0, np.int64)
    if len(boxes) == 0:
        return none, none, none.astype(bool)
    keys, owner, low, high = _runs(boxes + _REACH * np.array([-1, -1, 1, 1]), points)
    order = np.argsort(keys, kind="stable")
    first = np.searchsorted(keys[order], low, "left")
    counts = np.maximum(np.searchsorted(keys[order], high, "right") - first, 0)
    ends = np.cumsum(counts)
    found = [(none, none, none.astype(bool))]
    start = 0
    while start < len(owner):  # a part at a time: boxes may lie on top of each other
        done = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _PAIRS, "right")))
        number = counts[start:stop]
        before = np.repeat(ends[start:stop] - number - first[start:stop], number)
        row = order[np.arange(done, done + len(before)) - before]
        box = np.repeat(owner[start:stop], number)
        depth = _depth(boxes[box], points[row])
        near = depth >= -_REACH
        found.append((box[near], row[near], depth[near] >= 0.0))
        start = stop
    box, row, inside = (np.concatenate(parts) for parts in zip(*found, strict=True))
    in_order = np.lexsort((row, box))
    return box[in_order], row[in_order], inside[in_order]


def _depth(boxes: Points, points: Points) -> NDArray[np.float64]:
    """How far each point is from the closest side of its box; negative outside."""
    with np.errstate(over="ignore"):
        sides = np.minimum(points - boxes[:, :2], boxes[:, 2:] - points)
    return np.minimum(sides[:, 0], sides[:, 1])


def _runs(boxes: Points, points: Points) -> tuple[Points, Index, Points, Points]:
    """Sorting keys of points; and runs of keys (box, from, to) that hold every point in a box."""
    everything = np.vstack([points, boxes[:, :2], boxes[:, 2:]])
    corner = everything.min(axis=0)
    with np.errstate(over="ignore"):
        width, height = everything.max(axis=0) - corner
    if not (width < _FAR and height < _FAR):  # keys would be too coarse
        return points[:, 0], np.arange(len(boxes)), boxes[:, 0], boxes[:, 2]
    step = max(float((boxes[:, 3] - boxes[:, 1]).mean()), height / _BANDS, 1e-9)
    span = 2.0 * width + 2.0  # more than any x, so that bands do not meet
    bands = np.floor((points[:, 1] - corner[1]) / step)
    keys = bands * span + (points[:, 0] - corner[0])
    top, bottom = np.floor((boxes[:, [1, 3]] - corner[1]) / step).T
    number = np.maximum(bottom - top + 1, 0).astype(np.int64)
    owner = np.repeat(np.arange(len(boxes)), number)
    ends = np.cumsum(number)
    band = top[owner] + np.arange(len(owner)) - np.repeat(ends - number, number)
    slack = 1e-9 * span * (1.0 + band.max(initial=0.0))  # every point is tested exactly later
    low = band * span + (boxes[owner, 0] - corner[0]) - slack
    return keys, owner, low, band * span + (boxes[owner, 2] - corner[0]) + slack


class Located(NamedTuple):
    """World points in the tiles they lie in.

    Attributes
    ----------
    tile_ids : list of str
        Ascending.
    row, tile : (P,) int64 arrays
        Pairs of the row of a point and the place of a tile in `tile_ids`, ordered by both: the
        last of a row is the tile that is seen there.
    local : (P, 3) float64 array
        Raw local x, y, and z of each pair.
    tried : dict
        For rows in no tile, the ids of tiles whose box holds the point and that cannot be inverted
        there.
    """

    tile_ids: list[str]
    row: Index
    tile: Index
    local: Points
    tried: dict[int, list[str]]


def to_local(store: Store, stack: StackId, z: float, points: Points) -> Located:
    """Places of the world points (N x 2) at z in the tiles they lie in."""
    near = candidates(store, stack, z, points)
    local = _places(store, stack, near, points)
    missed = np.isnan(local[:, 0])
    found = np.flatnonzero(~missed)
    found = found[np.argsort(near.row[found], kind="stable")]
    tried: dict[int, list[str]] = {}
    alone = np.flatnonzero(missed & near.inside & ~np.isin(near.row, near.row[found]))
    for row, tile in zip(near.row[alone].tolist(), near.tile[alone].tolist(), strict=True):
        tried.setdefault(row, []).append(near.tile_ids[tile])
    return Located(near.tile_ids, near.row[found], near.tile[found], local[found], tried)


def _places(
    store: Store,
    stack: StackId,
    near: Candidates,
    points: Points,
    asked: NDArray[np.bool_] | None = None,
) -> Points:
    """Raw local x, y, and z of the pairs, or of those that are asked for; NaN where the tile is not
    there.
    """
    every = np.arange(len(near.tile))
    local = np.full((len(every), 3), np.nan)
    begin = 0
    for tiles in tiles_by_id(store, stack, near.tile_ids):
        end = begin + len(tiles)
        of_tiles = slice(*np.searchsorted(near.tile, (begin, end)).tolist())
        part = of_tiles if asked is None else every[of_tiles][asked[of_tiles]]
        owner = near.tile[part] - begin
        many = ManyTiles(tiles, shared_transforms(store, stack, tiles))
        local[part, :2] = many.to_local(owner, points[near.row[part]])
        local[part, 2] = np.array([tile["z"] for tile in tiles], np.float64)[owner]
        out = every[part][~near.inside[part]]
        if out.size:
            local[out[_is_beyond(tiles, near.tile[out] - begin, local[out, :2])]] = np.nan
        begin = end
    return local


def _is_beyond(tiles: Sequence[Json], owner: Index, local: Points) -> NDArray[np.bool_]:
    """Whether raw local points are not on a pixel of their tile, or it has no size."""
    of_points = [tiles[place] for place in owner.tolist()]
    sizes = [[tile.get("width", np.nan), tile.get("height", np.nan)] for tile in of_points]
    last = np.array(sizes, np.float64).reshape(-1, 2) - 1
    within = (local >= -_SLACK) & (local <= last + _SLACK)
    return ~np.logical_and.reduce(within, axis=1)
