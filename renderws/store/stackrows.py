"""Rows of the stack table: finding them, checking them, turning them into metadata."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from renderws.store.protocol import Conflict, Json, NotFound, StackId
from renderws.store.source import Connection
from renderws.store.states import LOADING, OFFLINE, READ_ONLY, not_loading, stack_text


class StackRow(NamedTuple):
    """One live or dropped stack; see the schema for the columns."""

    key: int
    owner: str
    project: str
    name: str
    state: str
    modified: int
    version_number: int
    version: bytes
    stats: bytes | None
    hierarchical: bytes | None
    data_version: int
    tile_count: int
    sections_derived: int
    dropped: int | None
    hidden: str | None
    arriving: int | None
    replaced: str | None

    @property
    def id(self) -> StackId:
        return StackId(self.owner, self.project, self.name)

    @property
    def is_settled(self) -> bool:
        """Whether the tiles that are stored with it are those it has."""
        return self.hidden is None and self.arriving is None

    @property
    def has_data(self) -> bool:
        return self.state != OFFLINE


COLUMNS = ", ".join(StackRow._fields)


def find_stack(connection: Connection, stack: StackId) -> StackRow | None:
    """The live stack of that name."""
    known = connection.known
    row = known.get(stack)
    if row is not None:
        return row
    row = connection.execute(
        f"SELECT {COLUMNS} FROM stack WHERE owner = ? AND project = ? AND name = ?"
        " AND dropped IS NULL",
        stack,
    ).fetchone()
    if row is None:
        return None
    found = known[stack] = StackRow._make(row)
    return found


def find_key(connection: Connection, stack: StackId) -> int:
    """Key of the live stack of that name; 0, which no stack has, when there is none."""
    row = find_stack(connection, stack)
    return 0 if row is None else row.key


def need_stack(connection: Connection, stack: StackId) -> StackRow:
    row = find_stack(connection, stack)
    if row is None:
        raise NotFound(f"{stack_text(stack)} does not exist")
    return row


def need_writable(connection: Connection, stack: StackId) -> StackRow:
    """The stack, unless it is READ_ONLY."""
    row = need_stack(connection, stack)
    refuse_read_only(row)
    return row


def refuse_read_only(row: StackRow) -> None:
    if row.state == READ_ONLY:
        raise Conflict(
            f"{stack_text(row.id)} is READ_ONLY and cannot be changed; "
            "set its state to COMPLETE first"
        )


def need_loading(connection: Connection, stack: StackId) -> StackRow:
    """The stack, if its tiles may be changed."""
    row = need_stack(connection, stack)
    if row.state != LOADING:
        raise not_loading(stack, row.state)
    return row


def metadata(row: StackRow) -> Json:
    """StackMetaData of the contract."""
    result: Json = {
        "stackId": row.id._asdict(),
        "state": row.state,
        "lastModifiedTimestamp": time_text(row.modified),
        "currentVersionNumber": row.version_number,
        "currentVersion": orjson.loads(row.version),
    }
    if row.stats is not None:
        result["stats"] = orjson.loads(row.stats)
    if row.hierarchical is not None:
        result["hierarchicalData"] = orjson.loads(row.hierarchical)
    return result


def json_object(value: Json) -> bytes:
    """JSON of an object without its null values: absent and null are the same in the contract."""
    return orjson.dumps({key: item for key, item in value.items() if item is not None})


def now_after(earlier: int = 0) -> int:
    """Milliseconds since 1970, always later than `earlier`, so that a change always shows."""
    return max(time.time_ns() // 1_000_000, earlier + 1)


def time_text(milliseconds: int) -> str:
    """Time stamp of the contract: yyyy-MM-dd'T'HH:mm:ss.SSS'Z'."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment.replace(tzinfo=None).isoformat()}.{milliseconds % 1000:03d}Z"


def touch_data(connection: Connection, key: int, *, added: int = 0, removed: int = 0) -> None:
    """Record that tiles or transforms of the stack have changed."""
    connection.execute(
        "UPDATE stack SET data_version = data_version + 1, tile_count = tile_count + ?"
        " WHERE key = ?",
        (added - removed, key),
    )
