"""Layers that are too large for one answer, read in parts.

A service bounds its answers (ours 50,000 tiles or 512 MB). Where it says so, the boxes of the
tiles, which have no such bound, tell how to cut the layer into parts that fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from renderapi.errors import RequestError
from renderapi.utils import get_json, json_of, put_json
from renderapi.web import join, number

Json = dict[str, Any]
Box = tuple[float, float, float, float]

TILES_AT_A_TIME = 20_000
_FEWEST = 10
_SIDES = ("minX", "minY", "maxX", "maxY")


def layer_tile_specs(session: Any, base: str, z: float) -> list[Json]:
    """Tile specs at z with references resolved, ascending tileId.

    Parameters
    ----------
    session : requests.Session
    base : str
        URL of the stack.
    """
    layer = join(base, "z", number("%f", z))
    try:
        found: list[Json] = get_json(session, join(layer, "tile-specs"))
        return found
    except RequestError as error:
        if not _too_large(error):
            raise
    ids = [tile["tileId"] for tile in get_json(session, join(layer, "tileBounds"))]
    tiles = [tile for part in _specs(session, base, ids) for tile in part]
    return sorted(tiles, key=lambda tile: tile["tileId"])


def _specs(session: Any, base: str, ids: Sequence[str]) -> Iterator[list[Json]]:
    """Tile specs of some tiles, as many at a time as fit."""
    waiting = [ids[k : k + TILES_AT_A_TIME] for k in range(0, len(ids), TILES_AT_A_TIME)][::-1]
    while waiting:
        part = list(waiting.pop())
        try:
            yield json_of(put_json(session, join(base, "tile-specs-with-ids"), part))
        except RequestError as error:
            if not _too_large(error) or len(part) < _FEWEST:
                raise
            waiting += [part[len(part) // 2 :], part[: len(part) // 2]]


def layer_resolved_tiles(session: Any, base: str, z: float) -> Json:
    """Tiles at z as they are stored, by id, ascending, and the transforms they refer to.

    Parameters and errors as for `layer_tile_specs`.
    """
    layer = join(base, "z", number("%f", z))
    try:
        found: Json = get_json(session, join(layer, "resolvedTiles"))
        return found
    except RequestError as error:
        if not _too_large(error):
            raise
    bounds = get_json(session, join(layer, "tileBounds"))
    boxes = [box for tile in bounds if (box := _box(tile))]
    tiles, transforms = _joined(_parts(session, base, z, boxes))
    for tile in bounds:  # one without a box is in no part
        if tile["tileId"] not in tiles:
            tiles[tile["tileId"]] = get_json(session, join(base, "tile", tile["tileId"]))
    return {
        "transformIdToSpecMap": transforms,
        "tileIdToSpecMap": {key: tiles[key] for key in sorted(tiles)},
    }


def resolved_tiles_around(session: Any, base: str, z: float, boxes: Sequence[Box]) -> Json:
    """Tiles at z whose boxes (minX, minY, maxX, maxY) these are, and some of those beside them.

    Result, parameters and errors as for `layer_resolved_tiles`.
    """
    tiles, transforms = _joined(_parts(session, base, z, boxes))
    return {"transformIdToSpecMap": transforms, "tileIdToSpecMap": tiles}


def _joined(parts: Iterable[Json]) -> tuple[Json, Json]:
    """Tiles and transforms of all parts, by id."""
    tiles: Json = {}
    transforms: Json = {}
    for part in parts:
        tiles |= part["tileIdToSpecMap"]
        transforms |= part.get("transformIdToSpecMap") or {}
    return tiles, transforms


def _parts(session: Any, base: str, z: float, boxes: Sequence[Box]) -> Iterator[Json]:
    """Tiles of regions that together hold the boxes; tiles on a border are in both parts."""
    waiting = [list(boxes)]
    while waiting:
        part = waiting.pop()
        if not part:
            continue
        halves = _halves(part)
        if len(part) > TILES_AT_A_TIME and len(halves) > 1:
            waiting += halves
            continue
        region = _around(part)
        query = {"minZ": z, "maxZ": z, **dict(zip(_SIDES, region, strict=True))}
        try:
            yield get_json(session, join(base, "resolvedTiles"), params=query)
        except RequestError as error:
            if not _too_large(error) or len(halves) < 2:
                raise
            waiting += halves


def _halves(boxes: list[Box]) -> list[list[Box]]:
    """Boxes left and right (or above and below) of the middle one; one part where all lie alike."""
    if len(boxes) < _FEWEST:
        return [boxes]
    region = _around(boxes)
    axis = 0 if region[2] - region[0] >= region[3] - region[1] else 1
    ordered = sorted(boxes, key=lambda box: box[axis])
    middle = ordered[len(ordered) // 2][axis]
    first = [box for box in ordered if box[axis] < middle]
    return [first, ordered[len(first) :]] if first else [boxes]


def _around(boxes: Sequence[Box]) -> Box:
    """A region that holds the upper left corners of boxes: the tiles that touch it are enough."""
    xs, ys = [box[0] for box in boxes], [box[1] for box in boxes]
    return min(xs) - 1, min(ys) - 1, max(xs) + 1, max(ys) + 1


def _box(tile: Mapping[str, Any]) -> Box | None:
    sides = [tile.get(side) for side in _SIDES]
    known = [float(side) for side in sides if side is not None]
    return (known[0], known[1], known[2], known[3]) if len(known) == 4 else None


def _too_large(error: RequestError) -> bool:
    return error.status == 400 and "ask for fewer" in str(error)
