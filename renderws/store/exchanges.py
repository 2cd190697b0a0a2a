"""Stacks that were built beside others take their places, all in one transaction.

Whole stacks change names. Where only some sections change, the rows of the new ones become rows of
the target, and those of the old ones go to a stack that is dropped at once: they are reclaimed
later, a few at a time, so that the transaction costs no more than new index entries.
"""

from __future__ import annotations

from collections.abc import Sequence

from renderws.store.documents import id_list, same_json
from renderws.store.locks import give_back
from renderws.store.protocol import Conflict, StackChange, StackId
from renderws.store.removals import changing
from renderws.store.source import Connection, Source
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
from renderws.store.transforms import store_transforms, users_of

_WAYS = {
    LOADING: (LOADING,),
    COMPLETE: (LOADING, COMPLETE),
    READ_ONLY: (LOADING, COMPLETE, READ_ONLY),
}
_AT_ZS = "stack = ? AND z IN (SELECT value FROM json_each(?))"
_OF_SOURCE = " AND tile_id IN (SELECT tile_id FROM tile WHERE stack = ?)"


class Exchanges:
    """The part of the store that lets stacks take the places of others."""

    _source: Source

    def change_stacks(
        self, changes: Sequence[StackChange], locks: Sequence[tuple[StackId, str]] = ()
    ) -> None:
        with changing(self._source, *_names(changes, locks)) as connection:
            for stack, lock in locks:
                give_back(connection, stack, lock)
            for change in changes:
                _apply(connection, change)


def _names(changes: Sequence[StackChange], locks: Sequence[tuple[StackId, str]]) -> list[StackId]:
    """All stacks that are read or changed."""
    return [
        *(stack for stack, _ in locks),
        *(stack for change in changes for stack in (change.source, change.to)),
    ]


def _apply(connection: Connection, change: StackChange) -> None:
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
    old = None if target is None else _going(connection, source, target, change)
    if target is None or old is None or len(old) == target.tile_count:
        _take_place(connection, source, target, change.to)
        key, version = source.key, None if target is None or old is None else target.version
    else:
        _take_sections(connection, source, target, old)
        key, version = target.key, None
    connection.execute("UPDATE stack SET hierarchical = NULL WHERE key = ?", (key,))
    if change.version is not None:
        version = json_object(change.version)
    if version is not None:
        connection.execute("UPDATE stack SET version = ? WHERE key = ?", (version, key))
    for state in _WAYS[change.state]:
        change_state(connection, need_stack(connection, change.to), state)


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


def _going(
    connection: Connection, source: StackRow, target: StackRow, change: StackChange
) -> list[int] | None:
    """Keys of the tiles of the target that go; None: the whole stack."""
    if change.zs is None:
        return None
    wanted = _AT_ZS
    parameters: list[object] = [target.key, id_list([float(z) for z in change.zs])]
    if change.keep:
        wanted, parameters = wanted + _OF_SOURCE, [*parameters, source.key]
    return _keys(connection, wanted, parameters)


def _take_sections(
    connection: Connection, source: StackRow, target: StackRow, old: Sequence[int]
) -> None:
    """The sections of the source come into the target, in place of some of its tiles."""
    new = _keys(connection, "stack = ?", [source.key])
    if old:
        connection.tables.move_tiles(connection, old, _bin(connection, source, len(old)))
    _refuse_double(connection, source, target)
    _take_transforms(connection, source, target)
    connection.tables.move_tiles(connection, new, target.key)
    touch_data(connection, target.key, added=len(new), removed=len(old))
    touch_data(connection, source.key, removed=len(new))
    _drop(connection, source.key)


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


def _refuse_double(connection: Connection, source: StackRow, target: StackRow) -> None:
    double = connection.execute(
        "SELECT old.tile_id, old.z FROM tile AS new INDEXED BY tile_identity"
        " JOIN tile AS old INDEXED BY tile_identity"
        " ON old.stack = ? AND old.tile_id = new.tile_id WHERE new.stack = ? LIMIT 1",
        (target.key, source.key),
    ).fetchone()
    if double is not None:
        raise Conflict(
            f"tile {double[0]} is already in section z={double[1]} of {stack_text(target.id)}, "
            "which is kept"
        )


def _take_transforms(connection: Connection, source: StackRow, target: StackRow) -> None:
    """Shared transforms come along; one that kept tiles use must not become another."""
    rows = connection.execute(
        "SELECT new.id, new.document, old.document FROM transform AS new"
        " LEFT JOIN transform AS old ON old.stack = ? AND old.id = new.id WHERE new.stack = ?",
        (target.key, source.key),
    ).fetchall()
    wanted = {name: new for name, new, old in rows if old is None or not same_json(old, new)}
    changed = {name for name, _, old in rows if old is not None} & wanted.keys()
    if changed:
        _, sets = users_of(connection, target.key, changed)
        used = connection.execute(
            "SELECT tile_id FROM tile WHERE stack = ?"
            " AND reference_set IN (SELECT value FROM json_each(?)) LIMIT 1",
            (target.key, id_list(sets)),
        ).fetchone()
        if used is not None:
            raise Conflict(
                f"tile {used[0]} of {stack_text(target.id)}, which is kept, uses another shared "
                f"transform {' or '.join(sorted(changed))}"
            )
    store_transforms(connection, target.key, wanted)
