"""Deleting stacks, bringing them back, and removing the rows of what was dropped.

Dropping marks one row. What is dropped keeps its rows until `reclaim` takes them away, a few at a
time so that no other writer waits long; from its first step on a stack can no longer come back.
"""

from __future__ import annotations

from functools import partial

from renderws.store.arrivals import GOING, let_go
from renderws.store.matchquery import searches
from renderws.store.pace import Pace
from renderws.store.pairarrivals import HELD
from renderws.store.pairarrivals import let_go as let_pairs_go
from renderws.store.pairremovals import PAIRS, no_pair, pairs_in_order
from renderws.store.pieces import MOST, in_pieces, remove_onward, remove_some, tiles_in_order
from renderws.store.progress import note, noted
from renderws.store.protocol import Conflict, DroppedStack, MatchQuery, NotFound, StackId
from renderws.store.removals import TILES
from renderws.store.source import Connection, Source
from renderws.store.stackrows import (
    COLUMNS,
    StackRow,
    find_stack,
    now_after,
    refuse_read_only,
    time_text,
)
from renderws.store.states import OFFLINE, stack_text

_REST = (("transform", "id"), ("transform_reference", "target, id"), ("section", "section_id, z"))


class Drops:
    """The part of the store that drops, restores and reclaims."""

    _source: Source

    def delete_stack(self, stack: StackId) -> None:
        with self._source.write(stack) as connection:
            row = find_stack(connection, stack)
            if row is None:
                return
            refuse_read_only(row)
            if row.state == OFFLINE:  # it has no rows; those it had were dropped before
                connection.execute("DELETE FROM stack WHERE key = ?", (row.key,))
            else:
                connection.execute(
                    "UPDATE stack SET dropped = ? WHERE key = ?", (now_after(row.modified), row.key)
                )

    def dropped_stacks(self) -> list[DroppedStack]:
        with self._source.read() as connection:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM stack WHERE dropped IS NOT NULL AND reclaiming = 0"
                " ORDER BY dropped DESC, key DESC"
            ).fetchall()
        return [_dropped(StackRow._make(row)) for row in rows]

    def undelete_stack(self, stack: StackId) -> None:
        with self._source.write(stack) as connection:
            dropped = _last_dropped(connection, stack)
            live = find_stack(connection, stack)
            if live is not None:
                if live.state != OFFLINE:
                    raise Conflict(
                        f"{stack_text(stack)} exists again; rename or delete it, then undelete"
                    )
                connection.execute("DELETE FROM stack WHERE key = ?", (live.key,))
            back = connection.execute(
                "UPDATE stack SET dropped = NULL, modified = ?, data_version = data_version + 2"
                " WHERE key = ? AND reclaiming = 0",
                (now_after(dropped.dropped or 0), dropped.key),
            )
            if not back.rowcount:  # another server has begun to remove it
                raise _not_there(stack)

    def reclaim(self, limit: int = MOST, grace: float = 0.0) -> int:
        return reclaim(self._source, limit, grace)


_EVER = 1 << 62  # milliseconds


def reclaim(source: Source, limit: int = MOST, grace: float = 0.0) -> int:
    """Remove some rows of deleted layers and pairs, and of what was dropped more than `grace`
    seconds ago; returns how many.
    """
    if removed := TILES.settle_some(source) or PAIRS.settle_some(source):
        return removed
    # a stack that was changed and dropped within a millisecond was dropped a little later than now
    before = now_after() - int(grace * 1000) if grace else _EVER
    with Pace(("reclaim", source.place)) as pace, source.write(("reclaim",)) as connection:
        most = pace.rows(limit)
        for kind, remove in (("stack", _reclaim_stack), ("collection", _reclaim_collection)):
            row = connection.execute(
                f"SELECT key FROM {kind} WHERE dropped <= ? ORDER BY dropped, key LIMIT 1",
                (before,),
            ).fetchone()
            if row is not None:
                return pace.done(remove(connection, row[0], most))
    return 0


def _last_dropped(connection: Connection, stack: StackId) -> StackRow:
    row = connection.execute(
        f"SELECT {COLUMNS} FROM stack WHERE dropped IS NOT NULL AND reclaiming = 0"
        " AND owner = ? AND project = ? AND name = ? ORDER BY dropped DESC, key DESC LIMIT 1",
        stack,
    ).fetchone()
    if row is None:
        raise _not_there(stack)
    return StackRow._make(row)


def reclaim_all(source: Source) -> None:
    """Remove everything that was dropped, with a turn for others between two pieces."""
    in_pieces(lambda: reclaim(source))


def _not_there(stack: StackId) -> NotFound:
    return NotFound(f"{stack_text(stack)} was not deleted, or its tiles have been removed since")


def _dropped(row: StackRow) -> DroppedStack:
    return DroppedStack(row.id, row.state, row.tile_count, time_text(row.dropped or 0))


def _reclaim_stack(connection: Connection, key: int, limit: int) -> int:
    """Remove some rows of a stack; how far it has got with its tiles is noted with it."""
    gone = connection.execute(
        "UPDATE stack SET reclaiming = ? WHERE key = ? AND dropped < ?", (GOING, key, HELD)
    )
    if not gone.rowcount:  # it was brought back a moment ago, or its tiles belong to another one
        return 1
    first = noted(connection, "stack", key, str) or ""
    removed, last = remove_onward(tiles_in_order(connection, key, None), first, limit)
    if removed:
        note(connection, "stack", key, last)
    for table, ids in _REST:
        removed = removed or remove_some(partial(_remove_rest, connection, key, table, ids), limit)
    if not removed:
        let_go(connection, key)
        connection.execute("DELETE FROM stack WHERE key = ?", (key,))
    return removed or 1


def _remove_rest(connection: Connection, key: int, table: str, ids: str, limit: int) -> int:
    found = f"SELECT {ids} FROM {table} WHERE stack = ? LIMIT ?"
    sql = f"DELETE FROM {table} WHERE stack = ? AND ({ids}) IN ({found})"
    return int(connection.execute(sql, (key, key, limit)).rowcount)


def _reclaim_collection(connection: Connection, key: int, limit: int) -> int:
    (search,) = searches(key, MatchQuery())
    first = noted(connection, "collection", key, list) or no_pair(search)
    removed, last = remove_onward(pairs_in_order(connection, search), first, limit)
    if removed:
        note(connection, "collection", key, list(last))
    else:
        let_pairs_go(connection, key)
        connection.execute("DELETE FROM collection WHERE key = ?", (key,))
    return removed or 1
