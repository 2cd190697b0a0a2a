"""Connections to the database: each in explicit transactions, each given back or thrown away.

Readers see one moment (REPEATABLE READ) and wait for nobody. Changes are READ COMMITTED behind
advisory locks on the names of what they change, taken in one order before anything is read: changes
of one stack come one after the other, whichever server makes them, those of several stacks side by
side. What is committed is on the disk (`synchronous_commit`), unless the database's administrator
has turned that off (`fsync`), which `check` reports.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, TypeVar

import psycopg

from renderws.store.postgres import errors, schema
from renderws.store.postgres.address import parse
from renderws.store.postgres.dialect import PostgresConnection
from renderws.store.protocol import CannotOpen, StoreBusy, StoreError
from renderws.store.source import Lease, Name, Row, Statement
from renderws.store.translated import Translated

T = TypeVar("T")

BUSY_SECONDS = 10.0
CONNECTIONS, IDLE = 40, 8
ANSWERS_KNOWN = 256
# the moment that is seen is that of the first query, not of BEGIN
READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1"
WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT "
# Plans follow the indices that are there for every question, whatever the statistics of a table
# that was filled a moment ago; long answers are read in the order of an index, not sorted first.
# The database gives up those that do not answer: what they hold would keep others waiting.
SETTINGS = {
    "enable_seqscan": "off",
    "cursor_tuple_fraction": "0.001",
    "jit": "off",
    "client_encoding": "UTF8",
    "extra_float_digits": "1",
    "tcp_keepalives_idle": "20",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}


class PostgresDatabase:
    """One schema of a database."""

    def __init__(
        self, address: str, create: bool = True, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        self._address = parse(address)
        self.place = self._address.shown
        self.schema = self._address.schema
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()  # collecting garbage may give a lease back
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        self._idle: list[PostgresConnection] = []
        self._lasting: dict[Any, Any] = {}
        self._closed = False
        self._process = os.getpid()
        with self.translated():
            connection = self._connect()
            try:
                _check_server(connection.raw, self.place)
                everything = self._number(("everything",))
                schema.migrate(connection.raw, self.place, self.schema, everything, create)
            except BaseException:
                connection.raw.close()
                raise
        self._idle.append(connection)

    def lease(self) -> Lease:
        """A connection whose transaction sees the store as it is now."""
        return Lease(self.take(), self.take_back)

    def take(self) -> PostgresConnection:
        """The same, to be given to `take_back` by all means."""
        with self.translated():
            return self._begun(READ, writing=False)

    def take_back(self, connection: PostgresConnection) -> None:
        """End the transaction of a connection and keep it for the next one."""
        if self._process != os.getpid():
            return
        try:
            connection.raw.execute("ROLLBACK")
        except psycopg.Error:
            self._throw_away(connection)
        else:
            self._keep(connection)

    @contextmanager
    def read(self) -> Iterator[PostgresConnection]:
        """A reading transaction."""
        connection = self.take()
        try:
            with self.translated():
                yield connection
        finally:
            self.take_back(connection)

    @contextmanager
    def write(self, *names: Name) -> Iterator[PostgresConnection]:
        """A writing transaction: committed at the end of the block, undone when it raises.

        Changes that have a name in common come one after the other; one without a name is alone.
        """
        with self.translated():
            connection = self._begun(WRITE + self._locks(names), writing=True)
            try:
                yield connection
                self._commit(connection)
            except BaseException:
                self.take_back(connection)
                raise
            self._keep(connection)

    def translated(self, value: T | None = None) -> AbstractContextManager[Any]:
        """Turns what psycopg raises into the errors of the store, and gives `value`."""
        return Translated(psycopg.Error, errors.store_error, self.place, value)

    def stream(
        self, lease: Lease, statements: Sequence[Statement], convert: Callable[[Row], T]
    ) -> Iterator[T]:
        """Rows of the statements, one after the other, from one snapshot, a few at a time.

        The lease is released at the end, when the generator is closed, and when it is forgotten.
        """
        try:
            with self.translated():
                for statement in statements:
                    for rows in lease.connection.fetch(statement):
                        yield from map(convert, rows)
        finally:
            lease.release()

    @contextmanager
    def outside(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection outside a transaction, for maintenance."""
        with self.translated():
            self._check_usable()
            connection = self._connect()
            try:
                yield connection.raw
            finally:
                connection.raw.close()

    def check_place(self) -> None:
        """`StoreGone` when the database does not answer."""
        self.take_back(self.take())

    def close(self) -> None:
        """Close all connections; those still being read from are closed when they are given
        back.
        """
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        if self._process == os.getpid():  # a parent's connections are the parent's
            for connection in idle:
                connection.raw.close()

    def __del__(self) -> None:
        if hasattr(self, "_idle"):
            self.close()

    def _check_usable(self) -> None:
        if self._closed:
            raise StoreError(f"the store {self.place} is closed")
        if self._process != os.getpid():
            raise StoreError(
                f"the store {self.place} was opened by another process; open it again in this one"
            )

    def _begun(self, sql: str, *, writing: bool) -> PostgresConnection:
        """A connection within a new transaction; kept ones that were lost are replaced."""
        self._check_usable()
        if not self._places.acquire(timeout=self._busy_seconds):
            raise StoreBusy(
                f"the store {self.place} is asked by {CONNECTIONS} others at once; try again"
            )
        connection = None
        try:
            while True:
                with self._lock:
                    connection = self._idle.pop() if self._idle else None
                is_new = connection is None
                connection = connection or self._connect()
                try:
                    connection.begin(sql, writing)
                    break
                except psycopg.OperationalError:
                    if is_new or not connection.raw.broken:
                        raise
        except BaseException:
            self._places.release()
            if connection is not None:
                connection.raw.close()
            raise
        if len(self._lasting) > ANSWERS_KNOWN:
            self._lasting.clear()
        return connection

    def _commit(self, connection: PostgresConnection) -> None:
        try:
            connection.raw.execute("COMMIT")
        except psycopg.OperationalError as error:
            if connection.raw.broken:
                raise errors.uncertain(self.place, str(error).strip().split("\n")[0]) from error
            raise

    def _keep(self, connection: PostgresConnection) -> None:
        with self._lock:
            keep = not self._closed and len(self._idle) < IDLE
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.raw.close()
        self._places.release()

    def _throw_away(self, connection: PostgresConnection) -> None:
        with suppress(psycopg.Error):
            connection.raw.close()
        self._places.release()

    def _locks(self, names: Sequence[Name]) -> str:
        """What a change waits for: those of the same names, or all."""
        everything = self._number(("everything",))
        if not names:
            return f"pg_advisory_xact_lock({everything})"
        numbers = sorted({self._number(name) for name in names})
        return ", ".join(
            [f"pg_advisory_xact_lock_shared({everything})"]
            + [f"pg_advisory_xact_lock({number})" for number in numbers]
        )

    def _number(self, name: Name) -> int:
        """Number of the advisory lock of a name: 64 bits of a digest, which are not met twice."""
        text = "\0".join((self.schema, type(name).__name__, *name)).encode("utf-8", "surrogatepass")
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big", signed=True)

    def _connect(self) -> PostgresConnection:
        settings = {
            **SETTINGS,
            "search_path": f'"{self.schema}"',
            "lock_timeout": f"{1000 * self._busy_seconds:.0f}",
        }
        raw = psycopg.connect(autocommit=True, **self._address.options)
        try:
            names = list(settings)
            calls = ", ".join(f"set_config('{name}', %s, false)" for name in names)
            raw.execute(f"SELECT {calls}", [settings[name] for name in names])
            raw.execute(
                "SELECT set_config('synchronous_commit', 'on', false)"
                " WHERE current_setting('synchronous_commit') = 'off'"
            )
        except BaseException:
            raw.close()
            raise
        return PostgresConnection(raw, self._lasting)


def _check_server(raw: psycopg.Connection[Any], place: str) -> None:
    row = raw.execute("SELECT current_setting('server_encoding')").fetchone()
    if row is None or row[0] != "UTF8":
        raise CannotOpen(
            f"cannot open the store {place}: the encoding of the database must be UTF8; make one"
            " with createdb --encoding UTF8 --template template0"
        )
    if raw.info.server_version < 120000:
        raise CannotOpen(f"cannot open the store {place}: it needs PostgreSQL 12 or newer")
