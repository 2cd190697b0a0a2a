"""What very many rows need, after one transaction has hidden them or let them in: to be moved, a
few at a time, before anything else changes.

A note with the stack or the collection says which rows these are. From then on everybody sees it as
if they were moved. Whoever changes the same stack or collection next finishes first what is left,
or, where others must not wait behind that, is told how (`moved_by_others`); and so does the service
now and then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from renderws.store.collectionrows import CollectionRow
from renderws.store.pace import Pace
from renderws.store.pieces import MOST, in_pieces
from renderws.store.protocol import CollectionId, StackId, StillMoving, StoreError
from renderws.store.source import Connection, Name, Row, Source
from renderws.store.stackrows import StackRow

N = TypeVar("N", StackId, CollectionId)

_by_others: ContextVar[bool] = ContextVar("moved_by_others", default=False)


@contextmanager
def moved_by_others() -> Iterator[None]:
    """Within it, what this thread wants to change while rows of it are still being moved raises
    `StillMoving`, in place of moving them all first. What was changed meanwhile is finished.
    """
    before = _by_others.set(True)
    try:
        yield
    finally:
        _by_others.reset(before)


class Work(NamedTuple):
    """Rows that move in pieces.

    Attributes
    ----------
    name : str
        Of the work: pieces of the same one with the same stack or collection wait for each other.
    table : str
        Where it is noted: with a row of `stack` or of `collection`.
    notes : tuple of str
        The columns that say which rows are to move; none where the first is NULL.
    some : callable
        Moves some within a transaction, with the row of this key, as its notes say, at most so
        many, and notes how far that is. Returns how many, 0: none is left.
    end : callable
        What is to be done besides when none is left.
    beside : tuple
        What else has to wait for a piece.
    """

    name: str
    table: str
    notes: tuple[str, ...]
    some: Callable[[Connection, int, Row, int], int]
    end: Callable[[Connection, int], None] | None = None
    beside: tuple[Name, ...] = ()


def do_piece(source: Source, work: Work, key: int) -> int:
    """Move some rows of a live stack or collection; 0: none is left, and nothing noted."""
    names = ((work.name, str(key)), *work.beside)
    with Pace((work.name, source.place)) as pace, source.write(*names) as connection:
        notes = connection.execute(
            f"SELECT {', '.join(work.notes)} FROM {work.table} WHERE key = ? AND dropped IS NULL",
            (key,),
        ).fetchone()
        if notes is None or notes[0] is None:
            return 0
        if moved := work.some(connection, key, notes, pace.rows(MOST)):
            return pace.done(moved)
        if work.end is not None:
            work.end(connection, key)
        connection.execute(f"UPDATE {work.table} SET {work.notes[0]} = NULL WHERE key = ?", (key,))
        return 0


class Settling(Generic[N]):
    """Sees to it that stacks, or collections, have all that is stored with them and nothing else.

    Parameters
    ----------
    kind : type
        That of their names.
    find : callable
        The row of the one of that name.
    works : Work
        What may be left to be done with each.
    """

    def __init__(
        self,
        kind: type[N],
        find: Callable[[Connection, N], StackRow | CollectionRow | None],
        *works: Work,
    ) -> None:
        self._kind: type[N] = kind
        self._find: Callable[[Connection, N], StackRow | CollectionRow | None] = find
        self._works = works

    @contextmanager
    def changing(self, source: Source, *names: Name) -> Iterator[Any]:
        """A transaction that changes rows of what is named, after it was settled; what is named
        besides, of another kind, only waits for others.
        """
        own = [name for name in names if isinstance(name, self._kind)]
        while True:
            self.settle(source, *own)
            with source.write(*names) as connection:
                if all(row.is_settled for row in self._rows(connection, own)):
                    yield connection
                    return

    def settle(self, source: Source, *names: N) -> None:
        """Move all rows of what is named that are still to be moved; `StillMoving` where that is
        left to others.
        """
        for piece in self._left(source, names):
            if _by_others.get():
                raise StillMoving(
                    f"rows of {' or '.join('/'.join(name) for name in names)} are still being"
                    " moved; try again",
                    piece,
                )
            in_pieces(piece)

    def finish(self, source: Source, *names: N) -> None:
        """Settle what was changed a moment ago; where that fails, others do what is left."""
        with suppress(StoreError):
            for piece in self._left(source, names):
                in_pieces(piece)

    def _left(self, source: Source, names: Sequence[N]) -> list[Callable[[], int]]:
        """What moves some rows, for each work that is left to be done with what is named."""
        with source.read() as connection:
            rows = self._rows(connection, names)
        return [
            partial(do_piece, source, work, row.key)
            for row in rows
            for work in self._works
            if getattr(row, work.notes[0]) is not None
        ]

    def settle_some(self, source: Source) -> int:
        """Move some rows, of whatever stack or collection; returns how many, 0: there are none."""
        for work in self._works:
            with source.read() as connection:
                row = connection.execute(
                    f"SELECT key FROM {work.table} WHERE {work.notes[0]} IS NOT NULL"
                    " AND dropped IS NULL LIMIT 1"
                ).fetchone()
            if row is not None:
                return max(1, do_piece(source, work, row[0]))
        return 0

    def _rows(self, connection: Connection, names: Any) -> list[StackRow | CollectionRow]:
        """The live ones of these names."""
        found = (self._find(connection, name) for name in names)
        return [row for row in found if row is not None]
