"""Saving, moving and deleting tiles."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
from renderws.store.tilequery import Z_THICKNESS, plan, tree_box
from renderws.store.transforms import reference_set, store_transforms

BATCH = 5_000

INSERT_TILE = (
    "INSERT INTO tile (tile_id, z, min_x, min_y, max_x, max_y, section_id, group_id, flat,"
    " document, reference_set, channels, stack, key) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
)
UPDATE_TILE = (
    "UPDATE tile SET tile_id = ?, z = ?, min_x = ?, min_y = ?, max_x = ?, max_y = ?,"
    " section_id = ?, group_id = ?, flat = ?, document = ?, reference_set = ?, channels = ?"
    " WHERE stack = ? AND key = ?"
)
INSERT_BOX = "INSERT INTO tile_box VALUES (?,?,?,?,?,?,?,?,?)"
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
                connection.executemany(
                    "UPDATE tile_box SET min_z = ?, max_z = ? WHERE key = ?",
                    [(z - Z_THICKNESS, z + Z_THICKNESS, key) for key, _ in found],
                )
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
    key = _last_key(connection)
    inserts, updates, boxes, moved = [], [], [], []
    for tile, derived in zip(tiles.values(), _derived_columns(connection, tiles), strict=True):
        place = old.get(tile.tile_id)
        if place is None:
            key += 1
            inserts.append((*tile, *derived, stack_key, key))
            boxes.append(tree_box(key, stack_key, *tile[1:6]))
            continue
        updates.append((*tile, *derived, stack_key, place.key))
        if place[1:] != tile[1:6]:
            moved.append((place.key,))
            boxes.append(tree_box(place.key, stack_key, *tile[1:6]))
    connection.executemany(INSERT_TILE, inserts)
    connection.executemany(UPDATE_TILE, updates)
    connection.executemany("DELETE FROM tile_box WHERE key = ?", moved)
    connection.executemany(INSERT_BOX, boxes)
    return len(inserts)


def _derived_columns(
    connection: sqlite3.Connection, tiles: Mapping[str, TileRecord]
) -> list[tuple[Any, Any]]:
    """Reference set and channel names of each tile, as the table keeps them."""
    sets: dict[tuple[str, ...], int] = {}
    columns: list[tuple[Any, Any]] = []
    for tile in tiles.values():
        contents = tile_contents(tile.document, tile.tile_id, tile.flat)
        if contents is NOTHING:
            columns.append((None, None))
            continue
        key = None
        if contents.references:
            key = sets.get(contents.references)
            if key is None:
                key = sets[contents.references] = reference_set(connection, contents.references)
        columns.append((key, json_list(contents.channels) if contents.channels else None))
    return columns


def _places(
    connection: sqlite3.Connection, stack_key: int, tile_ids: list[str]
) -> dict[str, Place]:
    rows = chunks_by_ids(connection, EXISTING, (stack_key,), tile_ids)
    return {tile_id: Place(*place) for tile_id, *place in rows}


def _last_key(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(key), 0) FROM tile").fetchone()[0])
