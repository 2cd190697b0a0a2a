"""Deriving the boxes of stored tiles again when a shared transform they use has changed."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import orjson

from renderapi.errors import SpecError
from renderws.store.documents import tile_contents
from renderws.store.protocol import Invalid
from renderws.store.source import Connection
from renderws.store.transforms import parsed, reachable, users_of

BATCH = 2_000

TILES_OF_SET = (
    "SELECT key, tile_id, document FROM tile INDEXED BY tile_references"
    " WHERE reference_set = ? AND stack = ? AND key > ? ORDER BY key LIMIT ?"
)

StoredTile = tuple[int, str, bytes]


def derive_boxes_again(
    connection: Connection,
    stack_key: int,
    changed: set[str],
    except_for: Collection[str],
) -> None:
    """Give the tiles that use any of the changed transforms the boxes that follow from them.

    Columns and documents are updated. Tiles named in `except_for` came with the change and
    bring their own boxes. Raises Invalid, naming the tile, where a box cannot be derived.
    """
    _, sets = users_of(connection, stack_key, changed)
    for key in sets:
        for batch in _batches(connection, stack_key, key):
            tiles = [tile for tile in batch if tile[1] not in except_for]
            if tiles:
                _update(connection, stack_key, tiles, changed)


def _batches(connection: Connection, stack_key: int, set_key: int) -> Iterator[list[StoredTile]]:
    last = 0
    while batch := connection.execute(TILES_OF_SET, (set_key, stack_key, last, BATCH)).fetchall():
        last = batch[-1][0]
        yield batch


def _update(
    connection: Connection, stack_key: int, tiles: list[StoredTile], changed: set[str]
) -> None:
    from renderapi.bounds import derive_boxes  # here, since it brings scipy along

    _, tile_id, document = tiles[0]  # all tiles of a batch refer to the same transforms
    references = tile_contents(document, tile_id, flat=False).references
    lookup = parsed(reachable(connection, stack_key, references))
    specs = [orjson.loads(document) for *_, document in tiles]
    try:
        boxes = derive_boxes(specs, lookup).tolist()
    except SpecError as error:
        names = ", ".join(sorted(changed))
        raise Invalid(
            f"the changed transforms ({names}) are used by stored tiles whose boxes cannot be "
            f"derived again: {error}; correct the transforms, or delete these tiles first"
        ) from error
    rows = []
    for (key, *_), spec, box in zip(tiles, specs, boxes, strict=True):
        spec.update(zip(("minX", "minY", "maxX", "maxY"), box, strict=True))
        rows.append((*box, orjson.dumps(spec), key))
    connection.tables.set_boxes(connection, stack_key, rows)
