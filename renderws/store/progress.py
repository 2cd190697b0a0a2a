"""How far the removal or move of rows has got, noted in the transaction that removes or moves them.

Databases that remove entries of an index later on (PostgreSQL) would else pass all those that are
gone on the way to the next, and once more in each process. Nobody adds rows meanwhile, and what is
undone takes its note with it: before the place that is noted surely none is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import orjson

from renderws.store.pieces import remove_onward
from renderws.store.source import Connection

T = TypeVar("T")

LAST = "\U0010ffff"
"""After every text, in the order of the bytes of UTF-8."""


class Some(NamedTuple):
    """Rows in the order of an index: what removes them (see `remove_onward`), and the first place
    there is.
    """

    remove: Callable[[Any, int], tuple[int, Any]]
    first: Any


class Reached(NamedTuple):
    """A place in one of several parts that are removed one after the other; None: its first."""

    part: int = 0
    place: Any = None


def remove_next(parts: Sequence[Some], reached: Reached, limit: int) -> tuple[int, Reached]:
    """Remove some rows of the next part that has any; returns how many, 0: none is left, and how
    far that is.
    """
    for number, (remove, first) in enumerate(parts):
        if number < reached.part:
            continue
        begun = number == reached.part and reached.place is not None
        gone, last = remove_onward(remove, reached.place if begun else first, limit)
        if gone:
            return gone, Reached(number, last)
    return 0, reached


def noted(connection: Connection, table: str, key: int, kind: type[T]) -> T | None:
    """The place that is noted with something that goes, if it is of this kind.

    What is noted with live stacks and collections says what of them is hidden, and is of another.
    """
    sql = f"SELECT hidden FROM {table} WHERE key = ?"
    (text,) = connection.execute(sql, (key,)).fetchone()
    place = orjson.loads(text) if text else None
    return place if isinstance(place, kind) else None


def note(connection: Connection, table: str, key: int, place: object) -> None:
    """Note a place, or what is hidden, with a stack or collection."""
    text = orjson.dumps(place).decode()
    connection.execute(f"UPDATE {table} SET hidden = ? WHERE key = ?", (text, key))
