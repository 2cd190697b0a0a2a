"""Rows of the collection table, and which pairs they stand for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from renderws.store.matchquery import EVERY, Condition, Search, search_condition, searches
from renderws.store.progress import Reached
from renderws.store.protocol import CollectionId, MatchQuery
from renderws.store.source import Connection

REACHED = "reached"
"""In JSON of a query, how far the removal of its pairs has got."""


class CollectionRow(NamedTuple):
    """One live collection. `visible`: it exists; else only metadata have been recorded for it.
    `hidden`: which of its pairs are deleted and still stored, `HiddenPairs` in JSON. `arriving`:
    key of the collection whose pairs belong to this one, and are still to be made its own.
    `changes` grows with every change of its pairs.
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


class HiddenPairs(NamedTuple):
    """Pairs of a collection that are deleted, and how far the removal of their rows has got, in the
    searches for them.
    """

    query: MatchQuery
    reached: Reached = Reached()

    def noted(self) -> dict[str, Any]:
        """As it is noted with the collection."""
        given = {name: getattr(self.query, name) for name in MatchQuery.__slots__}
        return {**given, REACHED: list(self.reached)}


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
    hidden = [search_condition(one) for one in _hidden_searches(row)]
    text = "".join(f" AND NOT ({condition})" for condition, _ in hidden)
    parameters: list[Any] = [value for _, values in hidden for value in values]
    if row.arriving is None:
        return [(row.key, (text, parameters))]
    kept = (f"{text} AND NOT EXISTS ({TWIN})", [*parameters, row.arriving])
    return [(row.key, kept), (row.arriving, EVERY)]


def hidden_pairs(hidden: str) -> HiddenPairs:
    """What is noted of the pairs that are deleted and still stored."""
    given = orjson.loads(hidden)
    reached = Reached(*given.pop(REACHED, ()))
    return HiddenPairs(MatchQuery(**given), reached)


def _hidden_searches(row: CollectionRow) -> Sequence[Search]:
    """How to find the pairs of a collection that are deleted and still stored."""
    return [] if row.hidden is None else searches(0, hidden_pairs(row.hidden).query)
