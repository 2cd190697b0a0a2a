"""Saving, moving and deleting tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from renderws.store.boxes import derive_boxes_again
from renderws.store.columns import common_columns
from renderws.store.documents import chunks_by_ids, with_values
from renderws.store.protocol import Invalid, NewTiles, StackId, TileQuery
from renderws.store.removals import TILES, delete_in_pieces
from renderws.store.renumbering import renumber_in_pieces
from renderws.store.source import Connection, Place, Row, Source
from renderws.store.stackrows import need_loading, touch_data
from renderws.store.transforms import store_transforms

BATCH = 5_000

EXISTING = (
    "SELECT tile_id, key, z, min_x, min_y, max_x, max_y FROM tile INDEXED BY tile_identity"
    " WHERE stack = ? AND tile_id IN (SELECT value FROM json_each(?))"
)


T = TypeVar("T")


class TileWrites:
    """The part of the store that changes the tiles of a LOADING stack."""

    _source: Source

    def save_tiles(
        self,
        stack: StackId,
        tiles: NewTiles,
        transforms: Mapping[str, bytes],
        replace_z: float | None = None,
    ) -> None:
        tiles = _last_of_each_id(tiles)
        _check(tiles)
        with TILES.changing(self._source, stack) as connection:
            row = need_loading(connection, stack)
            changed = store_transforms(connection, row.key, transforms)
            columns = common_columns(connection, tiles)
            old = {} if row.tile_count == 0 else _stored_places(connection, row.key, tiles)
            gone = []  # those of before: looked for while the new ones are not there yet
            if replace_z is not None and row.tile_count:
                gone = _others_at(connection, row.key, replace_z, tiles)
            tables, new = connection.tables, np.delete(np.arange(len(columns)), list(old))
            if len(new):
                tables.insert_tiles(connection, row.key, tiles, columns, new)
            if old:
                tables.replace_tiles(connection, row.key, tiles, columns, old)
            if changed:
                derive_boxes_again(connection, row.key, changed, except_for=set(tiles.tile_ids))
            tables.remove_tiles(connection, gone)
            added = len(tiles.tile_ids) - len(old)
            touch_data(connection, row.key, added=added, removed=len(gone))

    def set_tiles_z(self, stack: StackId, tile_ids: Sequence[str], z: float) -> None:
        self._set_z(stack, TileQuery(tile_ids=tile_ids), z)

    def set_section_z(self, stack: StackId, section_id: str, z: float) -> None:
        if not renumber_in_pieces(self._source, stack, section_id, _finite(z)):
            self._set_z(stack, TileQuery(section_id=section_id), z)

    def delete_tiles(self, stack: StackId, query: TileQuery) -> int:
        removed = delete_in_pieces(self._source, stack, query)
        if removed is not None:
            return removed
        with TILES.changing(self._source, stack) as connection:
            row, tables = need_loading(connection, stack), connection.tables
            removed = tables.delete_tiles(connection, tables.plan(connection, row.key, query))
            if removed:
                touch_data(connection, row.key, removed=removed)
        return removed

    def _set_z(self, stack: StackId, query: TileQuery, z: float) -> None:
        z = _finite(z)
        with TILES.changing(self._source, stack) as connection:
            row, tables = need_loading(connection, stack), connection.tables
            chosen = tables.plan(connection, row.key, query)
            found: list[Row] = []
            for found in tables.batches(connection, chosen, "tile.document", BATCH):
                changed = [(with_values(document, {"z": z}), key) for key, document in found]
                tables.set_z(connection, z, changed)
            if found:
                touch_data(connection, row.key)


def _finite(z: float) -> float:
    if not math.isfinite(z):
        raise Invalid(f"z must be a finite number, not {z}")
    return float(z)


def _last_of_each_id(tiles: NewTiles) -> NewTiles:
    """The tiles, and of those with one id the last."""
    last = {tile_id: row for row, tile_id in enumerate(tiles.tile_ids)}
    if len(last) == len(tiles.tile_ids):
        return tiles
    rows = list(last.values())

    def chosen(column: Sequence[T]) -> list[T]:
        return [column[row] for row in rows]

    return NewTiles(
        list(last),
        tiles.places[rows],
        chosen(tiles.section_ids),
        chosen(tiles.group_ids),
        chosen(tiles.flat),
        chosen(tiles.documents),
        chosen(tiles.contents),
    )


def _check(tiles: NewTiles) -> None:
    """Refuse what cannot be found again once it is stored."""
    is_finite = not np.isinf(tiles.places).any() and not np.isnan(tiles.places[:, 1:]).any()
    if is_finite and "\0" not in "".join(tiles.tile_ids):
        return
    for tile_id, (z, *box) in zip(tiles.tile_ids, tiles.places.tolist(), strict=True):
        if not all(map(math.isfinite, box)):
            raise Invalid(f"the bounding box of tile {tile_id} is not finite")
        if math.isinf(z):
            raise Invalid(f"z of tile {tile_id} is {z}, it must be a finite number")
        if "\0" in tile_id:
            raise Invalid(f"the tile id {tile_id!r} holds a zero character")


def _others_at(connection: Connection, stack_key: int, z: float, tiles: NewTiles) -> list[int]:
    """Keys of the stored tiles at z that are not among `tiles`."""
    saved = set(tiles.tile_ids)
    chosen = connection.tables.plan(connection, stack_key, TileQuery(z=z))
    rows = connection.execute(
        f"SELECT tile.key, tile.tile_id FROM {chosen.source} WHERE {chosen.condition}",
        chosen.parameters,
    )
    return [key for key, tile_id in rows.fetchall() if tile_id not in saved]


def _stored_places(connection: Connection, stack_key: int, tiles: NewTiles) -> dict[int, Place]:
    """Where those of the tiles are that are stored already, by their row in `tiles`."""
    found = list(chunks_by_ids(connection, EXISTING, (stack_key,), list(tiles.tile_ids)))
    if not found:
        return {}
    row_of = {tile_id: row for row, tile_id in enumerate(tiles.tile_ids)}
    return {row_of[tile_id]: Place(*place) for tile_id, *place in found}
