"""Rows of the collection table, and which pairs they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from renderws.store.matchquery import EVERY, Condition, Search, search_condition, searches
from renderws.store.protocol import CollectionId, MatchQuery
from renderws.store.source import Connection


class CollectionRow(NamedTuple):
    """One live collection. `visible`: it exists; else only metadata have been recorded for it.
    `hidden`: of which pairs are deleted and still stored, a `MatchQuery` in JSON. `arriving`: key
    of the collection whose pairs belong to this one, and are still to be made its own. `changes`
    grows with every change of its pairs.
    """

    key: int
    visible: int
    pair_count: int
    hidden: str | None = None
    arriving: int | None = None
    changes: int = 0

    @property
    def is_settled(self) -> bool:
        """Whether the pairs that are stored with it are those it has."""
        return self.hidden is None and self.arriving is None


COLUMNS = ", ".join(CollectionRow._fields)
TWIN = (
    "SELECT 1 FROM match AS new INDEXED BY match_identity WHERE new.collection = ?"
    " AND new.p_group = match.p_group AND new.q_group = match.q_group"
    " AND new.p_id = match.p_id AND new.q_id = match.q_id"
)


def find_collection(connection: Connection, collection: CollectionId) -> CollectionRow | None:
    """The live collection of that name."""
    row = connection.execute(
        f"SELECT {COLUMNS} FROM collection WHERE owner = ? AND name = ? AND dropped IS NULL",
        collection,
    ).fetchone()
    return None if row is None else CollectionRow._make(row)


def pair_parts(row: CollectionRow) -> list[tuple[int, Condition]]:
    """Where the pairs of a collection are: keys of collections, and what to add to a condition on
    pairs of each so that it does not hold for those that are hidden or replaced.
    """
    hidden = [search_condition(one) for one in hidden_searches(0, row.hidden)]
    text = "".join(f" AND NOT ({condition})" for condition, _ in hidden)
    parameters: list[Any] = [value for _, values in hidden for value in values]
    if row.arriving is None:
        return [(row.key, (text, parameters))]
    kept = (f"{text} AND NOT EXISTS ({TWIN})", [*parameters, row.arriving])
    return [(row.key, kept), (row.arriving, EVERY)]


def hidden_searches(key: int, hidden: str | None) -> Sequence[Search]:
    """How to find the pairs of a collection that are deleted and still stored."""
    return [] if hidden is None else searches(key, MatchQuery(**orjson.loads(hidden)))
