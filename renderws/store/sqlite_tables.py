"""What SQLite does in its own way with the tables of tiles and pairs: the R*Tree, above all."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any

import numpy as np

from renderapi.grouping import places_of_equals
from renderws.store.derivation import z_values
from renderws.store.documents import id_list, json_list
from renderws.store.protocol import NewTiles, TileQuery
from renderws.store.source import Common, DoubleTile, Place, Plan, Row
from renderws.store.stackparts import Part
from renderws.store.tilequery import plan
from renderws.store.tree import (
    BLOCK,
    BLOCK_BITS,
    add_entries,
    add_new_entries,
    next_free_key,
    packed_keys,
    refresh,
)

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
TILE_COLUMNS = (
    "tile_id, z, min_x, min_y, max_x, max_y, section_id, group_id, flat,"
    " reference_set, channels, document"
)
# The copies lie in blocks like those of the originals, numbered without gaps: keys that were only
# shifted would double with every clone.
COPY = f"""
INSERT INTO tile (key, stack, {TILE_COLUMNS})
WITH block (old, new) AS MATERIALIZED (
  SELECT old, row_number() OVER (ORDER BY old) - 1
  FROM (SELECT DISTINCT key >> {BLOCK_BITS} AS old FROM tile INDEXED BY tile_layer
        WHERE {{condition}})
)
SELECT ? + (new << {BLOCK_BITS}) + (key & {BLOCK - 1}), ?, {TILE_COLUMNS}
FROM block CROSS JOIN tile NOT INDEXED
  ON key BETWEEN old << {BLOCK_BITS} AND (old << {BLOCK_BITS}) + {BLOCK - 1}
WHERE {{condition}}
"""
# the same for the blocks that are given as a list
COPY_BLOCKS = f"""
INSERT INTO tile (key, stack, {TILE_COLUMNS})
WITH block (old, new) AS MATERIALIZED (SELECT value, key FROM json_each(?))
SELECT ? + (new << {BLOCK_BITS}) + (tile.key & {BLOCK - 1}), ?, {TILE_COLUMNS}
FROM block CROSS JOIN tile NOT INDEXED
  ON tile.key BETWEEN old << {BLOCK_BITS} AND (old << {BLOCK_BITS}) + {BLOCK - 1}
