"""Saving, moving and deleting tiles."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from renderws.store.boxes import derive_boxes_again
from renderws.store.database import Source
from renderws.store.documents import (
    NOTHING,
    chunks_by_ids,
    json_list,
    tile_contents,
    with_values,
)
from renderws.store.drops import remove_tiles
from renderws.store.protocol import Invalid, StackId, TileQuery, TileRecord
from renderws.store.stackrows import need_loading, touch_data
from renderws.store.tilequery import plan
from renderws.store.transforms import reference_set, store_transforms
from renderws.store.tree import add_entries, next_free_key, packed_keys, refresh

BATCH = 5_000
NO_COLUMNS = (None, None)

INSERT_TILE = (
    "INSERT INTO tile (tile_id, z, min_x, min_y, max_x, max_y, section_id, group_id, flat,"
    " document, reference_set, channels, stack, key) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
UPDATE_TILE = (
    "UPDATE tile SET tile_id = ?, z = ?, min_x = ?, min_y = ?, max_x = ?, max_y = ?,"
    " section_id = ?, group_id = ?, flat = ?, document = ?, reference_set = ?, channels = ?"
    " WHERE stack = ? AND key = ?"
)
EXISTING = (
    "SELECT tile_id, key, z, min_x, min_y, max_x, max_y FROM tile INDEXED BY tile_identity"
    " WHERE stack = ? AND tile_id IN (SELECT value FROM json_each(?))"
)


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
        self, stack: StackId, tiles: Sequence[TileRecord], transforms: Mapping[str, bytes]
    ) -> None:
        unique = {tile.tile_id: tile for tile in tiles}
        for tile in unique.values():
            _check(tile)
        with self._source.write() as connection:
            row = need_loading(connection, stack)
            changed = store_transforms(connection, row.key, transforms)
            added = _put_tiles(connection, row.key, unique, empty=row.tile_count == 0)
            if changed:
                derive_boxes_again(connection, row.key, changed, except_for=unique)
            touch_data(connection, row.key, added=added)

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


def _check(tile: TileRecord) -> None:
    """Refuse what cannot be found again once it is stored."""
    if not math.isfinite(tile.min_x + tile.min_y + tile.max_x + tile.max_y):
        raise Invalid(f"the bounding box of tile {tile.tile_id} is not finite")
    if tile.z is not None and not math.isfinite(tile.z):
        raise Invalid(f"z of tile {tile.tile_id} is {tile.z}, it must be a finite number")
    if "\0" in tile.tile_id:
        raise Invalid(f"the tile id {tile.tile_id!r} holds a zero character")


def _put_tiles(
    connection: sqlite3.Connection, stack_key: int, tiles: Mapping[str, TileRecord], *, empty: bool
) -> int:
    """Insert or replace the tiles; returns how many are new."""
    old = {} if empty else _places(connection, stack_key, list(tiles))
    derived = _derived_columns(connection, tiles)
    new = [tile for tile_id, tile in tiles.items() if tile_id not in old]
    _insert(connection, stack_key, new, derived)
    connection.executemany(
        UPDATE_TILE,
        [(*tiles[name], *derived[name], stack_key, place.key) for name, place in old.items()],
    )
    refresh(
        connection,
        (place.key for name, place in old.items() if place[1:] != tiles[name][1:6]),
    )
    return len(new)


def _insert(
    connection: sqlite3.Connection,
    stack_key: int,
    tiles: Sequence[TileRecord],
    derived: Mapping[str, tuple[Any, Any]],
) -> None:
    if not tiles:
        return
    zs = np.array([math.nan if tile.z is None else tile.z for tile in tiles], np.float64)
    boxes = np.array([tile[2:6] for tile in tiles], np.float64)
    first = next_free_key(connection)
    keys = packed_keys(zs, boxes, first)
    numbers = keys.tolist()
    connection.executemany(
        INSERT_TILE,
        [
            (*tiles[place], *derived[tiles[place].tile_id], stack_key, numbers[place])
            for place in np.argsort(keys).tolist()
        ],
    )
    add_entries(connection, first, max(numbers))


def _derived_columns(
    connection: sqlite3.Connection, tiles: Mapping[str, TileRecord]
) -> dict[str, tuple[Any, Any]]:
    """Reference set and channel names of each tile, as the table keeps them."""
    sets: dict[tuple[str, ...], int] = {}
    columns: dict[str, tuple[Any, Any]] = {}
    for tile in tiles.values():
        contents = tile_contents(tile.document, tile.tile_id, tile.flat)
        if contents is NOTHING:
            columns[tile.tile_id] = NO_COLUMNS
            continue
        key = None
        if contents.references:
            key = sets.get(contents.references)
            if key is None:
                key = sets[contents.references] = reference_set(connection, contents.references)
        channels = json_list(contents.channels) if contents.channels else None
        columns[tile.tile_id] = (key, channels)
    return columns


def _places(
    connection: sqlite3.Connection, stack_key: int, tile_ids: list[str]
) -> dict[str, Place]:
    rows = chunks_by_ids(connection, EXISTING, (stack_key,), tile_ids)
    return {tile_id: Place(*place) for tile_id, *place in rows}
