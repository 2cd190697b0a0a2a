"""Match collections: which there are and what is recorded with them."""

from __future__ import annotations

import time
from typing import NamedTuple

import orjson

from renderws.store.protocol import CollectionId, Invalid, Json, NotFound
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


class CollectionRow(NamedTuple):
    """One live collection. `visible`: it exists; else only metadata have been recorded for it."""

    key: int
    visible: int
    pair_count: int


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
                sql = GROUPS.format(
                    column=f"{part}_group", index=indices[part], condition=condition
                )
                names.update(name for (name,) in connection.execute(sql, (row.key, row.key)))
        return sorted(names)


def find_collection(connection: Connection, collection: CollectionId) -> CollectionRow | None:
    row = connection.execute(
        "SELECT key, visible, pair_count FROM collection"
        " WHERE owner = ? AND name = ? AND dropped IS NULL",
        collection,
    ).fetchone()
    return None if row is None else CollectionRow._make(row)


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


def _drop(connection: Connection, row: CollectionRow) -> None:
    connection.execute(
        "UPDATE collection SET dropped = ? WHERE key = ?", (time.time_ns() // 1_000_000, row.key)
    )
