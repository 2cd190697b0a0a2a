"""Deleting very many pairs of a collection: gone at once, their rows removed a few at a time.

What is hidden is noted with the collection as it was asked for: all pairs of one or two groups. See
`removals`, which does the same with the layers of a stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import numpy as np
import orjson

from renderws.store.documents import id_list
from renderws.store.matchquery import (
    Search,
    of_canvas,
    search_condition,
    searches,
)
from renderws.store.pace import Pace
from renderws.store.pieces import MOST, in_pieces, remove_in_order
from renderws.store.protocol import CollectionId, MatchQuery, StoreError
from renderws.store.source import Connection, Name, Source

LARGE = 5_000
"""Pairs that are deleted in one transaction."""
POINTS = 200_000
"""Points of the pairs that are removed with one statement."""


class CollectionRow(NamedTuple):
    """One live collection. `visible`: it exists; else only metadata have been recorded for it.
    `hidden`: of which pairs are deleted and still stored, a `MatchQuery` in JSON.
    """

    key: int
    visible: int
    pair_count: int
    hidden: str | None


COLUMNS = ", ".join(CollectionRow._fields)


def find_collection(connection: Connection, collection: CollectionId) -> CollectionRow | None:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM collection WHERE owner = ? AND name = ? AND dropped IS NULL",
        collection,
    ).fetchone()
    return None if row is None else CollectionRow._make(row)


def shown_pairs(hidden: str | None) -> tuple[str, Sequence[Any]]:
    """What to add to a condition on pairs, so that it does not hold for hidden ones, and its
    parameters.
    """
    if hidden is None:
        return "", ()
    parts = [search_condition(one) for one in _searches(0, hidden)]
    conditions = " OR ".join(f"({condition})" for condition, _ in parts)
    return f" AND NOT ({conditions})", [value for _, values in parts for value in values]


@contextmanager
def changing_pairs(source: Source, *names: Name) -> Iterator[Any]:
    """A transaction that changes pairs of collections, of which nothing is hidden."""
    collections = [name for name in names if isinstance(name, CollectionId)]
    while True:
        settle_pairs(source, *collections)
        with source.write(*names) as connection:
            rows = [find_collection(connection, name) for name in collections]
            if not any(row is not None and row.hidden is not None for row in rows):
                yield connection
                return


def settle_pairs(source: Source, *collections: CollectionId) -> None:
    """Remove the pairs of the collections that are hidden."""
    with source.read() as connection:
        rows = [find_collection(connection, name) for name in collections]
    for row in rows:
        if row is not None and row.hidden is not None:
            key = row.key
            in_pieces(lambda key=key: _piece(source, key))  # type: ignore[misc]


def hide_pairs(connection: Connection, row: CollectionRow, query: MatchQuery) -> int:
    """Hide the pairs of a query within a transaction, if they are very many; returns how many.

    0: nothing is hidden, they are to be deleted in this transaction.
    """
    if row.pair_count <= LARGE or of_canvas(query):
        return 0
    found = searches(row.key, query)
    count = sum(_count(connection, search) for search in found)
    if count <= LARGE:
        return 0
    given = {name: getattr(query, name) for name in MatchQuery.__slots__}
    connection.execute(
        "UPDATE collection SET hidden = ?, pair_count = pair_count - ? WHERE key = ?",
        (orjson.dumps(given).decode(), count, row.key),
    )
    return count


def finish_hidden(source: Source, collection: CollectionId) -> None:
    """Remove what was hidden a moment ago; where that fails, others remove what is left."""
    with suppress(StoreError):
        settle_pairs(source, collection)


def remove_hidden_pairs(source: Source) -> int:
    """Remove some hidden pairs, of whatever collection; returns how many, 0: there are none."""
    with source.read() as connection:
        row = connection.execute(
            "SELECT key FROM collection WHERE hidden IS NOT NULL AND dropped IS NULL LIMIT 1"
        ).fetchone()
    return 0 if row is None else max(1, _piece(source, row[0]))


def _searches(key: int, hidden: str) -> list[Search]:
    return searches(key, MatchQuery(**orjson.loads(hidden)))


def _count(connection: Connection, search: Search) -> int:
    sql = f"SELECT count(*) FROM match INDEXED BY {search.by} WHERE {search.condition}"
    return int(connection.execute(sql, search.parameters).fetchone()[0])


def _piece(source: Source, key: int) -> int:
    """Remove some hidden pairs of a collection; 0: none is left, and nothing hidden."""
    name = ("removal of pairs", str(key))
    with Pace(("pairs", source.place)) as pace, source.write(name) as connection:
        row = connection.execute("SELECT hidden FROM collection WHERE key = ?", (key,)).fetchone()
        if row is None or row[0] is None:
            return 0
        most = pace.rows(MOST)
        for search in _searches(key, row[0]):
            if gone := remove_pairs(connection, source.place, search, most):
                return pace.done(gone)
        connection.execute("UPDATE collection SET hidden = NULL WHERE key = ?", (key,))
        return 0


def remove_pairs(connection: Connection, place: str, search: Search, limit: int) -> int:
    """Remove some of the pairs of a search; returns how many, 0: none is left.

    `place` is that of the store.
    """
    order = search.order.split(", ")
    condition, names = f"{search.condition} AND ({search.order})", ", ".join("?" for _ in order)
    sql = (
        f"SELECT key, count, {search.order} FROM match INDEXED BY {search.by}"
        f" WHERE {condition} >= ({names}) ORDER BY {search.order} LIMIT ?"
    )

    def remove(first: Sequence[str], count: int) -> tuple[int, Sequence[str]]:
        rows = connection.execute(sql, (*search.parameters, *first, count)).fetchall()
        rows = _of_few_points(rows)
        keys = id_list([row[0] for row in rows])
        connection.execute(
            "DELETE FROM match WHERE key IN (SELECT value FROM json_each(?))", (keys,)
        )
        return len(rows), rows[-1][2:] if rows else first

    what = ("match", place, search.condition, *search.parameters)
    return remove_in_order(what, remove, [""] * len(order), limit)


def _of_few_points(rows: list[Any]) -> list[Any]:
    """The first of the pairs, (key, count, ...): as many as have `POINTS` together, or one."""
    points = np.cumsum([row[1] for row in rows])
    return rows[: max(1, int(np.searchsorted(points, POINTS, side="right")))]
