"""What PostgreSQL does in its own way with the tables of tiles and pairs: COPY, arrays, boxes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from psycopg.errors import UniqueViolation

from renderws.store.derivation import z_values
from renderws.store.documents import json_list
from renderws.store.postgres.boxes import box_plan, width_classes
from renderws.store.protocol import NewTiles, TileQuery
from renderws.store.source import Common, DoubleTile, Place, Plan, Row
from renderws.store.stackparts import Part
from renderws.store.tilequery import all_of, conditions_of
from renderws.store.tree import packed_keys

TILE_COLUMNS = (
    "z, min_x, min_y, max_x, max_y, reference_set, width_class, flat, tile_id, section_id,"
    " group_id, channels, document"
)
TILE_TYPES = (
    "int8", "float8", "float8", "float8", "float8", "float8", "int8", "int2", "bool", "text",
    "text", "text", "text", "bytea",
)  # fmt: skip
ADD_TILES = f"COPY tile (stack, {TILE_COLUMNS}) FROM STDIN (FORMAT BINARY)"
REPLACE_TILES = """
UPDATE tile SET z = new.z, min_x = new.min_x, min_y = new.min_y, max_x = new.max_x,
  max_y = new.max_y, width_class = new.width_class, section_id = new.section_id,
  group_id = new.group_id, flat = new.flat, reference_set = new.reference_set,
  channels = new.channels, document = new.document
FROM unnest(?::bigint[], ?::float8[], ?::float8[], ?::float8[], ?::float8[], ?::float8[],
  ?::smallint[], ?::text[], ?::text[], ?::boolean[], ?::bigint[], ?::text[], ?::bytea[])
  AS new (key, z, min_x, min_y, max_x, max_y, width_class, section_id, group_id, flat,
    reference_set, channels, document)
WHERE tile.key = new.key
"""
SET_BOXES = """
UPDATE tile SET min_x = new.min_x, min_y = new.min_y, max_x = new.max_x, max_y = new.max_y,
  width_class = new.width_class, document = new.document
FROM unnest(?::bigint[], ?::float8[], ?::float8[], ?::float8[], ?::float8[], ?::smallint[],
  ?::bytea[]) AS new (key, min_x, min_y, max_x, max_y, width_class, document)
WHERE tile.key = new.key
"""
SET_Z = """
UPDATE tile SET z = ?, document = new.document
FROM unnest(?::bytea[], ?::bigint[]) AS new (document, key) WHERE tile.key = new.key
"""
# a row that was there before has been locked by this transaction, which its xmax shows
SAVE_PAIRS = """
INSERT INTO match (collection, p_group, p_id, q_group, q_id, count, consensus, points)
SELECT ?::bigint, * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::integer[],
  ?::bytea[], ?::bytea[])
ON CONFLICT (collection, p_group, q_group, p_id, q_id)
DO UPDATE SET count = excluded.count, consensus = excluded.consensus, points = excluded.points
RETURNING xmax = 0
"""
CHANNELS = """
WITH RECURSIVE kind (digest) AS (
  SELECT (SELECT min(md5(channels)) FROM tile WHERE stack = ? AND channels IS NOT NULL{shown})
  UNION ALL
  SELECT (SELECT min(md5(channels)) FROM tile
          WHERE stack = ? AND channels IS NOT NULL AND md5(channels) > kind.digest{shown})
  FROM kind WHERE kind.digest IS NOT NULL
)
SELECT (SELECT channels FROM tile
        WHERE stack = ? AND channels IS NOT NULL AND md5(channels) = kind.digest{shown} LIMIT 1)
