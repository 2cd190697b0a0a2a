"""Match collections: which there are and what is recorded with them."""

from __future__ import annotations

import time
from collections.abc import Sequence

import orjson

from renderws.store.collectionrows import CollectionRow, find_collection, pair_parts
from renderws.store.locks import give_back
from renderws.store.pairarrivals import Seen, count_twins, let_in
from renderws.store.pairremovals import PAIRS
from renderws.store.protocol import (
    CollectionChange,
    CollectionId,
    Conflict,
    Invalid,
    Json,
    NotFound,
    StackId,
)
from renderws.store.source import Connection, Source

GROUPS = """
WITH RECURSIVE found (name) AS (
  SELECT (SELECT min({column}) FROM match INDEXED BY {index}
          WHERE collection = ? {condition})
  UNION ALL
  SELECT (SELECT min({column}) FROM match INDEXED BY {index}
          WHERE collection = ? AND {column} > found.name {condition})
  FROM found WHERE found.name IS NOT NULL
)
SELECT name FROM found WHERE name IS NOT NULL
"""

SAME_PAIRS = """
DELETE FROM match WHERE key IN (
  SELECT old.key FROM match AS new JOIN match AS old ON old.collection = ?
  AND old.p_group = new.p_group AND old.q_group = new.q_group
  AND old.p_id = new.p_id AND old.q_id = new.q_id
  WHERE new.collection = ?
)
"""


class Collections:
    """The part of the store that knows which match collections there are."""

    _source: Source

    def match_owners(self) -> list[str]:
        with self._source.read() as connection:
            rows = connection.execute(
                "SELECT DISTINCT owner FROM collection WHERE dropped IS NULL AND visible = 1"
                " ORDER BY owner"
            )
            return [owner for (owner,) in rows]

    def match_collections(self, owner: str) -> list[tuple[CollectionId, int]]:
        with self._source.read() as connection:
            rows = connection.execute(
                "SELECT name, pair_count FROM collection"
                " WHERE owner = ? AND dropped IS NULL AND visible = 1 ORDER BY name",
                (owner,),
            )
            return [(CollectionId(owner, name), count) for name, count in rows]

    def has_collection(self, collection: CollectionId) -> bool:
        with self._source.read() as connection:
            row = find_collection(connection, collection)
            return row is not None and bool(row.visible)

    def match_groups(self, collection: CollectionId, side: str) -> list[str]:
        return self._groups(collection, side, {"p": "match_identity", "q": "match_q_group"}, "")

    def multi_consensus_groups(self, collection: CollectionId, side: str) -> list[str]:
        indices = {"p": "match_consensus_p", "q": "match_consensus_q"}
        return self._groups(collection, side, indices, "AND consensus IS NOT NULL")

    def delete_collection(self, collection: CollectionId) -> None:
        with self._source.write(collection) as connection:
            row = need_collection(connection, collection)
            _drop(connection, row)

    def rename_collection(self, collection: CollectionId, to: CollectionId) -> None:
        with self._source.write(collection, to) as connection:
            row = need_collection(connection, collection)
            target = find_collection(connection, to)
            if target is not None and target.visible:
                raise Invalid(f"{collection_text(to)} exists already; choose another name")
            if target is not None:
                _drop(connection, target)
            connection.execute(
                "UPDATE collection SET owner = ?, name = ? WHERE key = ?", (*to, row.key)
            )

    def change_collections(
        self,
        changes: Sequence[CollectionChange],
        locks: Sequence[tuple[StackId, str]] = (),
    ) -> None:
        names = [name for change in changes for name in (change.source, change.to)]
        seen = count_twins(self._source, changes)
        with PAIRS.changing(self._source, *names, *(stack for stack, _ in locks)) as connection:
            for stack, lock in locks:
                give_back(connection, stack, lock)
            for change, counted in zip(changes, seen, strict=True):
                _apply(connection, change, counted)
        PAIRS.finish(self._source, *(change.to for change in changes))

    def collection_metadata(self, collection: CollectionId) -> Json:
        with self._source.read() as connection:
            row = connection.execute(
                "SELECT metadata FROM collection WHERE owner = ? AND name = ? AND dropped IS NULL",
                collection,
            ).fetchone()
        result: Json = {} if row is None else orjson.loads(row[0])
        return result

    def set_collection_metadata(self, collection: CollectionId, metadata: Json) -> None:
        with self._source.write(collection) as connection:
            row = find_collection(connection, collection)
            key = insert_collection(connection, collection, 0) if row is None else row.key
            connection.execute(
                "UPDATE collection SET metadata = ? WHERE key = ?", (orjson.dumps(metadata), key)
            )

    def _groups(
        self, collection: CollectionId, side: str, indices: dict[str, str], condition: str
    ) -> list[str]:
        """Distinct groups in order, one index search each; `indices` has one for each side."""
        if side not in ("p", "q", "both"):
            raise Invalid(f"the side of a match is p, q or both, not {side}")
        names: set[str] = set()
        with self._source.read() as connection:
            row = need_collection(connection, collection)
            for part in ("p", "q") if side == "both" else (side,):
                for key, (shown, parameters) in pair_parts(row):
                    sql = GROUPS.format(
                        column=f"{part}_group", index=indices[part], condition=condition + shown
                    )
                    once = (key, *parameters)
                    names.update(name for (name,) in connection.execute(sql, (*once, *once)))
        return sorted(names)


