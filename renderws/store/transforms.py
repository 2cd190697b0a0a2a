"""Shared transforms, and who uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from renderws.store.documents import chunks_by_ids, same_json, transform_references
from renderws.store.protocol import NotFound, StackId
from renderws.store.source import Connection, Source
from renderws.store.stackrows import find_key, find_stack
from renderws.store.states import stack_text

BY_ONE_ID = "SELECT id, document FROM transform WHERE stack = ? AND id = ?"
BY_ID = (
    "SELECT id, document FROM transform WHERE stack = ? AND id IN (SELECT value FROM json_each(?))"
)

FEW, SMALL = 16, 1 << 14
"""Shared transforms, and bytes of them, that are worth keeping for the next request."""


class Transforms:
    """The part of the store that answers questions about shared transforms."""

    _source: Source

    def transform(self, stack: StackId, transform_id: str) -> bytes:
        with self._source.read() as connection:
            row = connection.execute(
                "SELECT document FROM transform WHERE stack = ? AND id = ?",
                (find_key(connection, stack), transform_id),
            ).fetchone()
        if row is None:
            raise NotFound(f"transform {transform_id} does not exist in {stack_text(stack)}")
        return bytes(row[0])

    def transforms(self, stack: StackId, transform_ids: Iterable[str]) -> dict[str, bytes]:
        with self._source.read() as connection:
            row, ids = find_stack(connection, stack), tuple(transform_ids)
            if row is None:
                return {}
            asked = (row.key, row.data_version, ids)
            found: dict[str, bytes] | None = connection.lasting.get(asked)
            if found is None:
                found = reachable(connection, row.key, ids)
                if len(ids) <= FEW and sum(map(len, found.values())) <= SMALL:
                    connection.lasting[asked] = found
            return dict(found)


def reachable(
    connection: Connection, stack_key: int, transform_ids: Iterable[str]
) -> dict[str, bytes]:
    """Documents of the transforms and of all that they refer to, transitively, by id in order."""
    found: dict[str, bytes] = {}
    wanted = set(transform_ids)
    asked: set[str] = set()
    while wanted:
        asked |= wanted
        rows: dict[str, bytes] = dict(_by_ids(connection, stack_key, sorted(wanted)))
        found.update(rows)
        targets = (transform_references(document, name) for name, document in rows.items())
        wanted = set().union(*targets) - asked
    return dict(sorted(found.items()))


def store_transforms(
    connection: Connection, stack_key: int, transforms: Mapping[str, bytes]
) -> set[str]:
    """Insert or replace; returns the ids whose stored content was another one."""
    old = dict(_by_ids(connection, stack_key, list(transforms)))
    rows = [(stack_key, name, doc) for name, doc in transforms.items() if old.get(name) != doc]
    connection.executemany(
        "INSERT INTO transform (stack, id, document) VALUES (?, ?, ?)"
        " ON CONFLICT (stack, id) DO UPDATE SET document = excluded.document",
        rows,
    )
    for _, name, document in rows:
        _store_references(connection, stack_key, name, old.get(name), document)
    return {name for _, name, doc in rows if name in old and not same_json(old[name], doc)}


def users_of(
    connection: Connection, stack_key: int, transform_ids: set[str]
) -> tuple[set[str], list[int]]:
    """All transforms that are or reach one of the given ones, and the reference sets that hold
    any of them.
    """
    reached, pending = set(transform_ids), list(transform_ids)
    while pending:
        rows = connection.execute(
            "SELECT id FROM transform_reference WHERE stack = ? AND target = ?",
            (stack_key, pending.pop()),
        )
        new = {name for (name,) in rows} - reached
        reached |= new
        pending += new
    sets = chunks_by_ids(
        connection,
        "SELECT DISTINCT reference_set FROM reference_member"
        " WHERE id IN (SELECT value FROM json_each(?))",
        (),
        sorted(reached),
    )
    return reached, [key for (key,) in sets]


def parsed(documents: Mapping[str, bytes]) -> dict[str, Any]:
    """The transforms as JSON objects, as a lookup for resolving references."""
    return {name: orjson.loads(document) for name, document in documents.items()}


def _by_ids(connection: Connection, stack_key: int, ids: list[str]) -> Iterable[tuple[Any, ...]]:
    if len(ids) == 1:  # one lens for all tiles, as a rule
        return connection.execute(BY_ONE_ID, (stack_key, ids[0]))
    return chunks_by_ids(connection, BY_ID, (stack_key,), ids)


def _store_references(
    connection: Connection, stack_key: int, name: str, old: bytes | None, new: bytes
) -> None:
    before = set() if old is None else transform_references(old, name)
    after = transform_references(new, name)
    connection.executemany(
        "DELETE FROM transform_reference WHERE stack = ? AND target = ? AND id = ?",
        [(stack_key, target, name) for target in before - after],
    )
    connection.executemany(
        "INSERT INTO transform_reference (stack, target, id) VALUES (?, ?, ?)"
        " ON CONFLICT DO NOTHING",
        [(stack_key, target, name) for target in after],
    )
