"""Long work in pieces, each a short transaction, with a turn for others between two."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from renderws.store.source import Connection

SECONDS = 0.1
"""After how long a piece takes up no more rows; what it has is committed."""
PAUSE, EVERY = 0.12, 3
"""For how long at most others have their turn between two pieces, if the piece took as long; and
after every so many pieces in any case. It is longer than SQLite lets a process that waits for
another one sleep between two tries (0.1 s): one that slept through shorter pauses gets its turn."""
MOST = 20_000
"""Rows that are removed in one piece at most; as a rule its time ends it before."""
ROWS = 500
"""Rows of the first batch, after which a piece looks at its watch."""


def in_pieces(piece: Callable[[], int]) -> None:
    """Call a piece, which says how much it has done, until nothing is left."""
    done = number = 1
    while done:
        start = time.perf_counter()
        done = piece()
        if done:
            taken = time.perf_counter() - start
            time.sleep(pause_after(number, taken))
        number += 1


def pause_after(number: int, seconds: float) -> float:
    """How long others have their turn after a piece, by its number and the time it took."""
    return PAUSE if number % EVERY == 0 else min(PAUSE, seconds)


def remove_some(remove: Callable[[int], int], limit: int) -> int:
    """Remove rows, `remove` up to so many and says how many, for as long as a piece may take.

    Returns how many are gone; 0: there were none. Each batch is twice the last one, as long as that
    fits into the time: a database that finds the rows that are gone once more on its way to those
    that are left does so a few times only.
    """
    start, gone, count = time.perf_counter(), 0, min(ROWS, limit)
    while gone < limit:
        now = remove(min(count, limit - gone))
        gone += now
        taken = time.perf_counter() - start
        if not now or taken * (gone + 2 * count) > SECONDS * gone:
            break
        count *= 2
    return gone


def remove_onward(
    remove: Callable[[Any, int], tuple[int, Any]], first: Any, limit: int
) -> tuple[int, Any]:
    """Remove rows in the order of an index, from a place before which surely none is left.

    A database that removes entries of an index later on would else pass all those that are gone,
    again and again, on its way to the next.

    Parameters
    ----------
    remove : callable
        From a place in that order on, inclusive, removes up to so many; returns how many, and the
        place of the last one.

    Returns
    -------
    int
        How many, 0: none is left.
    object
        The place of the last one.
    """
    place = first

    def and_note(count: int) -> int:
        nonlocal place
        gone, place = remove(place, count)
        return gone

    return remove_some(and_note, limit), place


def tiles_in_order(
    connection: Connection, stack_key: int, z: float | None
) -> Callable[[str, int], tuple[int, str]]:
    """What removes tiles of a stack, or of one z of it, in the order of their ids."""
    at_z, index = ("", "tile_identity") if z is None else (" AND z = ?", "tile_layer")
    sql = (
        f"SELECT key, tile_id FROM tile INDEXED BY {index} WHERE stack = ?{at_z} AND tile_id >= ?"
        " ORDER BY tile_id LIMIT ?"
    )
    chosen = (stack_key,) if z is None else (stack_key, z)

    def remove(first: str, count: int) -> tuple[int, str]:
        rows = connection.execute(sql, (*chosen, first, count)).fetchall()
        connection.tables.remove_tiles(connection, [key for key, _ in rows])
        return len(rows), rows[-1][1] if rows else first

    return remove
