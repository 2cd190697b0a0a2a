"""The SQL of match queries.

A query is one or two searches, each of one named index. Where two are run one after the other,
their results follow each other in the order of the contract, so that nothing is sorted and long
answers can be streamed; only the few pairs of one canvas are sorted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from renderws.store.protocol import Invalid, MatchQuery
from renderws.store.source import Statement

ORDER = "p_group, q_group, p_id, q_id"
_OF_COLLECTION = "collection = ?"
Condition = tuple[str, Sequence[Any]]
EVERY: Condition = ("", ())
"""What is added to the conditions of a search, with its parameters."""


class Search(NamedTuple):
    """Conditions on one index of the match table, and the order in which it gives the rows."""

    by: str
    condition: str
    parameters: list[Any]
    order: str = ORDER


def searches(key: int, query: MatchQuery) -> list[Search]:
    """Searches whose results, one after the other, answer the query in order.

    Raises Invalid where the query has none of the shapes of the contract.
    """
    given = {name for name in MatchQuery.__slots__ if getattr(query, name) is not None}
    if not given:
        return [Search("match_identity", "collection = ?", [key])]
    if given == {"p_group"}:
        return [_identity(key, p_group=query.p_group)]
    if given == {"within"}:
        return [_identity(key, p_group=query.within, q_group=query.within)]
    if given == {"outside"}:
        return _outside(key, str(query.outside))
    if given == {"group", "other_group"}:
        low, high = sorted((str(query.group), str(query.other_group)))
        return [_identity(key, p_group=low, q_group=high)]
    if given == {"group", "id", "other_group", "other_id"}:
        p, q = sorted(
            ((str(query.group), str(query.id)), (str(query.other_group), str(query.other_id)))
        )
        return [_identity(key, p_group=p[0], q_group=q[0], p_id=p[1], q_id=q[1])]
    raise Invalid(f"a match query cannot combine exactly {', '.join(sorted(given))}")


def of_canvas(query: MatchQuery) -> bool:
    """Whether the query asks for the pairs of one canvas, with all or with one other group."""
    return query.group is not None and query.id is not None and query.other_id is None


def statements(
    parts: Sequence[tuple[int, Condition]], query: MatchQuery, columns: str
) -> list[Statement]:
    """Statements whose rows, one after the other, answer a query in order.

    `parts` are the keys of the collections that the pairs are in, and what is added for each.
    """
    if of_canvas(query):
        if query.p_group or query.within or query.outside:
            raise Invalid("a match query for one canvas takes no other group conditions")
        return [_of_canvas(parts, query, columns)]
    each = [[(one, shown) for one in searches(key, query)] for key, shown in parts]
    return [_merged(found, columns) for found in zip(*each, strict=True)]


def _of_canvas(
    parts: Sequence[tuple[int, Condition]], query: MatchQuery, columns: str
) -> Statement:
    """Pairs of one canvas: those where it is p and those where it is q, merged and sorted."""
    sides: list[str] = []
    parameters: list[Any] = []
    for key, shown in parts:
        for index, group, name, other in (
            ("match_p", "p_group", "p_id", "q_group"),
            ("match_q", "q_group", "q_id", "p_group"),
        ):
            condition = f"collection = ? AND {group} = ? AND {name} = ?"
            parameters += [key, query.group, query.id]
            if query.other_group is not None:
                condition += f" AND {other} = ?"
                parameters.append(query.other_group)
            condition += shown[0]
            parameters += shown[1]
            if index == "match_q":  # UNION ALL would give a canvas matched with itself twice
                condition += " AND NOT (p_group = q_group AND p_id = q_id)"
            sides.append(f"SELECT {columns} FROM match INDEXED BY {index} WHERE {condition}")
    return f"{' UNION ALL '.join(sides)} ORDER BY {ORDER}", parameters


def _merged(found: Sequence[tuple[Search, Condition]], columns: str) -> Statement:
    """The same search in one collection, or in several as if they were one."""
    sides = [
        f"SELECT {columns} FROM match INDEXED BY {search.by} WHERE {search.condition}{shown[0]}"
        for search, shown in found
    ]
    parameters = [value for search, shown in found for value in (*search.parameters, *shown[1])]
    return f"{' UNION ALL '.join(sides)} ORDER BY {found[0][0].order}", parameters


def search_condition(search: Search) -> tuple[str, list[Any]]:
    """What a search asks of the pairs of its collection."""
    condition = search.condition.removeprefix(_OF_COLLECTION).removeprefix(" AND ")
    return condition or "1 = 1", search.parameters[1:]


def _identity(key: int, **values: str | None) -> Search:
    conditions = ["collection = ?", *(f"{name} = ?" for name in values)]
    return Search("match_identity", " AND ".join(conditions), [key, *values.values()])


def _outside(key: int, group: str) -> list[Search]:
    """Pairs with one side in the group: p sorts before q, so p is in an earlier group, or q in
    a later.
    """
    before = Search(
        "match_q_group",
        "collection = ? AND q_group = ? AND p_group < ?",
        [key, group, group],
        "p_group, p_id, q_id",
    )
    after = Search(
        "match_identity",
        "collection = ? AND p_group = ? AND q_group > ?",
        [key, group, group],
        "q_group, p_id, q_id",
    )
    return [before, after]
