"""Copying a whole store into another one, of whatever kind, and making sure that it is the same.

The original is read as it is at one moment and may be in use. Each stack and collection is built
out of sight in the target, compared with the original by number and digest of all its rows, and
given its name, state, versions and time stamps in one last transaction. What is in the target
already, and is the same, is left: a copy that was stopped goes on where it was. What is there and
is not the same is refused.

Stacks that were deleted, and locks of runs, stay behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import orjson

from renderws.store.clones import add_hidden, give_up, insert_hidden
from renderws.store.collectionrows import COLUMNS as COLLECTION_COLUMNS
from renderws.store.collectionrows import CollectionRow, pair_parts
from renderws.store.collections import collection_text
from renderws.store.columns import common_columns
from renderws.store.documents import new_tiles
from renderws.store.matchquery import statements
from renderws.store.protocol import (
    CollectionId,
    Conflict,
    Damaged,
    MatchQuery,
    StoreBusy,
    StoreError,
    TileRecord,
)
from renderws.store.source import Connection, Row, Source
from renderws.store.stackparts import shown_parts
from renderws.store.stackrows import COLUMNS, StackRow, find_stack, now_after
from renderws.store.states import stack_text
from renderws.store.transforms import store_transforms

BATCH, PAIRS_AT_ONCE = 5_000, 2_000
TILES = (
    "SELECT tile_id, z, min_x, min_y, max_x, max_y, section_id, group_id, flat, document"
    " FROM tile WHERE stack = ?"
)
TRANSFORMS = "SELECT id, document FROM transform WHERE stack = ? ORDER BY id"
SECTION_COLUMNS = "section_id, z, tile_count, min_x, min_y, max_x, max_y"
SECTIONS = f"SELECT {SECTION_COLUMNS} FROM section WHERE stack = ? ORDER BY section_id, z"
PAIRS = "p_group, p_id, q_group, q_id, count, consensus, points"
COLLECTION = f"SELECT owner, name, metadata, {COLLECTION_COLUMNS} FROM collection"
STACK_VALUES = (
    "state", "modified", "version_number", "version", "stats", "hierarchical", "data_version",
    "tile_count", "sections_derived",
)  # fmt: skip


class Copied(NamedTuple):
    """What was done with a stack, a collection or the match trials."""

    what: str
    rows: int
    was_there: bool


def copy_store(source: Any, target: Any) -> Iterator[Copied]:
    """Copy everything from one store into another, thing by thing.

    Parameters
    ----------
    source, target : store
        Stores of this software (`renderws.store.opening.open_store`).

    Raises
    ------
    Conflict
        The target has a stack or a collection of a name that is another one.
    Damaged
        What was copied is not what was read; it is not there then.
    """
    if source.path == target.path:
        raise Conflict(f"{source.path} cannot be copied into itself")
    with source.snapshot() as view:
        origin: Source = view._source
        with origin.read() as connection:
            stacks = [
                StackRow._make(row)
                for row in connection.execute(
                    f"SELECT {COLUMNS} FROM stack WHERE dropped IS NULL ORDER BY owner, project,"
                    " name"
                ).fetchall()
            ]
            collections = connection.execute(
                f"{COLLECTION} WHERE dropped IS NULL ORDER BY owner, name"
            ).fetchall()
            trials = connection.execute("SELECT id, document FROM trial ORDER BY id").fetchall()
        for row in stacks:
            yield _copy_stack(origin, row, target._source)
        for collection in collections:
            yield _copy_collection(origin, collection, target._source)
        for trial_id, document in trials:
            target.save_trial(trial_id, bytes(document))
        if trials:
            yield Copied("match trials", len(trials), False)


def _copy_stack(origin: Source, row: StackRow, target: Source) -> Copied:
    with target.read() as connection:
        there = find_stack(connection, row.id)
    wanted = _stack_digest(origin, row)
    if there is not None:
        same = _values(there) == _values(row) and _stack_digest(target, there) == wanted
        if not same:
            raise Conflict(
                f"{target.place} has another {stack_text(row.id)}; copy into an empty store, or"
                " rename one of them"
            )
        return Copied(stack_text(row.id), row.tile_count, True)
    with target.write(row.id) as connection:
        key = insert_hidden(connection, row.id, {})
    try:
        _fill_stack(origin, row, target, key)
        if (
            _stack_digest(target, row._replace(key=key, hidden=None, arriving=None, replaced=None))
            != wanted
        ):
            raise Damaged(f"the copy of {stack_text(row.id)} in {target.place} is not the same")
        with target.write(row.id) as connection:
            if find_stack(connection, row.id) is not None:
                raise Conflict(f"{stack_text(row.id)} was made in {target.place} meanwhile")
            add_hidden(connection, key, row.id, 0)
            settings = ", ".join(f"{name} = ?" for name in STACK_VALUES)
            connection.execute(
                f"UPDATE stack SET dropped = NULL, reclaiming = 0, {settings} WHERE key = ?",
                (*_values(row), key),
            )
    except BaseException:
        with suppress(StoreError), target.write(row.id) as connection:
            give_up(connection, key)
        raise
    return Copied(stack_text(row.id), row.tile_count, False)


def _values(row: StackRow) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in STACK_VALUES)


def _fill_stack(origin: Source, row: StackRow, target: Source, key: int) -> None:
    def save_transforms(connection: Connection, rows: Sequence[Row]) -> int:
        store_transforms(connection, key, {name: bytes(document) for name, document in rows})
        return 0

    def save_tiles(connection: Connection, rows: Sequence[Row]) -> int:
        tiles = new_tiles(
            [TileRecord._make((*one[:8], bool(one[8]), bytes(one[9]))) for one in rows]
        )
        columns = common_columns(connection, tiles)
        connection.tables.insert_tiles(connection, key, tiles, columns, np.arange(len(rows)))
        return len(rows)

    def save_sections(connection: Connection, rows: Sequence[Row]) -> int:
        connection.executemany(
            f"INSERT INTO section (stack, {SECTION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(key, *one) for one in rows],
        )
        return 0

    Save = Callable[[Connection, Sequence[Row]], int]
    steps: list[tuple[str, Save]] = [
        (TRANSFORMS, save_transforms),
        (TILES, save_tiles),
        (SECTIONS, save_sections),
    ]
    for sql, save in steps:
        for rows in _batches(_of_stack(origin, sql, row), BATCH):
            with target.write(("copy", str(key))) as connection:
                add_hidden(connection, key, row.id, save(connection, rows))


def _copy_collection(origin: Source, row: Row, target: Source) -> Copied:
    owner, name, metadata, *values = row
    original, collection = CollectionRow._make(values), CollectionId(owner, name)
    visible, count = original.visible, original.pair_count
    wanted = _digest(_pairs(origin, original))
    with target.read() as connection:
        there = connection.execute(
            f"{COLLECTION} WHERE owner = ? AND name = ? AND dropped IS NULL", collection
        ).fetchone()
    if there is not None:
        other = CollectionRow._make(there[3:])
        same = other[1:3] == original[1:3] and bytes(there[2]) == bytes(metadata)
        if not same or _digest(_pairs(target, other)) != wanted:
            raise Conflict(
                f"{target.place} has another {collection_text(collection)}; copy into an empty"
                " store, or rename one of them"
            )
        return Copied(collection_text(collection), count, True)
    with target.write(collection) as connection:
        (key,) = connection.execute(
            "INSERT INTO collection (owner, name, visible, pair_count, metadata, dropped)"
            " VALUES (?, ?, ?, ?, ?, ?) RETURNING key",
            (owner, name, visible, count, bytes(metadata), now_after()),
        ).fetchone()
    for pairs in _batches(_pairs(origin, original), PAIRS_AT_ONCE):
        with target.write(("copy", str(key))) as connection:
            connection.tables.save_pairs(connection, key, pairs)
            _still_there(connection, key, collection)
    if _digest(_pairs(target, CollectionRow(key, visible, count))) != wanted:
        raise Damaged(
            f"the copy of {collection_text(collection)} in {target.place} is not the same"
        )
    with target.write(collection) as connection:
        _still_there(connection, key, collection)
        connection.execute("UPDATE collection SET dropped = NULL WHERE key = ?", (key,))
    return Copied(collection_text(collection), count, False)


def _still_there(connection: Connection, key: int, collection: CollectionId) -> None:
    changed = connection.execute(
        "UPDATE collection SET dropped = ? WHERE key = ?", (now_after(), key)
    )
    if not changed.rowcount:
        raise StoreBusy(
            f"{collection_text(collection)} was removed while it was still being copied, since the"
            " store was compacted; copy again"
        )


def _pairs(source: Source, row: CollectionRow) -> Iterator[Row]:
    """Pairs that belong to a collection, wherever they are."""
    found = statements(pair_parts(row), MatchQuery(), PAIRS)
    return source.stream(source.lease(), found, _plain)


def _plain(row: Row) -> Row:
    return row


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while batch := list(islice(rows, size)):
        yield batch


def _of_stack(source: Source, sql: str, row: StackRow) -> Iterator[Row]:
    """Rows of one of the tables of a stack; of its tiles those that it has, wherever they are."""
    if sql != TILES:
        return source.stream(source.lease(), [(sql, (row.key,))], _plain)
    parts = shown_parts(row)
    sides = " UNION ALL ".join(sql + part.condition for part in parts)
    values = [value for part in parts for value in (part.key, *part.parameters)]
    return source.stream(source.lease(), [(f"{sides} ORDER BY tile_id", values)], _plain)


def _stack_digest(source: Source, row: StackRow) -> tuple[str, ...]:
    return tuple(_digest(_of_stack(source, sql, row)) for sql in (TRANSFORMS, TILES, SECTIONS))


def _digest(rows: Iterable[Row]) -> str:
    """Number and digest of rows, the same whichever database they come from."""
    found, count = hashlib.sha256(), 0
    for row in rows:
        count += 1
        for value in row:
            if isinstance(value, bytes | memoryview):
                found.update(b"b%d:" % len(value))
                found.update(value)
            else:
                plain = int(value) if isinstance(value, bool) else value
                found.update(orjson.dumps(plain) + b",")
    return f"{count}:{found.hexdigest()}"