WHERE tile.stack = ? AND tile.z IS ?
"""
SAVE_PAIR = """
INSERT INTO match (collection, p_group, p_id, q_group, q_id, count, consensus, points)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (collection, p_group, q_group, p_id, q_id)
DO UPDATE SET count = excluded.count, consensus = excluded.consensus, points = excluded.points
"""
CHANNELS = """
WITH RECURSIVE kind (names) AS (
  SELECT (SELECT min(channels) FROM tile INDEXED BY tile_channels
          WHERE stack = ? AND channels IS NOT NULL{shown})
  UNION ALL
  SELECT (SELECT min(channels) FROM tile INDEXED BY tile_channels
          WHERE stack = ? AND channels > kind.names{shown})
  FROM kind WHERE kind.names IS NOT NULL
)
SELECT names FROM kind WHERE names IS NOT NULL
"""
BATCH, PAIR_BATCH, MOVED_AT_ONCE = 5_000, 10_000, 20_000


class SqliteTables:
    """The tables of tiles and pairs in SQLite; see `source.Tables`."""

    def plan(self, connection: sqlite3.Connection, stack_key: int, query: TileQuery) -> Plan:
        return plan(stack_key, query)

    def insert_tiles(
        self,
        connection: sqlite3.Connection,
        stack_key: int,
        tiles: NewTiles,
        columns: Sequence[Common],
        rows: np.ndarray,
    ) -> None:
        places = tiles.places[rows]
        keys = packed_keys(places[:, 0], places[:, 1:], next_free_key(connection))
        for common, members in places_of_equals([columns[row] for row in rows.tolist()]).items():
            in_order = np.array(members)[np.argsort(keys[members])]
            chosen = rows[in_order].tolist()
            own = (
                keys[in_order].tolist(),
                [tiles.tile_ids[row] for row in chosen],
                *places[in_order, 1:].T.tolist(),
                [
                    bytearray(tiles.documents[row]) for row in chosen
                ],  # sqlite3 looks longer at bytes
            )
            values = list(chain.from_iterable(zip(*own, strict=True)))
            for start in range(0, len(values), ROWS_AT_ONCE * len(own)):
                part = values[start : start + ROWS_AT_ONCE * len(own)]
                connection.execute(_insertion(len(part) // len(own)), [stack_key, *common, *part])
        order = np.argsort(keys)
        add_new_entries(connection, stack_key, keys[order], places[order])

    def replace_tiles(
        self,
        connection: sqlite3.Connection,
        stack_key: int,
        tiles: NewTiles,
        columns: Sequence[Common],
        old: Mapping[int, Place],
    ) -> None:
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

    def set_boxes(
        self, connection: sqlite3.Connection, stack_key: int, rows: Sequence[Row]
    ) -> None:
        connection.executemany(
            "UPDATE tile SET min_x = ?, min_y = ?, max_x = ?, max_y = ?, document = ?"
            " WHERE key = ?",
            rows,
        )
        refresh(connection, (row[-1] for row in rows))

    def set_z(
        self, connection: sqlite3.Connection, z: float, rows: Sequence[tuple[bytes, int]]
    ) -> None:
        connection.executemany(
            "UPDATE tile SET z = ?, document = ? WHERE key = ?",
            [(z, document, key) for document, key in rows],
        )
        refresh(connection, (key for _, key in rows))

    def remove_tiles(self, connection: sqlite3.Connection, keys: Sequence[int]) -> None:
        connection.executemany("DELETE FROM tile WHERE key = ?", [(key,) for key in keys])
        refresh(connection, keys)

    def delete_tiles(self, connection: sqlite3.Connection, plan: Plan) -> int:
        removed = 0
        sql = f"SELECT tile.key FROM {plan.source} WHERE {plan.condition} LIMIT {BATCH}"
        while found := connection.execute(sql, plan.parameters).fetchall():
            self.remove_tiles(connection, [key for (key,) in found])
            removed += len(found)
        return removed

    def delete_pairs(
        self, connection: sqlite3.Connection, sql: str, parameters: Sequence[Any]
    ) -> int:
        removed = 0
        sql = f"SELECT key FROM ({sql}) LIMIT {PAIR_BATCH}"
        while found := connection.execute(sql, parameters).fetchall():
            connection.executemany("DELETE FROM match WHERE key = ?", found)
            removed += len(found)
        return removed

    def batches(
        self, connection: sqlite3.Connection, plan: Plan, columns: str, size: int
    ) -> Iterator[list[Row]]:
        sql = (
            f"SELECT tile.key, {columns} FROM {plan.source} WHERE {plan.condition}"
            f" AND tile.key > ? ORDER BY tile.key LIMIT {size}"
        )
        last = 0
        while found := connection.execute(sql, (*plan.parameters, last)).fetchall():
            last = found[-1][0]
            yield found

    def next_tiles(
        self, connection: sqlite3.Connection, part: Part, z: float | None, count: int
    ) -> list[int]:
        """As many blocks as surely have no more tiles: whole ones keep their places."""
        condition = f"tile.stack = ? AND tile.z IS ?{part.condition}"
        parameters = (part.key, z, *part.parameters)
        first = connection.execute(
            f"SELECT key >> {BLOCK_BITS} FROM tile INDEXED BY tile_layer WHERE {condition} LIMIT ?",
            (*parameters, max(1, count // BLOCK)),
        )
        blocks = id_list(sorted({block for (block,) in first}))
        rows = connection.execute(
            f"SELECT tile.key FROM json_each(?) AS block CROSS JOIN tile NOT INDEXED ON tile.key"
            f" BETWEEN block.value << {BLOCK_BITS} AND (block.value << {BLOCK_BITS}) + {BLOCK - 1}"
            f" AND {condition} ORDER BY tile.key",
            (blocks, *parameters),
        )
        return [key for (key,) in rows]

    def take_widths(self, connection: sqlite3.Connection, source: int, target: int) -> None:
        """There are none: boxes are in a tree."""

    def move_tiles(self, connection: sqlite3.Connection, keys: Sequence[int], to: int) -> None:
        for start in range(0, len(keys), MOVED_AT_ONCE):
            part = keys[start : start + MOVED_AT_ONCE]
            connection.execute(
                "UPDATE tile SET stack = ? WHERE key IN (SELECT value FROM json_each(?))",
                (to, id_list(part)),
            )
        refresh(connection, _without_strangers(connection, keys))

    def copy_tiles(
        self,
        connection: sqlite3.Connection,
        source: int,
        target: int,
        zs: Sequence[float] | None,
    ) -> int:
        begin = next_free_key(connection)
        conditions: list[tuple[str, tuple[float, ...]]] = [("tile.stack = ?", (source,))]
        if zs is not None:
            conditions = [("tile.stack = ? AND tile.z = ?", (source, z)) for z in sorted(set(zs))]
        added = 0
        for condition, parameters in conditions:
            sql = COPY.format(condition=condition)
            first = next_free_key(connection)
            try:
                cursor = connection.execute(sql, (*parameters, first, target, *parameters))
            except sqlite3.IntegrityError as error:
                raise DoubleTile from error
            added += cursor.rowcount
        add_entries(connection, begin, next_free_key(connection) - 1)
        return added

    def pieces(
        self, connection: Any, source: int, zs: Sequence[float] | None, size: int
    ) -> list[tuple[float | None, np.ndarray]]:
        """z and blocks of each piece."""
        found: list[tuple[float | None, np.ndarray]] = []
        each = [*z_values(connection, source), None] if zs is None else sorted(set(zs))
        for z in each:
            rows = connection.execute(
                f"SELECT DISTINCT key >> {BLOCK_BITS} AS block FROM tile INDEXED BY tile_layer"
                " WHERE stack = ? AND z IS ? ORDER BY block",
                (source, z),
            )
            blocks = np.fromiter((block for (block,) in rows), np.int64)
            count = max(1, size // BLOCK)
            found += [(z, blocks[n : n + count]) for n in range(0, len(blocks), count)]
        return found

    def copy_piece(
        self,
        connection: sqlite3.Connection,
        source: int,
        target: int,
        piece: tuple[float | None, np.ndarray],
    ) -> int:
        z, blocks = piece
        first = next_free_key(connection)
        cursor = connection.execute(
            COPY_BLOCKS, (id_list(blocks.tolist()), first, target, source, z)
        )
        add_entries(connection, first, next_free_key(connection) - 1)
        return cursor.rowcount

    def reference_set(self, connection: sqlite3.Connection, ids: tuple[str, ...]) -> int:
        text = json_list(ids)
        row = connection.execute("SELECT key FROM reference_set WHERE ids = ?", (text,)).fetchone()
        if row is not None:
            return int(row[0])
        cursor = connection.execute("INSERT INTO reference_set (ids) VALUES (?)", (text,))
        key = int(cursor.lastrowid or 0)
        connection.executemany(
            "INSERT INTO reference_member (id, reference_set) VALUES (?, ?)",
            [(name, key) for name in ids],
        )
        return key

    def channel_kinds(self, connection: sqlite3.Connection, part: Part) -> list[str]:
        sql = CHANNELS.replace("{shown}", part.condition)
        rows = connection.execute(sql, (part.key, *part.parameters) * 2)
        return [names for (names,) in rows]

    def save_pairs(
        self, connection: sqlite3.Connection, collection: int, rows: Sequence[Row]
    ) -> int:
        before = _last_pair(connection)
        connection.executemany(SAVE_PAIR, [(collection, *row) for row in rows])
        return _last_pair(connection) - before  # new rows take the keys after the last one


def _last_pair(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT coalesce(max(key), 0) FROM match").fetchone()[0])


@cache
def _insertion(rows: int) -> str:
    """SQL that inserts so many tiles."""
    return INSERT_TILES + ",".join([ONE_TILE] * rows)


def _without_strangers(connection: sqlite3.Connection, keys: Sequence[int]) -> list[int]:
    """The keys of moved tiles, once those that share a block with others have blocks of their own.

    A block holds tiles of one stack. Sections fill whole blocks, but for tiles that changed z.
    """
    moved, blocks = set(keys), sorted({key >> BLOCK_BITS for key in keys})
    found = connection.execute(
        f"SELECT tile.key FROM json_each(?) AS block CROSS JOIN tile NOT INDEXED ON tile.key"
        f" BETWEEN block.value << {BLOCK_BITS} AND (block.value << {BLOCK_BITS}) + {BLOCK - 1}",
        (id_list(blocks),),
    )
    mixed = {key >> BLOCK_BITS for (key,) in found if key not in moved}
    first = next_free_key(connection) if mixed else 0
    crowded = (key for key in keys if key >> BLOCK_BITS in mixed)
    new = {key: first + number for number, key in enumerate(crowded)}
    connection.executemany(
        "UPDATE tile SET key = ? WHERE key = ?", [(v, k) for k, v in new.items()]
    )
    return [new.get(key, key) for key in keys] + [block << BLOCK_BITS for block in mixed]
