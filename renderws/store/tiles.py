"""Reading tiles, layers and sections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from operator import itemgetter
from typing import TypeVar

from renderws.store.derivation import sections_of_layer, stack_z_values
from renderws.store.protocol import (
    Invalid,
    NotFound,
    SectionData,
    StackId,
    TileBounds,
    TileDocument,
    TileQuery,
    TileRecord,
)
from renderws.store.source import Connection, Row, Source, Statement
from renderws.store.stackparts import of_parts, rows_of_parts, shown_parts, shown_plan
from renderws.store.stackrows import find_stack, need_stack
from renderws.store.states import stack_text

T = TypeVar("T")

RECORD_COLUMNS = (
    "tile.tile_id, tile.z, tile.min_x, tile.min_y, tile.max_x, tile.max_y,"
    " tile.section_id, tile.group_id, tile.flat, tile.document"
)
DOCUMENT_COLUMNS = "tile.tile_id, tile.flat, tile.document"
FEW = 256
UP_TO_FEW = f" LIMIT {FEW + 1}"
BY_ID = " ORDER BY tile.tile_id"
BOX_COLUMNS = "min_x, min_y, max_x, max_y"
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
            chosen = shown_plan(connection, stack, query)
            sql = f"SELECT count(*) FROM {chosen.source} WHERE {chosen.condition}"
            count: int = connection.execute(sql, chosen.parameters).fetchone()[0]
            return count

    def tiles(self, stack: StackId, query: TileQuery) -> Iterator[TileRecord]:
        return self._by_id(RECORD_COLUMNS, stack, query, tile_record)

    def tile_documents(self, stack: StackId, query: TileQuery) -> Iterator[TileDocument]:
        return self._by_id(DOCUMENT_COLUMNS, stack, query, tile_document)

    def tile(self, stack: StackId, tile_id: str) -> TileRecord:
        with self._source.read() as connection:
            parts = shown_parts(find_stack(connection, stack))
            sql = f"SELECT {RECORD_COLUMNS} FROM tile WHERE stack = ? AND tile_id = ?{{shown}}"
            row = next(rows_of_parts(connection, sql, parts, tile_id), None)
        if row is None:
            raise NotFound(f"tile {tile_id} does not exist in {stack_text(stack)}")
        return tile_record(row)

    def tile_ids(
        self, stack: StackId, min_z: float | None = None, max_z: float | None = None
    ) -> Iterator[str]:
        return self._by_id("tile.tile_id", stack, TileQuery(min_z=min_z, max_z=max_z), _first)

    def _by_id(
        self, columns: str, stack: StackId, query: TileQuery, convert: Callable[[Row], T]
    ) -> Iterator[T]:
        """Tiles, ascending tileId."""
        if query.box is not None:  # a few tiles as a rule, which SQLite would copy to sort them
            with self._source.read() as connection:
                sql, parameters = _selection(columns, connection, stack, query, UP_TO_FEW)
                rows = connection.execute(sql, parameters).fetchall()
            if len(rows) <= FEW:
                return map(convert, sorted(rows, key=_first))
        lease = self._source.lease()
        statement = _selection(columns, lease.connection, stack, query, BY_ID)
        return self._source.stream(lease, [statement], convert)

    def tile_bounds(self, stack: StackId, query: TileQuery) -> list[TileBounds]:
        with self._source.read() as connection:
            chosen = shown_plan(connection, stack, query)
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
            if row is None:
                return []
            return stack_z_values(connection, row, min_z, max_z)

    def layer_bounds(self, stack: StackId, z: float) -> tuple[float, float, float, float] | None:
        with self._source.read() as connection:
            parts = shown_parts(find_stack(connection, stack))
            tiles, parameters = of_parts(BOX_COLUMNS, "tile_layer", parts, " AND z = ?", z)
            row = connection.execute(
                f"SELECT min(min_x), min(min_y), max(max_x), max(max_y) FROM {tiles}", parameters
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
            return sections_of_layer(connection, shown_parts(find_stack(connection, stack)), z)

    def section_z(self, stack: StackId, section_id: str) -> float:
        with self._source.read() as connection:
            sql = (
                "SELECT z FROM tile INDEXED BY tile_section"
                " WHERE stack = ? AND section_id = ? AND z IS NOT NULL{shown} LIMIT 1"
            )
            parts = shown_parts(find_stack(connection, stack))
            row = next(rows_of_parts(connection, sql, parts, section_id), None)
        if row is None:
            raise NotFound(f"section {section_id} does not exist in {stack_text(stack)}")
        return float(row[0])


tile_record: Callable[[Row], TileRecord] = partial(tuple.__new__, TileRecord)
tile_document: Callable[[Row], TileDocument] = partial(tuple.__new__, TileDocument)


def _selection(
    columns: str, connection: Connection, stack: StackId, query: TileQuery, end: str
) -> Statement:
    chosen = shown_plan(connection, stack, query)
    return _select(columns, chosen.source, chosen.condition, end), chosen.parameters


@lru_cache(maxsize=256)
def _select(columns: str, source: str, condition: str, end: str) -> str:
    return f"SELECT {columns} FROM {source} WHERE {condition}{end}"


_first: Callable[[Row], str] = itemgetter(0)


def _stored_sections(
    connection: Connection, key: int, min_z: float | None, max_z: float | None
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
