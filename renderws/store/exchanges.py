"""Stacks that were built beside others take their places, all in one transaction.

Whole stacks change names. Where only some sections change, the rows of the new ones become rows of
the target, and those of the old ones go to a stack that is dropped: they are reclaimed later, a few
at a time. Few rows move in the same transaction; very many afterwards, in pieces (`arrivals`). What
has to be counted and derived for that is, while others write (`exchangeviews`).
"""

from __future__ import annotations

from collections.abc import Sequence

from renderws.store.arrivals import GOING, let_in
from renderws.store.exchangeviews import (
    Seen,
    count_going,
    find_double,
    look,
    replaced_by,
    take_transforms,
)
from renderws.store.locks import give_back
from renderws.store.protocol import Conflict, StackChange, StackId
from renderws.store.removals import TILES
from renderws.store.source import Connection, Source
from renderws.store.stackparts import Part, is_replaced, without
from renderws.store.stackrows import (
    StackRow,
    find_stack,
    json_object,
    need_stack,
    now_after,
    refuse_read_only,
    touch_data,
)
from renderws.store.stacks import change_state
from renderws.store.states import COMPLETE, LOADING, OFFLINE, READ_ONLY, stack_text

_WAYS = {
    LOADING: (LOADING,),
    COMPLETE: (LOADING, COMPLETE),
    READ_ONLY: (LOADING, COMPLETE, READ_ONLY),
}


class Exchanges:
    """The part of the store that lets stacks take the places of others."""

    _source: Source

    def change_stacks(
        self, changes: Sequence[StackChange], locks: Sequence[tuple[StackId, str]] = ()
    ) -> None:
        names = _names(changes, locks)
        TILES.settle(self._source, *names)
        seen = look(self._source, changes)
        with TILES.changing(self._source, *names) as connection:
            for stack, lock in locks:
                give_back(connection, stack, lock)
            for change, before in zip(changes, seen, strict=True):
                _apply(connection, change, before)
        TILES.finish(self._source, *(change.to for change in changes))


def _names(changes: Sequence[StackChange], locks: Sequence[tuple[StackId, str]]) -> list[StackId]:
    """All stacks that are read or changed."""
    return [
        *(stack for stack, _ in locks),
        *(stack for change in changes for stack in (change.source, change.to)),
    ]


def _apply(connection: Connection, change: StackChange, seen: Seen | None) -> None:
    source, target = need_stack(connection, change.source), find_stack(connection, change.to)
    if change.source == change.to:
        raise Conflict(f"{stack_text(change.to)} cannot take its own place")
    if change.tiles not in (None, source.tile_count):
        raise Conflict(
            f"{change.tiles} tiles were written for {stack_text(change.to)}, {source.tile_count} "
            "arrived: a tileId is in two sections"
        )
    if target is not None:
        refuse_read_only(target)
        if target.state == OFFLINE:
            raise Conflict(f"{stack_text(change.to)} is OFFLINE: delete it first")
    if seen is not None and not seen.still_holds(source, target):
        seen = None
    going = _count_going(connection, source, target, change) if seen is None else seen.going
    if target is None or going is None or going == target.tile_count:
        _take_place(connection, source, target, change.to)
        key, version = source.key, None if target is None or going is None else target.version
    else:
        _take_sections(connection, source, target, change, seen)
        key, version = target.key, None
    derived = None if seen is None else seen.derived_now(connection, key)
    connection.execute("UPDATE stack SET hierarchical = NULL WHERE key = ?", (key,))
    if change.version is not None:
        version = json_object(change.version)
    if version is not None:
        connection.execute("UPDATE stack SET version = ? WHERE key = ?", (version, key))
    for state in _WAYS[change.state]:
        change_state(connection, need_stack(connection, change.to), state, derived)


def _take_place(
    connection: Connection, source: StackRow, target: StackRow | None, to: StackId
) -> None:
    """The whole stack gets the name of the target, which is dropped."""
    number, data, modified = source.version_number, source.data_version, source.modified
    if target is not None:  # whoever knows the old one sees that this is another
        number, modified = target.version_number + 1, target.modified
        data = max(data, target.data_version) + 1
        _drop(connection, target.key)
    connection.execute(
        "UPDATE stack SET owner = ?, project = ?, name = ?, version_number = ?, data_version = ?,"
        " modified = ? WHERE key = ?",
        (*to, number, data, now_after(modified), source.key),
    )


def _drop(connection: Connection, key: int) -> None:
    connection.execute("UPDATE stack SET dropped = ? WHERE key = ?", (now_after(), key))


def _count_going(
    connection: Connection, source: StackRow, target: StackRow | None, change: StackChange
) -> int | None:
    """Number of tiles of the target that go; None: the whole stack."""
    if target is None or change.zs is None:
        return None
    return count_going(connection, source, target, change.zs, change.keep)


def _take_sections(
    connection: Connection,
    source: StackRow,
    target: StackRow,
    change: StackChange,
    seen: Seen | None,
) -> None:
    """The sections of the source come into the target, in place of some of its tiles."""
    if seen is not None and seen.is_large:
        kept = without(target.key, replaced_by(change), source.key)
        take_transforms(connection, source, target, kept)
        let_in(connection, source, target, replaced_by(change), seen.going or 0)
        return
    gone, parameters = is_replaced(replaced_by(change), source.key)
    old = _keys(connection, f"stack = ? AND {gone}", [target.key, *parameters])
    new = _keys(connection, "stack = ?", [source.key])
    if old:
        connection.tables.move_tiles(connection, old, _bin(connection, source, len(old)))
    double = find_double(connection, source, target, ())
    if double is not None:
        raise Conflict(
            f"tile {double[0]} is already in section z={double[1]} of {stack_text(target.id)}, "
            "which is kept"
        )
    take_transforms(connection, source, target, Part(target.key))
    connection.tables.move_tiles(connection, new, target.key)
    touch_data(connection, target.key, added=len(new), removed=len(old))
    touch_data(connection, source.key, removed=len(new))
    _drop(connection, source.key)  # it has nothing to be brought back
    connection.execute("UPDATE stack SET reclaiming = ? WHERE key = ?", (GOING, source.key))


def _keys(connection: Connection, condition: str, parameters: Sequence[object]) -> list[int]:
    sql = f"SELECT key FROM tile WHERE {condition} ORDER BY key"
    return [key for (key,) in connection.execute(sql, parameters)]


def _bin(connection: Connection, source: StackRow, tiles: int) -> int:
    """A dropped stack for the sections that go; it can be brought back under the source's name."""
    row = connection.execute(
        "INSERT INTO stack (owner, project, name, state, modified, version_number, version,"
        " tile_count, dropped) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?) RETURNING key",
        (*source.id, LOADING, now_after(), source.version, tiles, now_after()),
    ).fetchone()
    return int(row[0])
