"""JSON text of many mapped points, written from arrays: no object is made for each of them.

The documents are those of the service: `{tileId, world: [x, y, z]}` for a point of a tile in the
world, and for a point of the world the list of `{tileId, local: [x, y, z]}` of the tiles it lies
in, the last of them `visible`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import orjson
from numpy.typing import NDArray

Points = NDArray[np.float64]
Index = NDArray[np.int64]


def world_texts(tile_ids: Sequence[str], tile: Index, world: Points) -> list[bytes]:
    """JSON of the place in the world of points of tiles.

    Parameters
    ----------
    tile_ids : sequence of str
    tile : (N,) integers
        Place in `tile_ids` of the tile of each point.
    world : (N, 3) float64
        World x, y, z; a z of NaN is left out.
    """
    heads = [_head(tile_id, b"world") for tile_id in tile_ids]
    pairs = zip(tile.tolist(), _numbers(world), strict=True)
    return [heads[t] + numbers + b"]}" for t, numbers in pairs]


def located_texts(
    tile_ids: Sequence[str], row: Index, tile: Index, local: Points
) -> Iterator[tuple[int, bytes]]:
    """For each point in some tile, its row and JSON of the list of its places.

    Parameters
    ----------
    tile_ids : sequence of str
    row, tile : (P,) integers
        Row of a point and place in `tile_ids` of a tile that holds it, ordered by row; the last
        tile of a row is the one that is seen.
    local : (P, 3) float64
        Raw local x, y, and z; a z of NaN is left out.
    """
    heads = [_head(tile_id, b"local") for tile_id in tile_ids]
    entries = [
        heads[t] + numbers for t, numbers in zip(tile.tolist(), _numbers(local), strict=True)
    ]
    ends = np.flatnonzero(np.diff(row, append=-1)) + 1
    start = 0
    for this, end in zip(row[ends - 1].tolist(), ends.tolist(), strict=True):
        if end == start + 1:
            yield this, b"[" + entries[start] + b'],"visible":true}]'
        else:
            yield this, b"[" + b"]},".join(entries[start:end]) + b'],"visible":true}]'
        start = end


def _head(tile_id: str, key: bytes) -> bytes:
    """JSON of a point in a tile up to its numbers."""
    return b'{"tileId":' + orjson.dumps(tile_id) + b',"' + key + b'":['


def _numbers(points: Points) -> list[bytes]:
    """JSON of the numbers of each point (N, 3), comma separated, without a last NaN."""
    if len(points) == 0:
        return []
    is_flat = np.isnan(points[:, 2])
    shown = np.ascontiguousarray(points[:, :2] if is_flat.all() else points)
    texts = orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY)[2:-2].split(b"],[")
    if shown.shape[1] == 3:
        for place in np.flatnonzero(is_flat).tolist():
            texts[place] = texts[place].removesuffix(b",null")
    return texts
