"""Very many pairs that come into a collection: there at once, their rows made its own a few at a
time.

One transaction notes with the collection which other one its pairs are in, too, and what their
number is together. From then on everybody sees them, in place of those of the same tiles that were
there. Their rows go over in pieces (`settling`), each with those that they replace: what ends this,
at whatever moment, leaves all of them there or none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from renderws.store.collectionrows import CollectionRow, find_collection
from renderws.store.documents import id_list
from renderws.store.matchquery import ORDER
from renderws.store.pieces import remove_onward
from renderws.store.progress import LAST, note, noted
from renderws.store.protocol import CollectionChange
from renderws.store.settling import Work
from renderws.store.source import Connection, Row, Source
from renderws.store.stackrows import now_after

LARGE = 5_000
"""Pairs that come in within one transaction."""
HELD = (1 << 62) + 1
"""When a collection counts as dropped whose pairs belong to another one: it is not reclaimed."""
TWIN = """
SELECT old.key FROM match AS old INDEXED BY match_identity
WHERE old.collection = ? AND old.p_group = new.p_group AND old.q_group = new.q_group
AND old.p_id = new.p_id AND old.q_id = new.q_id
"""
COUNT_TWINS = f"""
SELECT count(*) FROM match AS new INDEXED BY match_identity
WHERE EXISTS ({TWIN} LIMIT 1 OFFSET 0) AND new.collection = ?
"""
DELETE_TWINS = f"""
DELETE FROM match WHERE key IN (
  SELECT ({TWIN}) FROM match AS new WHERE new.key IN (SELECT value FROM json_each(?))
)
"""
SOME = f"""
SELECT key, {ORDER} FROM match INDEXED BY match_identity
WHERE collection = ? AND ({ORDER}) >= (?, ?, ?, ?) ORDER BY {ORDER} LIMIT ?
"""


class Seen(NamedTuple):
    """Two collections as they were when it was counted how many pairs they have in common."""

    source: CollectionRow
    target: CollectionRow
    twins: int


def count_twins(source: Source, changes: Sequence[CollectionChange]) -> list[Seen | None]:
    """What is needed to let the pairs of each change in at once, found while others may write;
    None where that is not the way.
    """
    names = [name for change in changes for name in change[:2]]
    if len(set(names)) < len(names):
        return [None] * len(changes)
    with source.read() as connection:
        return [_seen(connection, change) for change in changes]


def let_in(connection: Connection, seen: Seen) -> None:
    """Let the pairs of one collection into another, within a transaction; both are as they were
    seen.
    """
    source, target, twins = seen
    connection.execute(
        "UPDATE collection SET arriving = ?, pair_count = ?, changes = changes + 1 WHERE key = ?",
        (source.key, target.pair_count + source.pair_count - twins, target.key),
    )
    connection.execute(
        "UPDATE collection SET pair_count = 0, dropped = ? WHERE key = ?", (HELD, source.key)
    )


def let_go(connection: Connection, key: int) -> None:
    """Let the collection be reclaimed that holds pairs of this one."""
    connection.execute(
        "UPDATE collection SET dropped = ? WHERE key ="
        " (SELECT arriving FROM collection WHERE key = ?)",
        (now_after(), key),
    )


def _seen(connection: Connection, change: CollectionChange) -> Seen | None:
    source, target = (find_collection(connection, name) for name in change[:2])
    if source is None or target is None or not (change.keep and target.visible):
        return None
    if source.pair_count <= LARGE or not (source.is_settled and target.is_settled):
        return None
    (twins,) = connection.execute(COUNT_TWINS, (target.key, source.key)).fetchone()
    return Seen(source, target, int(twins))


def _take_some(connection: Connection, key: int, notes: Row, most: int) -> int:
    """Make some pairs of another collection this one's own, in place of those of the same tiles."""
    (origin,) = notes

    def take(first: Sequence[str], count: int) -> tuple[int, Sequence[str]]:
        rows = connection.execute(SOME, (origin, *first, count)).fetchall()
        keys = id_list([row[0] for row in rows])
        connection.execute(DELETE_TWINS, (key, keys))
        connection.execute(
            "UPDATE match SET collection = ? WHERE key IN (SELECT value FROM json_each(?))",
            (key, keys),
        )
        return len(rows), rows[-1][1:] if rows else first

    first = noted(connection, "collection", origin, list) or [""] * 4
    gone, last = remove_onward(take, first, most)
    # where none is left, that of its rows begins behind all of them
    note(connection, "collection", origin, list(last) if gone else [LAST] * 4)
    return gone


WORK = Work(
    "arrival of pairs",
    "collection",
    ("arriving",),
    _take_some,
    end=let_go,
    beside=(("reclaim",),),  # so that no pair comes to a collection that goes
)