FROM kind WHERE kind.digest IS NOT NULL
"""
ROWS_AT_ONCE, BYTES_AT_ONCE = 2_000, 8_000_000


class PostgresTables:
    """The tables of tiles and pairs in PostgreSQL; see `source.Tables`."""

    def plan(self, connection: Any, stack_key: int, query: TileQuery) -> Plan:
        if query.box is not None and query.tile_ids is None:
            return box_plan(connection, stack_key, query, z_values)
        pairs = [("tile.stack = ?", stack_key), *conditions_of(query)]
        conditions, parameters = zip(*pairs, strict=True)
        return Plan("tile", all_of(conditions), parameters)

    def insert_tiles(
        self,
        connection: Any,
        stack_key: int,
        tiles: NewTiles,
        columns: Sequence[Common],
        rows: np.ndarray,
    ) -> None:
        places = tiles.places[rows] + 0.0  # no negative zero, which other stores do not know
        # neighbours side by side: what a box finds is then in few pages
        order = np.argsort(packed_keys(places[:, 0], places[:, 1:], 0))
        places, rows = places[order], rows[order]
        classes = width_classes(places[:, 1:])
        _note_widths(connection, stack_key, classes)
        with connection.raw.cursor().copy(ADD_TILES) as copy:
            copy.set_types(TILE_TYPES)
            for row, place, width in zip(
                rows.tolist(), places.tolist(), classes.tolist(), strict=True
            ):
                z, section, group, flat, references, channels = columns[row]
                copy.write_row(
                    (
                        stack_key,
                        None if z is None else place[0],
                        *place[1:],
                        references,
                        width,
                        flat,
                        tiles.tile_ids[row],
                        section,
                        group,
                        channels,
                        tiles.documents[row],
                    )
                )

    def replace_tiles(
        self,
        connection: Any,
        stack_key: int,
        tiles: NewTiles,
        columns: Sequence[Common],
        old: Mapping[int, Place],
    ) -> None:
        places = tiles.places + 0.0
        classes = width_classes(places[:, 1:])
        _note_widths(connection, stack_key, classes[list(old)])
        for part in _parts(list(old), lambda row: len(tiles.documents[row])):
            z, sections, groups, flat, references, channels = zip(
                *(columns[row] for row in part), strict=True
            )
            connection.execute(
                REPLACE_TILES,
                (
                    [old[row].key for row in part],
                    [None if value is None else value + 0.0 for value in z],
                    *places[part, 1:].T.tolist(),
                    classes[part].tolist(),
                    list(sections),
                    list(groups),
                    list(map(bool, flat)),
                    list(references),
                    list(channels),
                    [bytes(tiles.documents[row]) for row in part],
                ),
            )

    def set_boxes(self, connection: Any, stack_key: int, rows: Sequence[Row]) -> None:
        boxes = np.array([row[:4] for row in rows], np.float64) + 0.0
        classes = width_classes(boxes)
        _note_widths(connection, stack_key, classes)
        documents, keys = zip(*(row[4:] for row in rows), strict=True)
        connection.execute(
            SET_BOXES, (list(keys), *boxes.T.tolist(), classes.tolist(), list(documents))
        )

    def set_z(self, connection: Any, z: float, rows: Sequence[tuple[bytes, int]]) -> None:
        documents, keys = zip(*rows, strict=True)
        connection.execute(SET_Z, (z + 0.0, list(documents), list(keys)))

    def remove_tiles(self, connection: Any, keys: Sequence[int]) -> None:
        if keys:
            connection.execute("DELETE FROM tile WHERE key = ANY(?)", (list(keys),))

    def delete_tiles(self, connection: Any, plan: Plan) -> int:
        sql = f"SELECT tile.key FROM {plan.source} WHERE {plan.condition}"
        found = connection.execute(f"DELETE FROM tile WHERE key IN ({sql})", plan.parameters)
        return int(found.rowcount)

    def delete_pairs(self, connection: Any, sql: str, parameters: Sequence[Any]) -> int:
        sql = f"DELETE FROM match WHERE key IN (SELECT key FROM ({sql}) AS found)"
        return int(connection.execute(sql, parameters).rowcount)

    def batches(self, connection: Any, plan: Plan, columns: str, size: int) -> Iterator[list[Row]]:
        sql = f"SELECT tile.key, {columns} FROM {plan.source} WHERE {plan.condition}"
        yield from connection.fetch((sql, plan.parameters), size, size)

    def next_tiles(self, connection: Any, part: Part, z: float | None, count: int) -> list[int]:
        at, parameters = ("tile.z IS NULL", ()) if z is None else ("tile.z = ?", (z,))
        rows = connection.execute(
            f"SELECT key FROM tile WHERE tile.stack = ? AND {at}{part.condition}"
            " ORDER BY tile_id LIMIT ?",
            (part.key, *parameters, *part.parameters, count),
        )
        return [key for (key,) in rows]

    def take_widths(self, connection: Any, source: int, target: int) -> None:
        _copy_widths(connection, source, target)

    def move_tiles(self, connection: Any, keys: Sequence[int], to: int) -> None:
        connection.execute(
            "INSERT INTO tile_width (stack, width_class)"
            " SELECT DISTINCT ?::bigint, width_class FROM tile WHERE key = ANY(?)"
            " ON CONFLICT DO NOTHING",
            (to, list(keys)),
        )
        connection.execute("UPDATE tile SET stack = ? WHERE key = ANY(?)", (to, list(keys)))

    def copy_tiles(
        self, connection: Any, source: int, target: int, zs: Sequence[float] | None
    ) -> int:
        _copy_widths(connection, source, target)
        chosen, parameters = "", []
        if zs is not None:
            chosen, parameters = " AND z = ANY((SELECT ?)::float8[])", [[float(z) for z in zs]]
        try:
            copied = connection.execute(
                f"INSERT INTO tile (stack, {TILE_COLUMNS}) SELECT ?::bigint, {TILE_COLUMNS}"
                f" FROM tile WHERE stack = ?{chosen}",
                (target, source, *parameters),
            )
        except UniqueViolation as error:
            raise DoubleTile from error
        return int(copied.rowcount)

    def pieces(
        self, connection: Any, source: int, zs: Sequence[float] | None, size: int
    ) -> list[tuple[str, str | None, float | None]]:
        """Ids before and at the end of each piece, and its z where only some are wanted."""
        found: list[tuple[str, str | None, float | None]] = []
        for z in [None] if zs is None else sorted(set(map(float, zs))):
            of_z, parameters = ("", (source,)) if z is None else (" AND z = ?", (source, z))
            rows = connection.execute(
                "SELECT tile_id FROM (SELECT tile_id, row_number() OVER (ORDER BY tile_id) AS n"
                f" FROM tile WHERE stack = ?{of_z}) AS numbered WHERE mod(n, {size}) = 0"
                " ORDER BY tile_id",
                parameters,
            )
            ends: list[Any] = [tile_id for (tile_id,) in rows]
            found += [(low, high, z) for low, high in pairwise(["", *ends, None])]
        return found

    def copy_piece(
        self,
        connection: Any,
        source: int,
        target: int,
        piece: tuple[str, str | None, float | None],
    ) -> int:
        low, high, z = piece
        given: list[tuple[str, Any]] = [("stack = ?", source), ("tile_id > ?", low)]
        given += [("tile_id <= ?", high)] if high is not None else []
        given += [("z = ?", z)] if z is not None else []
        conditions, parameters = zip(*given, strict=True)
        _copy_widths(connection, source, target)
        copied = connection.execute(
            f"INSERT INTO tile (stack, {TILE_COLUMNS}) SELECT ?::bigint, {TILE_COLUMNS}"
            f" FROM tile WHERE {all_of(conditions)}",
            (target, *parameters),
        )
        return int(copied.rowcount)

    def reference_set(self, connection: Any, ids: tuple[str, ...]) -> int:
        digest = hashlib.sha256(json_list(ids).encode()).digest()
        find = "SELECT key FROM reference_set WHERE digest = ?"
        row = connection.execute(find, (digest,)).fetchone()
        if row is not None:
            return int(row[0])
        row = connection.execute(
            "INSERT INTO reference_set (digest) VALUES (?) ON CONFLICT DO NOTHING RETURNING key",
            (digest,),
        ).fetchone()
        if row is None:  # another server was first, and has committed
            return int(connection.execute(find, (digest,)).fetchone()[0])
        connection.executemany(
            "INSERT INTO reference_member (id, reference_set) VALUES (?, ?)",
            [(name, row[0]) for name in ids],
        )
        return int(row[0])

    def channel_kinds(self, connection: Any, part: Part) -> list[str]:
        sql = CHANNELS.replace("{shown}", part.condition)
        return [names for (names,) in connection.execute(sql, (part.key, *part.parameters) * 3)]

    def save_pairs(self, connection: Any, collection: int, rows: Sequence[Row]) -> int:
        added = 0
        for part in _parts(rows, lambda row: len(row[-1])):
            columns = [list(column) for column in zip(*part, strict=True)]
            new = connection.execute(SAVE_PAIRS, (collection, *columns))
            added += sum(is_new for (is_new,) in new)
        return added


def _parts(items: Sequence[Any], size: Any) -> Iterator[list[Any]]:
    """Parts of not too many items and bytes."""
    part: list[Any] = []
    filled = 0
    for item in items:
        part.append(item)
        filled += size(item)
        if len(part) >= ROWS_AT_ONCE or filled >= BYTES_AT_ONCE:
            yield part
            part, filled = [], 0
    if part:
        yield part


def _copy_widths(connection: Any, source: int, target: int) -> None:
    connection.execute(
        "INSERT INTO tile_width (stack, width_class)"
        " SELECT ?::bigint, width_class FROM tile_width WHERE stack = ? ON CONFLICT DO NOTHING",
        (target, source),
    )


def _note_widths(connection: Any, stack_key: int, classes: np.ndarray) -> None:
    """Remember which classes of width the tiles of a stack have."""
    connection.execute(
        "INSERT INTO tile_width (stack, width_class) SELECT ?::bigint, *"
        " FROM unnest(?::smallint[]) ON CONFLICT DO NOTHING",
        (stack_key, np.unique(classes).tolist()),
    )
