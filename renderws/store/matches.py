"""Point matches: saving, reading and deleting pairs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import orjson

from renderws.store.collectionrows import CollectionRow, find_collection, pair_parts
from renderws.store.collections import insert_collection, need_collection
from renderws.store.matchquery import statements
from renderws.store.pairremovals import PAIRS, hide_pairs
from renderws.store.points import decode_points, encode_points
from renderws.store.protocol import CollectionId, Invalid, Match, MatchQuery
from renderws.store.source import Connection, Source

IDS = "p_group, p_id, q_group, q_id, count, consensus"


class Matches:
    """The part of the store that keeps the pairs of match collections."""

    _source: Source

    def save_matches(self, collection: CollectionId, matches: Sequence[Match]) -> None:
        if not matches:
            return
        rows = {row[:4]: row for row in map(_row, map(normalised, matches))}  # the last of each
        with PAIRS.changing(self._source, collection) as connection:
            key = _existing(connection, collection)
            added = connection.tables.save_pairs(connection, key, list(rows.values()))
            connection.execute(
                "UPDATE collection SET visible = 1, pair_count = pair_count + ?,"
                " changes = changes + 1 WHERE key = ?",
                (added, key),
            )

    def matches(
        self, collection: CollectionId, query: MatchQuery, details: bool = True
    ) -> Iterator[Match]:
        lease = self._source.lease()
        try:
            with self._source.translated():
                row = need_collection(lease.connection, collection)
            columns = f"{IDS}, points" if details else IDS
            found = statements(pair_parts(row), query, columns)
        except BaseException:
            lease.release()
            raise
        return self._source.stream(lease, found, _match if details else _bare_match)

    def delete_matches(self, collection: CollectionId, query: MatchQuery) -> int:
        with PAIRS.changing(self._source, collection) as connection:
            row = need_collection(connection, collection)
            hidden = hide_pairs(connection, row, query)
            removed = hidden or _delete(connection, row, query)
        if hidden:
            PAIRS.finish(self._source, collection)
        return removed


def normalised(match: Match) -> Match:
    """The match with p before q, by group and then id; points go along with their side."""
    for name in (match.p_group_id, match.p_id, match.q_group_id, match.q_id):
        if not isinstance(name, str):
            raise Invalid("a match needs pGroupId, pId, qGroupId and qId")
    if (match.p_group_id, match.p_id) <= (match.q_group_id, match.q_id):
        return match
    return replace(
        match,
        p_group_id=match.q_group_id,
        p_id=match.q_id,
        q_group_id=match.p_group_id,
        q_id=match.p_id,
        p=match.q,
        q=match.p,
    )


def _existing(connection: Connection, collection: CollectionId) -> int:
    row = find_collection(connection, collection)
    return insert_collection(connection, collection, 1) if row is None else row.key


def _delete(connection: Connection, row: CollectionRow, query: MatchQuery) -> int:
    removed = 0
    for sql, parameters in statements(pair_parts(row), query, f"key, {IDS}"):
        removed += connection.tables.delete_pairs(connection, sql, parameters)
    connection.execute(
        "UPDATE collection SET pair_count = pair_count - ?, changes = changes + 1 WHERE key = ?",
        (removed, row.key),
    )
    return removed


def _row(match: Match) -> tuple[Any, ...]:
    points = encode_points(match)
    consensus = None if match.consensus_set is None else orjson.dumps(match.consensus_set)
    count = 0 if match.w is None else len(match.w)
    ids = (match.p_group_id, match.p_id, match.q_group_id, match.q_id)
    return (*ids, count, consensus, points)


def _match(row: tuple[Any, ...]) -> Match:
    match = _bare_match(row[:6])
    p, q, w = decode_points(row[6], match.count)
    return replace(match, p=p, q=q, w=w)


def _bare_match(row: tuple[Any, ...]) -> Match:
    p_group, p_id, q_group, q_id, count, consensus = row
    consensus_set = None if consensus is None else orjson.loads(consensus)
    return Match(p_group, p_id, q_group, q_id, None, None, None, count, consensus_set)
