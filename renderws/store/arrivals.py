"""Very many tiles that come into a stack in place of others: there at once, their rows moved a few
at a time.

One transaction notes with the stack which other one its tiles are in, too, and which of its own
they replace. From then on everybody sees the new ones in place of the old ones. In pieces, the rows
of the old ones go to a dropped stack, which can be brought back when it has all of them, and those
of the new ones come to the stack (`settling`): what ends this, at whatever moment, leaves all of
the new tiles there or all of the old ones.
"""

from __future__ import annotations

import sys
from functools import partial

import orjson

from renderws.store.pairarrivals import HELD
from renderws.store.pieces import remove_onward, remove_some
from renderws.store.progress import LAST, note, noted
from renderws.store.settling import Work
from renderws.store.source import Connection, Row
from renderws.store.stackparts import Part, Replaced, is_replaced
from renderws.store.stackrows import StackRow, now_after, touch_data
from renderws.store.states import LOADING

# what `reclaiming` says of a stack that counts as dropped and is nobody's to bring back
BUILT, GOING = 1, 2


def let_in(
    connection: Connection, source: StackRow, target: StackRow, what: Replaced, going: int
) -> None:
    """Let the tiles of one stack into another, within a transaction, in place of so many of its
    own.
    """
    note = _note_with_bin(connection, source, what, going) if going else None
    connection.execute(
        "UPDATE stack SET arriving = ?, replaced = ? WHERE key = ?",
        (source.key, note, target.key),
    )
    connection.tables.take_widths(connection, source.key, target.key)
    touch_data(connection, target.key, added=source.tile_count, removed=going)
    touch_data(connection, source.key, removed=source.tile_count)
    connection.execute(
        "UPDATE stack SET dropped = ?, reclaiming = ? WHERE key = ?", (HELD, BUILT, source.key)
    )


def _note_with_bin(connection: Connection, source: StackRow, what: Replaced, going: int) -> str:
    """A dropped stack for the tiles that go, which can be brought back under the source's name when
    it has them; returns the note of what is replaced.
    """
    row = connection.execute(
        "INSERT INTO stack (owner, project, name, state, modified, version_number, version,"
        " tile_count, dropped, reclaiming) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?) RETURNING key",
        (*source.id, LOADING, now_after(), source.version, going, HELD, BUILT),
    ).fetchone()
    return what._replace(bin=int(row[0])).note()


def let_go(connection: Connection, key: int) -> None:
    """Let the stacks be reclaimed that hold tiles of this one, or were to get some of it."""
    row = connection.execute(
        "SELECT arriving, replaced FROM stack WHERE key = ?", (key,)
    ).fetchone()
    if row is None or row[0] is None:
        return
    keys = [row[0]] if row[1] is None else [row[0], Replaced(*orjson.loads(row[1])).bin]
    for one in keys:
        _drop(connection, one, GOING)


def _drop(connection: Connection, key: int, reclaiming: int) -> None:
    connection.execute(
        "UPDATE stack SET dropped = ?, reclaiming = ? WHERE key = ?",
        (now_after(), reclaiming, key),
    )


def _move_some(connection: Connection, key: int, notes: Row, most: int) -> int:
    """Move some tiles: those that are replaced first, then those that arrive."""
    arriving, replaced = notes
    if replaced is not None:
        what = Replaced(*orjson.loads(replaced))
        if gone := _put_away(connection, key, arriving, what, most):
            return gone
    return _come(connection, arriving, key, most)


def _put_away(connection: Connection, key: int, arriving: int, what: Replaced, most: int) -> int:
    """Move some of the tiles that are replaced; 0: there are none any more."""
    zs, gone = list(what.zs), 0
    while zs and not gone:
        condition, parameters = is_replaced(what._replace(zs=zs[:1]), arriving)
        part = Part(key, f" AND {condition}", parameters)
        gone = remove_some(partial(_move, connection, part, zs[0], what.bin), most)
        if not gone:
            del zs[0]
    if not zs:
        _drop(connection, what.bin, GOING if what.for_good else 0)
    note = what._replace(zs=zs).note() if zs else None
    connection.execute("UPDATE stack SET replaced = ? WHERE key = ?", (note, key))
    return gone


def _come(connection: Connection, arriving: int, key: int, most: int) -> int:
    """Let some of the tiles that arrive be the stack's, layer by layer, those without z last."""

    def take(first: float, count: int) -> tuple[int, float]:
        (z,) = connection.execute(
            "SELECT min(z) FROM tile INDEXED BY tile_layer WHERE stack = ? AND z >= ?",
            (arriving, first),
        ).fetchone()
        return _move(connection, Part(arriving), z, key, count), first if z is None else z

    begun = noted(connection, "stack", arriving, float)
    come, z = remove_onward(take, -sys.float_info.max if begun is None else begun, most)
    note(connection, "stack", arriving, z if come else LAST)  # the removal of its rest begins there
    return come


def _move(connection: Connection, part: Part, z: float | None, to: int, count: int) -> int:
    """Let some tiles of a part of a stack at z be of another one."""
    keys = connection.tables.next_tiles(connection, part, z, count)
    if keys:
        connection.tables.move_tiles(connection, keys, to)
    return len(keys)


WORK = Work(
    "arrival",
    "stack",
    ("arriving", "replaced"),
    _move_some,
    end=let_go,  # the stack where they were has nothing to be brought back
    beside=(("reclaim",),),  # so that no tile comes to a stack that goes
)
