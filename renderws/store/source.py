"""What the parts of a store need of the database below them.

The parts (`stacks`, `tiles`, `matches`, ...) are written once, in SQL that every database of ours
understands; what each does in its own way with its tables is `Tables`. The SQL is SQLite's: its
question marks for parameters, its `INDEXED BY` and its `json_each` for lists are taken out for
others on the way (`postgres.dialect`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from renderws.store.protocol import CollectionId, NewTiles, StackId, StoreError, TileQuery

T = TypeVar("T")
Row = tuple[Any, ...]
Statement = tuple[str, Sequence[Any]]
Name = StackId | CollectionId | tuple[str, ...]
"""What a change is about, so that changes of the same thing wait for each other."""

# z, section_id, group_id, flat, reference_set, channels
Common = tuple[float | None, str | None, str | None, bool, int | None, str | None]


class Place(NamedTuple):
    """Where a stored tile is: its key, z and box."""

    key: int
    z: float | None
    min_x: float
    min_y: float
    max_x: float
    max_y: float


class Plan(NamedTuple):
    """FROM and WHERE clause of a query on tiles, with the parameters of both, in order."""

    source: str
    condition: str
    parameters: Sequence[Any]


class Connection(Protocol):
    """A connection within a transaction.

    Attributes
    ----------
    tables
        What this kind of database does in its own way.
    known : dict
        What was read since the store last changed, by what was asked; a few answers. A writer knows
        nothing.
    lasting : dict
        Answers that stay true, since what they are found by contains the `data_version`.
    """

    @property
    def tables(self) -> Tables: ...

    @property
    def known(self) -> dict[Any, Any]: ...

    @property
    def lasting(self) -> dict[Any, Any]: ...

    def execute(self, sql: str, parameters: Any = ..., /) -> Any: ...

    def executemany(self, sql: str, rows: Any, /) -> Any: ...


class Tables(Protocol):
    """What each kind of database does in its own way with the tables of tiles and pairs.

    `connection` is one of that database, within a transaction.
    """

    def plan(self, connection: Any, stack_key: int, query: TileQuery) -> Plan:
        """How to find the tiles of a query."""
        ...

    def insert_tiles(
        self,
        connection: Any,
        stack_key: int,
        tiles: NewTiles,
        columns: Sequence[Common],
        rows: np.ndarray,
    ) -> None:
        """Insert those of the tiles, given by their rows, which are not there yet."""
        ...

    def replace_tiles(
        self,
        connection: Any,
        stack_key: int,
        tiles: NewTiles,
        columns: Sequence[Common],
        old: Mapping[int, Place],
    ) -> None:
        """Replace the tiles that are there already, by their row in `tiles`."""
        ...

    def set_boxes(self, connection: Any, stack_key: int, rows: Sequence[Row]) -> None:
        """Give tiles another place: (min_x, min_y, max_x, max_y, document, key) of each."""
        ...

    def set_z(self, connection: Any, z: float, rows: Sequence[tuple[bytes, int]]) -> None:
        """Give tiles another z: document and key of each."""
        ...

    def remove_tiles(self, connection: Any, keys: Sequence[int]) -> None:
        """Remove tiles by their keys."""
        ...

    def delete_tiles(self, connection: Any, plan: Plan) -> int:
        """Remove the tiles of a plan; returns how many."""
        ...

    def delete_pairs(self, connection: Any, sql: str, parameters: Sequence[Any]) -> int:
        """Remove the pairs whose keys a query finds in its first column; returns how many."""
        ...

    def batches(self, connection: Any, plan: Plan, columns: str, size: int) -> Iterator[list[Row]]:
        """Rows of a plan as it is now, so many at a time, which may be changed meanwhile; the first
        column is the key."""
        ...

    def next_tiles(self, connection: Any, part: Any, z: float | None, count: int) -> list[int]:
        """Keys of up to so many tiles of a part of a stack (`stackparts`) at z, such that moving
        them costs little; none: there are none."""
        ...

    def take_widths(self, connection: Any, source: int, target: int) -> None:
        """Let the tiles of one stack be found by their box when they are moved to another one."""
        ...

    def move_tiles(self, connection: Any, keys: Sequence[int], to: int) -> None:
        """Let tiles be of another stack."""
        ...

    def copy_tiles(
        self, connection: Any, source: int, target: int, zs: Sequence[float] | None
    ) -> int:
        """Copy tiles of a stack, all or those at some z, into another; returns how many.

        Raises `DoubleTile` where one of them is there already.
        """
        ...

    def pieces(
        self, connection: Any, source: int, zs: Sequence[float] | None, size: int
    ) -> Sequence[Any]:
        """Pieces of about so many tiles that make up a stack, or its tiles at some z."""
        ...

    def copy_piece(self, connection: Any, source: int, target: int, piece: Any) -> int:
        """Copy a piece into another stack, which has none of its tiles; returns how many."""
        ...

    def reference_set(self, connection: Any, ids: tuple[str, ...]) -> int:
        """Key of the set of these ids of transforms, made when there is none."""
        ...

    def channel_kinds(self, connection: Any, part: Any) -> list[str]:
        """Distinct lists of channel names of the tiles of a part of a stack (`stackparts`), as
        JSON, without looking at every tile."""
        ...

    def save_pairs(self, connection: Any, collection: int, rows: Sequence[Row]) -> int:
        """Insert or replace pairs, (p_group, p_id, q_group, q_id, count, consensus, points) of each
        and none twice; returns how many are new."""
        ...


class DoubleTile(Exception):
    """A tile with this id is there already."""


class Lease:
    """A reading connection inside a transaction, given back once: explicitly, or when it is
    forgotten.
    """

    def __init__(self, connection: Any, give_back: Callable[[Any], None]) -> None:
        self.connection = connection
        self._give_back: Callable[[Any], None] | None = give_back

    def release(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back(self.connection)

    def __del__(self) -> None:
        self.release()


class Source(Protocol):
    """Where the parts of the store get their connections: a database, or a snapshot of one."""

    @property
    def place(self) -> str:
        """How messages name the store: a path, or an address without its password."""
        ...

    def lease(self) -> Lease:
        """A connection whose transaction sees the store as it is now."""
        ...

    def take(self) -> Any:
        """The same, to be given to `take_back` by all means."""
        ...

    def take_back(self, connection: Any) -> None: ...

    def read(self) -> AbstractContextManager[Any]:
        """A reading transaction."""
        ...

    def write(self, *names: Name) -> AbstractContextManager[Any]:
        """A writing transaction: committed at the end of the block, undone when it raises.

        Changes that have a name in common come one after the other; one without a name is alone.
        """
        ...

    def translated(self, value: Any = None) -> AbstractContextManager[Any]:
        """Turns what the database raises into the errors of the store, and gives `value`."""
        ...

    def stream(
        self, lease: Lease, statements: Sequence[Statement], convert: Callable[[Row], T]
    ) -> Iterator[T]:
        """Rows of the statements, one after the other, from one snapshot, a few at a time.

        The lease is released at the end, when the generator is closed, and when it is forgotten.
        """
        ...

    def close(self) -> None: ...

    def check_place(self) -> None: ...


class SnapshotSource:
    """One reading transaction that serves every read; writing is refused."""

    def __init__(self, source: Source) -> None:
        self.place = source.place
        self._source = source
        self._connection = source.take()
        self._is_open = True

    def take(self) -> Any:
        return self._connection

    def take_back(self, connection: Any) -> None:
        """It is kept until the snapshot is closed."""

    def lease(self) -> Lease:
        return Lease(self._connection, self.take_back)

    def read(self) -> AbstractContextManager[Any]:
        return self._source.translated(self._connection)

    def write(self, *names: Name) -> AbstractContextManager[Any]:
        raise StoreError("a snapshot of the store cannot be written to")

    def translated(self, value: Any = None) -> AbstractContextManager[Any]:
        return self._source.translated(value)

    def stream(
        self, lease: Lease, statements: Sequence[Statement], convert: Callable[[Row], T]
    ) -> Iterator[T]:
        return self._source.stream(lease, statements, convert)

    def check_place(self) -> None:
        self._source.check_place()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self._source.take_back(self._connection)
