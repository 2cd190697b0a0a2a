"""Stacks: their metadata, versions and states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from renderws.store.derivation import Derived, derive, store_sections
from renderws.store.protocol import Conflict, Invalid, Json, StackId
from renderws.store.removals import TILES
from renderws.store.source import Connection, Source
from renderws.store.stackrows import (
    COLUMNS,
    StackRow,
    find_stack,
    json_object,
    metadata,
    need_stack,
    need_writable,
    now_after,
    refuse_read_only,
)
from renderws.store.states import LOADING, OFFLINE, READ_ONLY, Effect, effect, stack_text

DERIVING = (Effect.DERIVE, Effect.DERIVE_AGAIN)
LARGE = 5_000
"""Tiles of a stack whose sections and stats are derived while others write."""


class Stacks:
    """The part of the store that knows which stacks there are and what state they are in."""

    _source: Source

    def owners(self) -> list[str]:
        with self._source.read() as connection:
            rows = connection.execute(
                "SELECT DISTINCT owner FROM stack WHERE dropped IS NULL ORDER BY owner"
            )
            return [owner for (owner,) in rows]

    def stacks(self, owner: str, project: str | None = None) -> list[Json]:
        condition = "" if project is None else "AND project = ?"
        with self._source.read() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM stack WHERE owner = ? {condition} AND dropped IS NULL",
                [owner] if project is None else [owner, project],
            ).fetchall()
        listed = [(StackRow._make(row), metadata(StackRow._make(row))) for row in rows]
        return [data for row, data in sorted(listed, key=_listing_order)]

    def stack(self, stack: StackId) -> Json:
        with self._source.read() as connection:
            return metadata(need_stack(connection, stack))

    def stack_version(self, stack: StackId) -> Json:
        with self._source.read() as connection:
            version: Json = orjson.loads(need_stack(connection, stack).version)
            return version

    def data_version(self, stack: StackId) -> int:
        with self._source.read() as connection:
            return need_stack(connection, stack).data_version

    def create_stack(self, stack: StackId, version: Json) -> None:
        with self._source.write(stack) as connection:
            row = find_stack(connection, stack)
            if row is None:
                insert_stack(connection, stack, version)
                return
            refuse_read_only(row)
            connection.execute(
                "UPDATE stack SET state = ?, modified = ?, version_number = version_number + 1,"
                " version = ?, stats = NULL, hierarchical = NULL, data_version = data_version + 1"
                " WHERE key = ?",
                (LOADING, now_after(row.modified), json_object(version), row.key),
            )

    def update_stack_version(self, stack: StackId, changes: Mapping[str, Any]) -> None:
        with self._source.write(stack) as connection:
            row = need_writable(connection, stack)
            connection.execute(
                "UPDATE stack SET version = ?, data_version = data_version + 1 WHERE key = ?",
                (json_object({**orjson.loads(row.version), **changes}), row.key),
            )

    def set_hierarchical_data(self, stack: StackId, value: Json | None) -> None:
        with self._source.write(stack) as connection:
            row = need_writable(connection, stack)
            connection.execute(
                "UPDATE stack SET hierarchical = ? WHERE key = ?",
                (None if value is None else json_object(value), row.key),
            )

    def set_state(self, stack: StackId, state: str) -> None:
        seen, derived = self._derived_before(stack, state)
        with TILES.changing(self._source, stack) as connection:
            row = need_stack(connection, stack)
            is_same = seen == (row.key, row.data_version)
            change_state(connection, row, state, derived if is_same else None)

    def _derived_before(self, stack: StackId, state: str) -> tuple[Any, Derived | None]:
        """What completing a large stack derives, while others may write, and of which stack: its
        key and data version.
        """
        with self._source.read() as connection:
            row = need_stack(connection, stack)
            what = effect(row.id, row.state, state)
            if what not in DERIVING or not row.is_settled or row.tile_count <= LARGE:
                return None, None
            return (row.key, row.data_version), derive(connection, row)

    def rename_stack(self, stack: StackId, to: StackId) -> None:
        with self._source.write(stack, to) as connection:
            row = need_stack(connection, stack)
            if row.state in (READ_ONLY, OFFLINE):
                raise Conflict(f"{stack_text(stack)} is {row.state} and cannot be renamed")
            if find_stack(connection, to) is not None:
                raise Invalid(f"{stack_text(to)} exists already; delete it or choose another name")
            _set(
                connection,
                row,
                owner=to.owner,
                project=to.project,
                name=to.stack,
                hierarchical=None,
                modified=now_after(row.modified),
            )


def change_state(
    connection: Connection, row: StackRow, state: str, derived: Derived | None = None
) -> None:
    """Take a stack to another state, within a transaction; `derived`: what follows from its tiles,
    where that is known.
    """
    what = effect(row.id, row.state, state)
    if what is Effect.RENAME:
        _set(connection, row, state=state)
    elif what is Effect.REOPEN:
        number = row.version_number + 1
        now = now_after(row.modified)
        _set(connection, row, state=state, stats=None, version_number=number, modified=now)
    elif what in DERIVING:
        sections, found = derived or derive(connection, row)
        store_sections(connection, row.key, sections)
        stats = orjson.dumps(found)
        now = now_after(row.modified) if what is Effect.DERIVE else row.modified
        _set(connection, row, state=state, stats=stats, sections_derived=1, modified=now)
    elif what is Effect.DROP:
        _take_offline(connection, row)


def insert_stack(connection: Connection, stack: StackId, version: Json) -> int:
    """A new LOADING stack; returns its key."""
    row = connection.execute(
        "INSERT INTO stack (owner, project, name, state, modified, version_number, version)"
        " VALUES (?, ?, ?, ?, ?, 0, ?) RETURNING key",
        (*stack, LOADING, now_after(), json_object(version)),
    ).fetchone()
    return int(row[0])


def _set(connection: Connection, row: StackRow, **columns: object) -> None:
    assignments = ", ".join(f"{name} = ?" for name in columns)
    connection.execute(
        f"UPDATE stack SET {assignments} WHERE key = ?", (*columns.values(), row.key)
    )


def _take_offline(connection: Connection, row: StackRow) -> None:
    """Drop the stack with its rows, as it is, and put one without rows in its place."""
    now = now_after(row.modified)
    _set(connection, row, dropped=now)
    connection.execute(
        "INSERT INTO stack (owner, project, name, state, modified, version_number, version, stats,"
        " hierarchical, data_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *row.id,
            OFFLINE,
            now,
            row.version_number,
            row.version,
            row.stats,
            row.hierarchical,
            row.data_version + 1,
        ),
    )


def _listing_order(item: tuple[StackRow, Json]) -> tuple[Any, ...]:
    """Project ascending, then cycle, step and time descending, missing cycles last; then the
    name.
    """
    row, data = item
    version = data["currentVersion"]
    cycle, step = (version.get(key) for key in ("cycleNumber", "cycleStepNumber"))
    return (row.project, _descending(cycle), _descending(step), -row.modified, row.name)


def _descending(number: float | None) -> tuple[bool, float]:
    return (number is None, -(number or 0))
