"""Connections to the SQLite file: one that writes, several that read, each in explicit
transactions.

Readers see the last committed state and never wait for the writer (WAL). The writer is guarded by
a lock within this process and by SQLite's own between processes. A commit is on the disk when it
returns (`synchronous=FULL`).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from renderws.store.location import Place, check_location, place_of
from renderws.store.protocol import CannotOpen, StoreError, StoreGone
from renderws.store.schema import migrate
from renderws.store.source import Lease, Name, Row, SnapshotSource, Source, Statement
from renderws.store.sqlite_errors import is_busy, store_error, translated
from renderws.store.sqlite_tables import SqliteTables

T = TypeVar("T")
C = TypeVar("C", bound=sqlite3.Connection)

BUSY_SECONDS = 10.0
"""How long a change waits for other processes."""
HELD_SECONDS = 0.25
"""How long the next ones wait after one has waited in vain."""
IDLE_READERS = 8
FETCH_ROWS = 256
ANSWERS_KNOWN = 256
WRITER_CACHE_KIB = 48_000
READER_CACHE_KIB = 8_000
PAGE_BYTES = 8_192
CHECKPOINT_PAGES = 2_000
WAL_BYTES_KEPT = 64 * 1024 * 1024


class Writer(sqlite3.Connection):
    """The connection that writes; it knows nothing of before."""

    tables = SqliteTables()

    @property
    def known(self) -> dict[Any, Any]:
        return {}

    lasting = known


class Reader(sqlite3.Connection):
    """A connection that only reads.

    Attributes
    ----------
    known : dict
        What was read since the store last changed, by what was asked; a few answers.
    version : int
        Changes when others, processes or connections, have changed the store.
    """

    tables = SqliteTables()
    known: dict[Any, Any]
    version: int = -1

    @property
    def lasting(self) -> dict[Any, Any]:
        return self.known


class Database:
    """One SQLite file in WAL mode."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        create: bool = True,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        self.path = Path(path).absolute()
        self._busy_seconds = busy_seconds
        self._lock = threading.Lock()
        self._pool_lock = threading.RLock()  # collecting garbage may give a lease back
        self._idle: list[Reader] = []
        self._closed = False
        self._process = os.getpid()
        self._held = False
        self._log_path = Path(f"{self.path}-wal")
        self._log: Place | None = None
        check_location(self.path, create)
        with translated(self.path):
            self._writer: Writer | None = self._open_writer(create)
        self._place = place_of(self.path)

    @property
    def place(self) -> str:
        """How messages name the store."""
        return str(self.path)

    def translated(self, value: Any = None) -> AbstractContextManager[Any]:
        """Turns what SQLite raises into the errors of the store, and gives `value`."""
        return translated(self.path, value)

    def stream(
        self, lease: Lease, statements: Sequence[Statement], convert: Callable[[Row], T]
    ) -> Iterator[T]:
        """Rows of the statements, one after the other, from one snapshot, a few at a time.

        The lease is released at the end, when the generator is closed, and when it is forgotten.
        """
        try:
            with translated(self.path):
                for sql, parameters in statements:
                    cursor = lease.connection.execute(sql, parameters)
                    try:
                        rows = [()] * FETCH_ROWS
                        while len(rows) == FETCH_ROWS:
                            rows = cursor.fetchmany(FETCH_ROWS)
                            yield from map(convert, rows)
                    finally:
                        cursor.close()
        finally:
            lease.release()

    def lease(self) -> Lease:
        """A connection whose transaction sees the store as it is now."""
        return Lease(self.take(), self.take_back)

    def take(self) -> Reader:
        """The same, to be given to `take_back` by all means."""
        self._check_usable()
        try:
            with self._pool_lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._open_reader()
            try:
                connection.execute("BEGIN")
                # the snapshot is taken by the first read, not by BEGIN
                (version,) = connection.execute("PRAGMA data_version").fetchone()
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error
        if version != connection.version or len(connection.known) > ANSWERS_KNOWN:
            connection.version, connection.known = version, {}
        return connection

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A reading transaction."""
        lease = self.lease()
        try:
            with translated(self.path):
                yield lease.connection
        finally:
            lease.release()

    @contextmanager
    def write(self, *names: Name) -> Iterator[Writer]:
        """A writing transaction: committed at the end of the block, undone when it raises.

        There is one at a time, whatever it is about.
        """
        self._check_usable()
        with self._lock, translated(self.path):
            self._check_usable()
            self._must_be_in_place()
            connection = self._writer = self._writer or self._open_writer(create=False)
            self._begin(connection)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                self._undo(connection)
                raise
            self._must_be_in_place()

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Start a change; where others hold the file, only the first one waits for long."""
        if self._held:
            connection.execute(f"PRAGMA busy_timeout = {1000 * HELD_SECONDS:.0f}")
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            self._held = is_busy(error)
            raise
        if self._held:
            self._held = False
            connection.execute(f"PRAGMA busy_timeout = {1000 * self._busy_seconds:.0f}")

    def check_place(self) -> None:
        """`StoreGone` when the path does not lead to the file that is open any more."""
        if self._is_in_place():
            return
        if self._lock.acquire(blocking=False):
            try:
                self._empty_log()
            finally:
                self._lock.release()
        raise self._gone()

    def _must_be_in_place(self) -> None:
        """The same within a change, or before one."""
        if not self._is_in_place():
            self._empty_log()
            raise self._gone()

    def _is_in_place(self) -> bool:
        if place_of(self.path) != self._place:
            return False
        log = place_of(self._log_path)
        if self._log is None:
            self._log = log
        return log == self._log

    def _empty_log(self) -> None:
        """Move what was committed from the log into the file that is open, as far as nobody reads:
        the log lies beside the path, where it would spoil another file.
        """
        if self._writer is not None and not self._writer.in_transaction:
            with suppress(sqlite3.Error):
                self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _gone(self) -> StoreGone:
        return StoreGone(
            f"the file of the store {self.path} was moved, deleted or replaced while it is open:"
            " nothing more is written; put it back, or restart the service"
        )

    @contextmanager
    def exclusive(self) -> Iterator[sqlite3.Connection]:
        """The writing connection outside a transaction, for maintenance."""
        self._check_usable()
        with self._lock, translated(self.path):
            self._check_usable()
            self._writer = self._writer or self._open_writer(create=False)
            yield self._writer

    def close(self) -> None:
        """Close all connections; those still being read from are closed when they are given
        back.
        """
        with self._lock, self._pool_lock:
            self._closed = True
            if self._process != os.getpid():  # closing a parent's connections would drop its locks
                return
            idle, self._idle = self._idle, []
            for connection in idle:
                connection.close()
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __del__(self) -> None:
        if hasattr(self, "_writer"):
            self.close()

    def _check_usable(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self.path} is closed")
        if self._process != os.getpid():
            raise StoreError(
                f"the store {self.path} was opened by another process; open it again in this one"
            )

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:  # the next write opens the file again, which recovers it
            self._writer = self._log = None
            with suppress(sqlite3.Error):
                connection.close()

    def take_back(self, connection: Reader) -> None:
        """End the transaction of a connection and keep it for the next reader."""
        if self._process != os.getpid():
            return
        try:
            connection.execute("ROLLBACK")  # rollback() would compile that each time
        except sqlite3.Error:
            connection.close()
            return
        with self._pool_lock:
            keep = not self._closed and len(self._idle) < IDLE_READERS
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _open_writer(self, create: bool) -> Writer:
        connection = self._connect("rwc" if create else "rw", Writer)
        try:
            connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # of a file yet to be made
            enter_wal_mode(connection, self.path)
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA secure_delete = OFF")
            connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_KEPT}")
            migrate(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_reader(self) -> Reader:
        connection = self._connect("rw", Reader)  # readers, too, write to the index of the WAL
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
        return connection

    def _connect(self, mode: str, factory: type[C]) -> C:
        return sqlite3.connect(
            f"{self.path.as_uri()}?mode={mode}",
            uri=True,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
            factory=factory,
        )


class SqliteSource(Source, Protocol):
    """A file, or a snapshot of one."""

    path: Path

    def exclusive(self) -> AbstractContextManager[sqlite3.Connection]: ...


class Snapshot(SnapshotSource):
    """One reading transaction on a file; writing is refused."""

    def __init__(self, source: SqliteSource) -> None:
        super().__init__(source)
        self.path = source.path

    exclusive = SnapshotSource.write


def enter_wal_mode(connection: sqlite3.Connection, path: Path) -> None:
    """Switch the file to WAL, waiting for other processes that are opening it."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.OperationalError as error:  # this switch does not use the busy handler
            if not is_busy(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
    if mode != "wal":
        raise CannotOpen(f"cannot open the store {path}: its file system does not support WAL")
