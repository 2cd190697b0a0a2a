"""Reading tiles, layers and sections."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from renderws.store.database import Source, stream
from renderws.store.derivation import sections_of_layer, stack_z_values
from renderws.store.protocol import (
    Invalid,
    NotFound,
    SectionData,
    StackId,
    TileBounds,
    TileQuery,
    TileRecord,
)
from renderws.store.stackrows import find_key, find_stack, need_stack
from renderws.store.states import stack_text
from renderws.store.tilequery import plan

RECORD_COLUMNS = (
    "tile.tile_id, tile.z, tile.min_x, tile.min_y, tile.max_x, tile.max_y,"
    " tile.section_id, tile.group_id, tile.flat, tile.document"
)
BOUNDS_COLUMNS = (
    "tile.tile_id, tile.z, tile.min_x, tile.min_y, tile.max_x, tile.max_y, tile.section_id"
)


class Tiles:
    """The part of the store that answers questions about the tiles of a stack."""

    _source: Source

    def has_tiles(self, stack: StackId) -> bool:
        with self._source.read() as connection:
            row = find_stack(connection, stack)
            return row is not None and row.has_data

    def count_tiles(self, stack: StackId, query: TileQuery) -> int:
        with self._source.read() as connection:
            row = find_stack(connection, stack)
            if row is None:
                return 0
            if query == TileQuery():
                return row.tile_count
            chosen = plan(row.key, query)
            sql = f"SELECT count(*) FROM {chosen.source} WHERE {chosen.condition}"
            count: int = connection.execute(sql, chosen.parameters).fetchone()[0]
            return count

    def tiles(self, stack: StackId, query: TileQuery) -> Iterator[TileRecord]:
        lease = self._source.lease()
        chosen = plan(find_key(lease.connection, stack), query)
        sql = (
            f"SELECT {RECORD_COLUMNS} FROM {chosen.source} WHERE {chosen.condition}"
            " ORDER BY tile.tile_id"
        )
        return stream(self._source.path, lease, [(sql, chosen.parameters)], tile_record)

    def tile(self, stack: StackId, tile_id: str) -> TileRecord:
        with self._source.read() as connection:
            row = connection.execute(
                f"SELECT {RECORD_COLUMNS} FROM tile WHERE stack = ? AND tile_id = ?",
                (find_key(connection, stack), tile_id),
            ).fetchone()
        if row is None:
            raise NotFound(f"tile {tile_id} does not exist in {stack_text(stack)}")
        return tile_record(row)

    def tile_ids(
        self, stack: StackId, min_z: float | None = None, max_z: float | None = None
    ) -> Iterator[str]:
        lease = self._source.lease()
        chosen = plan(find_key(lease.connection, stack), TileQuery(min_z=min_z, max_z=max_z))
        sql = (
            f"SELECT tile.tile_id FROM {chosen.source} WHERE {chosen.condition}"
            " ORDER BY tile.tile_id"
        )
        return stream(self._source.path, lease, [(sql, chosen.parameters)], _first)

    def tile_bounds(self, stack: StackId, query: TileQuery) -> list[TileBounds]:
        with self._source.read() as connection:
            chosen = plan(find_key(connection, stack), query)
            rows = connection.execute(
                f"SELECT {BOUNDS_COLUMNS} FROM {chosen.source} WHERE {chosen.condition}"
                " ORDER BY tile.min_y, tile.min_x, tile.max_y, tile.max_x, tile.tile_id",
                chosen.parameters,
            )
            return [TileBounds._make(row) for row in rows]

    def z_values(
        self, stack: StackId, min_z: float | None = None, max_z: float | None = None
    ) -> list[float]:
        with self._source.read() as connection:
            row = find_stack(connection, stack)
            return [] if row is None else stack_z_values(connection, row, min_z, max_z)

    def layer_bounds(self, stack: StackId, z: float) -> tuple[float, float, float, float] | None:
        with self._source.read() as connection:
            row = connection.execute(
                "SELECT min(min_x), min(min_y), max(max_x), max(max_y)"
                " FROM tile INDEXED BY tile_layer WHERE stack = ? AND z = ?",
                (find_key(connection, stack), z),
            ).fetchone()
        return None if row[0] is None else (row[0], row[1], row[2], row[3])

    def section_data(
        self, stack: StackId, min_z: float | None = None, max_z: float | None = None
    ) -> list[SectionData]:
        with self._source.read() as connection:
            row = need_stack(connection, stack)
            if not row.has_data:
                raise NotFound(f"{stack_text(stack)} is OFFLINE and has no section data")
            if not row.sections_derived:
                raise Invalid(
                    f"section data of {stack_text(stack)} have not been derived; "
                    "set its state to COMPLETE first"
                )
            return _stored_sections(connection, row.key, min_z, max_z)

    def section_data_now(self, stack: StackId, z: float) -> list[SectionData]:
        with self._source.read() as connection:
            return sections_of_layer(connection, find_key(connection, stack), z)

    def section_z(self, stack: StackId, section_id: str) -> float:
        with self._source.read() as connection:
            row = connection.execute(
                "SELECT z FROM tile INDEXED BY tile_section"
                " WHERE stack = ? AND section_id = ? AND z IS NOT NULL LIMIT 1",
                (find_key(connection, stack), section_id),
            ).fetchone()
        if row is None:
            raise NotFound(f"section {section_id} does not exist in {stack_text(stack)}")
        return float(row[0])


def tile_record(row: tuple[Any, ...]) -> TileRecord:
    return TileRecord._make(row)


def _first(row: tuple[Any, ...]) -> str:
    first: str = row[0]
    return first


def _stored_sections(
    connection: sqlite3.Connection, key: int, min_z: float | None, max_z: float | None
) -> list[SectionData]:
    limits = [("z >= ?", min_z), ("z <= ?", max_z)]
    given = [(condition, value) for condition, value in limits if value is not None]
    conditions = " AND ".join(["stack = ?", *(condition for condition, _ in given)])
    source = "section INDEXED BY section_z" if given else "section"
    rows = connection.execute(
        f"SELECT section_id, z, tile_count, min_x, min_y, max_x, max_y FROM {source}"
        f" WHERE {conditions} ORDER BY section_id, z",
        (key, *(value for _, value in given)),
    )
    return [SectionData._make(row) for row in rows]
