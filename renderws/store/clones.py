"""Copying a stack within the store."""

from __future__ import annotations

from collections.abc import Sequence

from renderws.store.protocol import Conflict, Invalid, Json, StackId
from renderws.store.source import Connection, DoubleTile, Source
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
        with self._source.write(stack, to) as connection:
            row = need_stack(connection, stack)
            key = _target(connection, to, version, whole=zs is None)
            if not skip_transforms:
                _copy_transforms(connection, row, key, to)
            added = _copy_tiles(connection, row.key, key, to, zs)
            touch_data(connection, key, added=added)


def _target(connection: Connection, to: StackId, version: Json, *, whole: bool) -> int:
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


def _copy_transforms(connection: Connection, row: StackRow, key: int, to: StackId) -> None:
    clash = connection.execute(
        "SELECT new.id FROM transform AS old JOIN transform AS new"
        " ON new.stack = ? AND new.id = old.id"
        " WHERE old.stack = ? AND new.document <> old.document LIMIT 1",
        (key, row.key),
    ).fetchone()
    if clash is not None:
        raise Conflict(f"{stack_text(to)} has another transform {clash[0]}; clone into a new stack")
    connection.execute(
        "INSERT INTO transform (stack, id, document)"
        " SELECT ?, id, document FROM transform WHERE stack = ? ON CONFLICT DO NOTHING",
        (key, row.key),
    )
    connection.execute(
        "INSERT INTO transform_reference (stack, target, id)"
        " SELECT ?, target, id FROM transform_reference WHERE stack = ? ON CONFLICT DO NOTHING",
        (key, row.key),
    )


def _copy_tiles(
    connection: Connection, source: int, target: int, to: StackId, zs: Sequence[float] | None
) -> int:
    """Copy tiles with their places; returns how many."""
    try:
        return connection.tables.copy_tiles(connection, source, target, zs)
    except DoubleTile as error:
        raise Conflict(
            f"{stack_text(to)} has tiles with the ids of those to clone; delete them first"
        ) from error