def need_collection(connection: Connection, collection: CollectionId) -> CollectionRow:
    row = find_collection(connection, collection)
    if row is None or not row.visible:
        raise NotFound(f"{collection_text(collection)} does not exist")
    return row


def insert_collection(connection: Connection, collection: CollectionId, visible: int) -> int:
    """A new collection without pairs; returns its key."""
    row = connection.execute(
        "INSERT INTO collection (owner, name, visible, metadata) VALUES (?, ?, ?, ?) RETURNING key",
        (*collection, visible, b"{}"),
    ).fetchone()
    return int(row[0])


def collection_text(collection: CollectionId) -> str:
    """How error messages name a collection."""
    return f"match collection {collection.name} of owner {collection.owner}"


def _apply(connection: Connection, change: CollectionChange, counted: Seen | None) -> None:
    source, target = (find_collection(connection, name) for name in change[:2])
    if source is None or not (source.visible or change.keep):
        raise NotFound(f"{collection_text(change.source)} does not exist")
    if change.source == change.to:
        raise Conflict(f"{collection_text(change.to)} cannot take its own place")
    if target is not None and change.keep and target.visible:
        _take_metadata(connection, source, target)
        if counted is not None and (source, target) == counted[:2]:
            let_in(connection, counted)
        else:
            _take_pairs(connection, source, target)
        return
    if target is not None:
        _drop(connection, target)
    connection.execute(
        "UPDATE collection SET owner = ?, name = ? WHERE key = ?", (*change.to, source.key)
    )


def _take_pairs(connection: Connection, source: CollectionRow, target: CollectionRow) -> None:
    """The pairs of the source come into the target, in place of those of the same tiles."""
    connection.execute(SAME_PAIRS, (target.key, source.key))
    connection.execute(
        "UPDATE match SET collection = ? WHERE collection = ?", (target.key, source.key)
    )
    connection.execute(
        "UPDATE collection SET changes = changes + 1, pair_count ="
        " (SELECT count(*) FROM match WHERE match.collection = collection.key) WHERE key = ?",
        (target.key,),
    )
    connection.execute("UPDATE collection SET pair_count = 0 WHERE key = ?", (source.key,))
    _drop(connection, source)


def _take_metadata(connection: Connection, source: CollectionRow, target: CollectionRow) -> None:
    (recorded,) = connection.execute(
        "SELECT metadata FROM collection WHERE key = ?", (source.key,)
    ).fetchone()
    if orjson.loads(recorded):
        connection.execute(
            "UPDATE collection SET metadata = ? WHERE key = ?", (recorded, target.key)
        )


def _drop(connection: Connection, row: CollectionRow) -> None:
    connection.execute(
        "UPDATE collection SET dropped = ? WHERE key = ?", (time.time_ns() // 1_000_000, row.key)
    )
