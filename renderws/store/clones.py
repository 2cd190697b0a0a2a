"""Copying a stack within the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from renderws.store.database import Source
from renderws.store.protocol import Conflict, Invalid, Json, StackId
from renderws.store.stackrows import (
    StackRow,
    find_stack,
    json_object,
    need_stack,
    now_after,
    touch_data,
)
from renderws.store.stacks import insert_stack
from renderws.store.states import LOADING, stack_text
from renderws.store.tree import BLOCK, BLOCK_BITS, add_entries, next_free_key

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


class Clones:
    """The part of the store that copies stacks."""

    _source: Source

    def clone_stack(
        self,
        stack: StackId,
        to: StackId,
        version: Json,
        zs: Sequence[float] | None = None,
        skip_transforms: bool = False,
    ) -> None:
        if stack == to:
            raise Invalid(f"{stack_text(stack)} cannot be cloned into itself; name another stack")
        with self._source.write() as connection:
            row = need_stack(connection, stack)
            key = _target(connection, to, version, whole=zs is None)
            if not skip_transforms:
                _copy_transforms(connection, row, key, to)
            added = _copy_tiles(connection, row.key, key, to, zs)
            touch_data(connection, key, added=added)


def _target(connection: sqlite3.Connection, to: StackId, version: Json, *, whole: bool) -> int:
    """Key of the stack to copy into, new or emptied of its metadata."""
    row = find_stack(connection, to)
    if row is None:
        return insert_stack(connection, to, version)
    if row.state != LOADING:
        raise Conflict(f"{stack_text(to)} is {row.state}; only a LOADING stack can be cloned into")
    if whole and row.tile_count:
        raise Conflict(
            f"{stack_text(to)} has tiles already; delete it, or name the z values to clone"
        )
    connection.execute(
        "UPDATE stack SET modified = ?, version_number = 0, version = ?, stats = NULL,"
        " hierarchical = NULL WHERE key = ?",
        (now_after(row.modified), json_object(version), row.key),
    )
    return row.key


def _copy_transforms(connection: sqlite3.Connection, row: StackRow, key: int, to: StackId) -> None:
    clash = connection.execute(
        "SELECT new.id FROM transform AS old JOIN transform AS new"
        " ON new.stack = ? AND new.id = old.id"
        " WHERE old.stack = ? AND new.document <> old.document LIMIT 1",
        (key, row.key),
    ).fetchone()
    if clash is not None:
        raise Conflict(f"{stack_text(to)} has another transform {clash[0]}; clone into a new stack")
    connection.execute(
        "INSERT OR IGNORE INTO transform (stack, id, document)"
        " SELECT ?, id, document FROM transform WHERE stack = ?",
        (key, row.key),
    )
    connection.execute(
        "INSERT OR IGNORE INTO transform_reference (stack, target, id)"
        " SELECT ?, target, id FROM transform_reference WHERE stack = ?",
        (key, row.key),
    )


def _copy_tiles(
    connection: sqlite3.Connection,
    source: int,
    target: int,
    to: StackId,
    zs: Sequence[float] | None,
) -> int:
    """Copy tiles with their places in the R*Tree; returns how many."""
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
            raise Conflict(
                f"{stack_text(to)} has tiles with the ids of those to clone; delete them first"
            ) from error
        added += cursor.rowcount
    add_entries(connection, begin, next_free_key(connection) - 1)
    return added
