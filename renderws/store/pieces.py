"""Long work in pieces, each a short transaction, with a turn for others between two."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from renderws.store.source import Connection

SECONDS = 0.1
"""After how long a piece takes up no more rows; what it has is committed."""
PAUSE = 0.12
"""For how long at most others have their turn between two pieces, if the piece took as long: longer
than SQLite lets a process that waits for another one sleep between two tries."""
MOST = 20_000
"""Rows that are removed in one piece at most; as a rule its time ends it before."""
ROWS = 500
"""Rows of the first batch, after which a piece looks at its watch."""


def in_pieces(piece: Callable[[], int]) -> None:
    """Call a piece, which says how much it has done, until nothing is left."""
    done = 1
    while done:
        start = time.perf_counter()
        done = piece()
        if done:
            time.sleep(min(PAUSE, time.perf_counter() - start))


def remove_some(remove: Callable[[int], int], limit: int) -> int:
    """Remove rows, `remove` up to so many and says how many, for as long as a piece may take.

    Returns how many are gone; 0: there were none. Each batch is twice the last one, as long as that
    fits into the time: a database that finds the rows that are gone once more on its way to those
    that are left does so a few times only.
    """
    start, gone, count = time.perf_counter(), 0, ROWS
    while gone < limit:
        now = remove(min(count, limit - gone))
        gone += now
        taken = time.perf_counter() - start
        if not now or taken * (gone + 2 * count) > SECONDS * gone:
            break
        count *= 2
    return gone


def remove_tiles(
    connection: Connection, condition: str, parameters: Sequence[Any], limit: int
) -> int:
    """Remove some of the tiles for which a condition holds; returns how many, 0: none is left."""

    def remove(count: int) -> int:
        sql = f"SELECT key FROM tile WHERE {condition} LIMIT ?"
        keys = [key for (key,) in connection.execute(sql, (*parameters, count))]
        connection.tables.remove_tiles(connection, keys)
        return len(keys)

    return remove_some(remove, limit)
