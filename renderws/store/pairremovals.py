"""Deleting very many pairs of a collection: gone at once, their rows removed a few at a time.

What is hidden is noted with the collection as it was asked for: all pairs of one or two groups. See
`removals`, which does the same with the layers of a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from renderws.store import pairarrivals
from renderws.store.collectionrows import CollectionRow, HiddenPairs, find_collection, hidden_pairs
from renderws.store.documents import id_list
from renderws.store.matchquery import Search, of_canvas, searches
from renderws.store.progress import Some, note, remove_next
from renderws.store.protocol import CollectionId, MatchQuery
from renderws.store.settling import Settling, Work
from renderws.store.source import Connection, Row

LARGE = 5_000
"""Pairs that are deleted in one transaction."""
POINTS = 200_000
"""Points of the pairs that are removed with one statement."""


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
    connection.execute(
        "UPDATE collection SET pair_count = pair_count - ?, changes = changes + 1 WHERE key = ?",
        (count, row.key),
    )
    note(connection, "collection", row.key, HiddenPairs(query).noted())
    return count


def _count(connection: Connection, search: Search) -> int:
    sql = f"SELECT count(*) FROM match INDEXED BY {search.by} WHERE {search.condition}"
    return int(connection.execute(sql, search.parameters).fetchone()[0])


def _remove_some(connection: Connection, key: int, notes: Row, most: int) -> int:
    """Remove some hidden pairs of a collection."""
    hidden = hidden_pairs(notes[0])
    found = searches(key, hidden.query)
    parts = [Some(pairs_in_order(connection, search), no_pair(search)) for search in found]
    gone, reached = remove_next(parts, hidden.reached, most)
    if gone:
        note(connection, "collection", key, hidden._replace(reached=reached).noted())
    return gone


def no_pair(search: Search) -> list[str]:
    """The place before all pairs, in the order of a search."""
    return [""] * len(search.order.split(", "))


def pairs_in_order(
    connection: Connection, search: Search
) -> Callable[[Sequence[str], int], tuple[int, Sequence[str]]]:
    """What removes pairs of a search in its order."""
    names = ", ".join("?" for _ in no_pair(search))
    condition = f"{search.condition} AND ({search.order})"
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

    return remove


def _of_few_points(rows: list[Any]) -> list[Any]:
    """The first of the pairs, (key, count, ...): as many as have `POINTS` together, or one."""
    points = np.cumsum([row[1] for row in rows])
    return rows[: max(1, int(np.searchsorted(points, POINTS, side="right")))]


WORK = Work("removal of pairs", "collection", ("hidden",), _remove_some)
PAIRS = Settling(CollectionId, find_collection, WORK, pairarrivals.WORK)
