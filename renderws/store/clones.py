"""Copying a stack within the store.

A small copy is one transaction. A large one is built out of sight, in pieces that let others change
things in between, under a key of its own that counts as dropped; one last transaction gives it its
name. Whatever ends it before leaves nothing but rows that are reclaimed like those of deleted
stacks. If the original changes meanwhile, the copy begins again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from renderws.store.arrivals import BUILT, GOING
from renderws.store.protocol import Conflict, Invalid, Json, StackId, StoreBusy
from renderws.store.removals import TILES
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

LARGE = 20_000
"""Tiles that are copied in one transaction."""
PIECE = 2_000
ATTEMPTS = 3
PAUSE = 0.25
"""How long others have their turn between two pieces, as a share of the time of a piece."""


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
        for _ in range(ATTEMPTS):
            TILES.settle(self._source, stack)
            with self._source.read() as connection:
                row, target = need_stack(connection, stack), find_stack(connection, to)
                if row.tile_count <= LARGE or (target is not None and target.tile_count):
                    break
            if self._cloned_in_pieces(stack, to, version, zs, skip_transforms):
                return
        with TILES.changing(self._source, stack, to) as connection:
            row = need_stack(connection, stack)
            key = _target(connection, to, version, whole=zs is None)
            if not skip_transforms:
                _copy_transforms(connection, row.key, key, to)
            added = _copy_tiles(connection, row.key, key, to, zs)
            touch_data(connection, key, added=added)

    def _cloned_in_pieces(
        self,
        stack: StackId,
        to: StackId,
        version: Json,
        zs: Sequence[float] | None,
        skip_transforms: bool,
    ) -> bool:
        """Whether the copy is there; not, where the original has changed before it was whole."""
        with self._source.read() as connection:  # takes a while, in which others may write
            row = need_stack(connection, stack)
            if not row.is_settled:  # sections were deleted or replaced a moment ago
                return False
            pieces = connection.tables.pieces(connection, row.key, zs, PIECE)
        with self._source.write(stack, to) as connection:
            target = find_stack(connection, to)
            if target is not None:
                _refuse_target(target, whole=zs is None)
            key = insert_hidden(connection, to, version)
            if not skip_transforms:
                _copy_transforms(connection, row.key, key, to)
        try:
            for piece in pieces:
                self._copy_piece(row.key, key, to, piece)
            with self._source.write(stack, to) as connection:
                now = find_stack(connection, stack)
                if now is None or (now.key, now.data_version) != (row.key, row.data_version):
                    give_up(connection, key)
                    return False
                _reveal(connection, key, to, version, whole=zs is None)
                return True
        except BaseException:
            with self._source.write(to) as connection:
                give_up(connection, key)
            raise

    def _copy_piece(self, source: int, key: int, to: StackId, piece: object) -> None:
        start = time.perf_counter()
        with self._source.write(("clone", str(key))) as connection:
            added = connection.tables.copy_piece(connection, source, key, piece)
            add_hidden(connection, key, to, added)
        time.sleep(PAUSE * (time.perf_counter() - start))


def insert_hidden(connection: Connection, stack: StackId, version: Json) -> int:
    """A new stack that nobody sees until it is revealed; returns its key.

    It counts as dropped, so that what is left of it, should it never be, is reclaimed.
    """
    now = now_after()
    row = connection.execute(
        "INSERT INTO stack (owner, project, name, state, modified, version_number, version,"
        " dropped, reclaiming) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?) RETURNING key",
        (*stack, LOADING, now, json_object(version), now, BUILT),
    ).fetchone()
    return int(row[0])


def add_hidden(connection: Connection, key: int, to: StackId, added: int) -> None:
    """Note that tiles were added to a hidden stack; StoreBusy where it was reclaimed."""
    changed = connection.execute(
        "UPDATE stack SET dropped = ?, tile_count = tile_count + ?"
        " WHERE key = ? AND reclaiming = ?",
        (now_after(), added, key, BUILT),
    )
    if not changed.rowcount:
        raise StoreBusy(
            f"{stack_text(to)} was removed while it was still being made, since the store was"
            " compacted; try again"
        )


def give_up(connection: Connection, key: int) -> None:
    """Let a hidden stack be reclaimed."""
    connection.execute("UPDATE stack SET reclaiming = ? WHERE key = ?", (GOING, key))


def _reveal(connection: Connection, key: int, to: StackId, version: Json, *, whole: bool) -> None:
    """Give a hidden stack its name, in place of an empty one."""
    add_hidden(connection, key, to, 0)
    target, data_version = find_stack(connection, to), 1
    if target is not None:
        _refuse_target(target, whole=whole)
        if target.tile_count:
            raise Conflict(f"{stack_text(to)} got tiles while it was cloned into; clone again")
        data_version = target.data_version + 1
        _copy_transforms(connection, target.key, key, to)
        connection.execute(
            "UPDATE stack SET dropped = ?, reclaiming = ? WHERE key = ?",
            (now_after(), GOING, target.key),
        )
    connection.execute(
        "UPDATE stack SET dropped = NULL, reclaiming = 0, modified = ?, data_version = ?"
        " WHERE key = ?",
        (now_after(0 if target is None else target.modified), data_version, key),
    )


def _refuse_target(row: StackRow, *, whole: bool) -> None:
    """Refuse to clone into a stack that is not open, or has tiles already."""
    if row.state != LOADING:
        raise Conflict(
            f"{stack_text(row.id)} is {row.state}; only a LOADING stack can be cloned into"
        )
    if whole and row.tile_count:
        raise Conflict(
            f"{stack_text(row.id)} has tiles already; delete it, or name the z values to clone"
        )


def _target(connection: Connection, to: StackId, version: Json, *, whole: bool) -> int:
    """Key of the stack to copy into, new or emptied of its metadata."""
    row = find_stack(connection, to)
    if row is None:
        return insert_stack(connection, to, version)
    _refuse_target(row, whole=whole)
    connection.execute(
        "UPDATE stack SET modified = ?, version_number = 0, version = ?, stats = NULL,"
        " hierarchical = NULL WHERE key = ?",
        (now_after(row.modified), json_object(version), row.key),
    )
    return row.key


def _copy_transforms(connection: Connection, source: int, key: int, to: StackId) -> None:
    clash = connection.execute(
        "SELECT new.id FROM transform AS old JOIN transform AS new"
        " ON new.stack = ? AND new.id = old.id"
        " WHERE old.stack = ? AND new.document <> old.document LIMIT 1",
        (key, source),
    ).fetchone()
    if clash is not None:
        raise Conflict(f"{stack_text(to)} has another transform {clash[0]}; clone into a new stack")
    connection.execute(
        "INSERT INTO transform (stack, id, document)"
        " SELECT ?, id, document FROM transform WHERE stack = ? ON CONFLICT DO NOTHING",
        (key, source),
    )
    connection.execute(
        "INSERT INTO transform_reference (stack, target, id)"
        " SELECT ?, target, id FROM transform_reference WHERE stack = ? ON CONFLICT DO NOTHING",
        (key, source),
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
