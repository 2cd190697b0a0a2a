"""Saving, moving and deleting tiles."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import compress
from typing import Any, NamedTuple

import numpy as np

from renderws.store.boxes import derive_boxes_again
from renderws.store.database import Source
from renderws.store.documents import (
    NOTHING,
    chunks_by_ids,
    contents_of_tiles,
    json_list,
    with_values,
)
from renderws.store.drops import remove_tiles
from renderws.store.protocol import Contents, Invalid, StackId, TileQuery, TileRecord
from renderws.store.stackrows import need_loading, touch_data
from renderws.store.tilequery import plan
from renderws.store.transforms import reference_set, store_transforms
from renderws.store.tree import add_new_entries, next_free_key, packed_keys, refresh

BATCH = 5_000
NO_COLUMNS = (None, None)

# Many rows a statement: SQLite then works through them without handing Python's lock back and
# forth, which also lets other threads work meanwhile. What the rows have in common is bound once.
ROWS_AT_ONCE = 140
INSERT_TILES = (
    "INSERT INTO tile (stack, z, section_id, group_id, flat, reference_set, channels,"
    " key, tile_id, min_x, min_y, max_x, max_y, document) VALUES "
)
ONE_TILE = "(?1,?2,?3,?4,?5,?6,?7,?,?,?,?,?,?,?)"
VALUES_A_TILE = 7
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
        self,
        stack: StackId,
        tiles: Sequence[TileRecord],
        transforms: Mapping[str, bytes],
        contents: Sequence[Contents] | None = None,
    ) -> None:
        unique = {tile.tile_id: tile for tile in tiles}
        places = _places_of(unique.values())
        _check(unique.values(), places)
        if contents is None or len(unique) < len(tiles):
            contents = contents_of_tiles(unique.values())
        with self._source.write() as connection:
            row = need_loading(connection, stack)
            changed = store_transforms(connection, row.key, transforms)
            derived = dict(zip(unique, _derived_columns(connection, contents), strict=True))
            old = {} if row.tile_count == 0 else _stored_places(connection, row.key, list(unique))
            new = [tile_id not in old for tile_id in unique]
            added = list(compress(unique.values(), new))
            _insert(connection, row.key, added, places[np.array(new, bool)], derived)
            _replace(connection, row.key, old, unique, derived)
            if changed:
                derive_boxes_again(connection, row.key, changed, except_for=unique)
            touch_data(connection, row.key, added=len(added))

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


def _check(tiles: Collection[TileRecord], places: np.ndarray) -> None:
    """Refuse what cannot be found again once it is stored."""
    if np.isfinite(places).all() and "\0" not in "".join(t.tile_id for t in tiles):
        return
    for tile in tiles:
        if not math.isfinite(tile.min_x + tile.min_y + tile.max_x + tile.max_y):
            raise Invalid(f"the bounding box of tile {tile.tile_id} is not finite")
        if tile.z is not None and not math.isfinite(tile.z):
            raise Invalid(f"z of tile {tile.tile_id} is {tile.z}, it must be a finite number")
        if "\0" in tile.tile_id:
            raise Invalid(f"the tile id {tile.tile_id!r} holds a zero character")


def _places_of(tiles: Iterable[TileRecord]) -> np.ndarray:
    """z and box of tiles, float64 of shape (N, 5); NaN for no z."""
    return np.array([tile[1:6] for tile in tiles], np.float64).reshape(-1, 5)


def _replace(
    connection: sqlite3.Connection,
    stack_key: int,
    old: Mapping[str, Place],
    tiles: Mapping[str, TileRecord],
    derived: Mapping[str, tuple[Any, Any]],
) -> None:
    """Replace the tiles that are there already."""
    connection.executemany(
        UPDATE_TILE,
        [(*tiles[name], *derived[name], stack_key, place.key) for name, place in old.items()],
    )
    refresh(
        connection,
        (place.key for name, place in old.items() if place[1:] != tiles[name][1:6]),
    )


def _insert(
    connection: sqlite3.Connection,
    stack_key: int,
    tiles: Sequence[TileRecord],
    places: np.ndarray,
    derived: Mapping[str, tuple[Any, Any]],
) -> None:
    """Insert new tiles, whose `_places_of` are given."""
    if not tiles:
        return
    first = next_free_key(connection)
    keys = packed_keys(places[:, 0], places[:, 1:], first)
    for common, values in _by_common_values(tiles, derived, keys).items():
        for start in range(0, len(values), ROWS_AT_ONCE * VALUES_A_TILE):
            part = values[start : start + ROWS_AT_ONCE * VALUES_A_TILE]
            rows = ",".join([ONE_TILE] * (len(part) // VALUES_A_TILE))
            connection.execute(INSERT_TILES + rows, [stack_key, *common, *part])
    add_new_entries(connection, stack_key, keys, places)


def _by_common_values(
    tiles: Sequence[TileRecord], derived: Mapping[str, tuple[Any, Any]], keys: np.ndarray
) -> dict[tuple[Any, ...], list[Any]]:
    """Values of new rows, one row after the other in the order of the keys, by the values that
    are the same for many of them.
    """
    found: dict[tuple[Any, ...], list[Any]] = {}
    numbers = keys.tolist()
    for place in np.argsort(keys).tolist():
        tile_id, z, min_x, min_y, max_x, max_y, section, group, flat, document = tiles[place]
        common = (z, section, group, flat, *derived[tile_id])
        values = found.get(common)
        if values is None:
            values = found[common] = []
        values += (numbers[place], tile_id, min_x, min_y, max_x, max_y, document)
    return found


def _derived_columns(
    connection: sqlite3.Connection, contents: Iterable[Contents]
) -> list[tuple[Any, Any]]:
    """Reference set and channel names of tiles, as the table keeps them."""
    known: dict[Contents, tuple[Any, Any]] = {NOTHING: NO_COLUMNS}
    columns = []
    for of_tile in contents:
        found = known.get(of_tile)
        if found is None:
            references, channels = of_tile
            key = reference_set(connection, references) if references else None
            found = known[of_tile] = (key, json_list(channels) if channels else None)
        columns.append(found)
    return columns


def _stored_places(
    connection: sqlite3.Connection, stack_key: int, tile_ids: list[str]
) -> dict[str, Place]:
    rows = chunks_by_ids(connection, EXISTING, (stack_key,), tile_ids)
    return {tile_id: Place(*place) for tile_id, *place in rows}
