"""Saving, moving and deleting tiles."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np

from renderapi.grouping import places_of_equals
from renderws.store.boxes import derive_boxes_again
from renderws.store.database import Source
from renderws.store.documents import (
    NOTHING,
    chunks_by_ids,
    json_list,
    with_values,
)
from renderws.store.drops import remove_tiles
from renderws.store.protocol import Contents, Invalid, NewTiles, StackId, TileQuery
from renderws.store.stackrows import need_loading, touch_data
from renderws.store.tilequery import plan
from renderws.store.transforms import reference_set, store_transforms
from renderws.store.tree import add_new_entries, next_free_key, packed_keys, refresh

BATCH = 5_000

# Many rows a statement: SQLite then works through them without handing Python's lock back and
# forth, which also lets other threads work meanwhile. What the rows have in common is bound once.
# OR FAIL spares SQLite noting down how to undo the statement: an error undoes the transaction.
ROWS_AT_ONCE = 140
INSERT_TILES = (
    "INSERT OR FAIL INTO tile (stack, z, section_id, group_id, flat, reference_set, channels,"
    " key, tile_id, min_x, min_y, max_x, max_y, document) VALUES "
)
ONE_TILE = "(?1,?2,?3,?4,?5,?6,?7,?,?,?,?,?,?,?)"
UPDATE_TILE = (
    "UPDATE tile SET z = ?, section_id = ?, group_id = ?, flat = ?, reference_set = ?,"
    " channels = ?, min_x = ?, min_y = ?, max_x = ?, max_y = ?, document = ? WHERE key = ?"
)
EXISTING = (
    "SELECT tile_id, key, z, min_x, min_y, max_x, max_y FROM tile INDEXED BY tile_identity"
    " WHERE stack = ? AND tile_id IN (SELECT value FROM json_each(?))"
)


T = TypeVar("T")

# z, section_id, group_id, flat, reference_set, channels
Common = tuple[float | None, str | None, str | None, bool, int | None, str | None]


class Place(NamedTuple):
    """Where a stored tile is: its key, z and box."""

    key: int
    z: float | None
    min_x: float
    min_y: float
    max_x: float
    max_y: float


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
        with self._source.write() as connection:
            row = need_loading(connection, stack)
            changed = store_transforms(connection, row.key, transforms)
            columns = _columns(connection, tiles)
            old = {} if row.tile_count == 0 else _stored_places(connection, row.key, tiles)
            gone = []  # those of before: looked for while the new ones are not there yet
            if replace_z is not None and row.tile_count:
                gone = _others_at(connection, row.key, replace_z, tiles)
            _insert(connection, row.key, tiles, columns, without=old)
            _replace(connection, row.key, tiles, columns, old)
            if changed:
                derive_boxes_again(connection, row.key, changed, except_for=set(tiles.tile_ids))
            remove_tiles(connection, gone)
            added = len(tiles.tile_ids) - len(old)
            touch_data(connection, row.key, added=added, removed=len(gone))

    def set_tiles_z(self, stack: StackId, tile_ids: Sequence[str], z: float) -> None:
        self._set_z(stack, TileQuery(tile_ids=tile_ids), z)

    def set_section_z(self, stack: StackId, section_id: str, z: float) -> None:
        self._set_z(stack, TileQuery(section_id=section_id), z)

    def delete_tiles(self, stack: StackId, query: TileQuery) -> int:
        removed = 0
        with self._source.write() as connection:
            row = need_loading(connection, stack)
            chosen = plan(row.key, query)
            sql = f"SELECT tile.key FROM {chosen.source} WHERE {chosen.condition} LIMIT {BATCH}"
            while keys := connection.execute(sql, chosen.parameters).fetchall():
                remove_tiles(connection, keys)
                removed += len(keys)
            if removed:
                touch_data(connection, row.key, removed=removed)
        return removed

    def _set_z(self, stack: StackId, query: TileQuery, z: float) -> None:
        if not math.isfinite(z):
            raise Invalid(f"z must be a finite number, not {z}")
        z = float(z)
        with self._source.write() as connection:
            row = need_loading(connection, stack)
            chosen = plan(row.key, query)
            sql = (
                f"SELECT tile.key, tile.document FROM {chosen.source} WHERE {chosen.condition}"
                f" AND tile.key > ? ORDER BY tile.key LIMIT {BATCH}"
            )
            last = 0
            while found := connection.execute(sql, (*chosen.parameters, last)).fetchall():
                last = found[-1][0]
                connection.executemany(
                    "UPDATE tile SET z = ?, document = ? WHERE key = ?",
                    [(z, with_values(document, {"z": z}), key) for key, document in found],
                )
                refresh(connection, (key for key, _ in found))
            if last:
                touch_data(connection, row.key)


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


def _columns(connection: sqlite3.Connection, tiles: NewTiles) -> list[Common]:
    """Values of each tile that are often those of many."""
    known: dict[Contents, tuple[int | None, str | None]] = {NOTHING: (None, None)}
    for contents in set(tiles.contents) - known.keys():
        references, channels = contents
        key = reference_set(connection, references) if references else None
        known[contents] = (key, json_list(channels) if channels else None)
    derived = zip(*[known[contents] for contents in tiles.contents], strict=True)
    zs = [None if z != z else z for z in tiles.places[:, 0].tolist()]
    columns = (zs, tiles.section_ids, tiles.group_ids, tiles.flat, *derived)
    return list(zip(*columns, strict=True))


def _replace(
    connection: sqlite3.Connection,
    stack_key: int,
    tiles: NewTiles,
    columns: Sequence[Common],
    old: Mapping[int, Place],
) -> None:
    """Replace the tiles that are there already, by their row in `tiles`."""
    boxes = tiles.places[:, 1:]
    connection.executemany(
        UPDATE_TILE,
        [
            (*columns[row], *boxes[row].tolist(), tiles.documents[row], place.key)
            for row, place in old.items()
        ],
    )
    moved = [
        place.key
        for row, place in old.items()
        if place[1:] != (columns[row][0], *boxes[row].tolist())
    ]
    refresh(connection, moved)


def _insert(
    connection: sqlite3.Connection,
    stack_key: int,
    tiles: NewTiles,
    columns: Sequence[Common],
    without: Collection[int],
) -> None:
    """Insert the tiles, but for some rows."""
    rows = np.arange(len(columns))
    if without:
        rows = np.delete(rows, list(without))
        columns = [columns[row] for row in rows.tolist()]
    if not len(rows):
        return
    places = tiles.places[rows]
    keys = packed_keys(places[:, 0], places[:, 1:], next_free_key(connection))
    for common, members in places_of_equals(columns).items():
        in_order = np.array(members)[np.argsort(keys[members])]
        chosen = rows[in_order].tolist()
        own = (
            keys[in_order].tolist(),
            [tiles.tile_ids[row] for row in chosen],
            *places[in_order, 1:].T.tolist(),
            [bytearray(tiles.documents[row]) for row in chosen],  # sqlite3 looks longer at bytes
        )
        values = list(chain.from_iterable(zip(*own, strict=True)))
        for start in range(0, len(values), ROWS_AT_ONCE * len(own)):
            part = values[start : start + ROWS_AT_ONCE * len(own)]
            connection.execute(_insertion(len(part) // len(own)), [stack_key, *common, *part])
    order = np.argsort(keys)
    add_new_entries(connection, stack_key, keys[order], places[order])


@cache
def _insertion(rows: int) -> str:
    """SQL that inserts so many tiles."""
    return INSERT_TILES + ",".join([ONE_TILE] * rows)


def _others_at(
    connection: sqlite3.Connection, stack_key: int, z: float, tiles: NewTiles
) -> list[tuple[int]]:
    """Keys of the stored tiles at z that are not among `tiles`."""
    saved = set(tiles.tile_ids)
    chosen = plan(stack_key, TileQuery(z=z))
    rows = connection.execute(
        f"SELECT tile.key, tile.tile_id FROM {chosen.source} WHERE {chosen.condition}",
        chosen.parameters,
    )
    return [(key,) for key, tile_id in rows.fetchall() if tile_id not in saved]


def _stored_places(
    connection: sqlite3.Connection, stack_key: int, tiles: NewTiles
) -> dict[int, Place]:
    """Where those of the tiles are that are stored already, by their row in `tiles`."""
    found = list(chunks_by_ids(connection, EXISTING, (stack_key,), list(tiles.tile_ids)))
    if not found:
        return {}
    row_of = {tile_id: row for row, tile_id in enumerate(tiles.tile_ids)}
    return {row_of[tile_id]: Place(*place) for tile_id, *place in found}
