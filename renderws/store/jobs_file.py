"""The file beside a store in a file that holds what runs of modules say of themselves.

It is made when the first run has something to say. Nothing of the store depends on it: it may be
deleted at any time. What was written is in it when the computer is switched off, but for the last
moments (`synchronous=NORMAL`): nobody waits for a disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from renderws.store.database import enter_wal_mode
from renderws.store.jobs import JobSource
from renderws.store.location import Place, place_of
from renderws.store.protocol import StoreBusy, StoreError
from renderws.store.schema import migrate
from renderws.store.source import Name
from renderws.store.sqlite_errors import is_busy

APPLICATION_ID = 0x5244524A
BUSY_SECONDS = 1.0
SUFFIX = "-jobs"

FIRST = """
CREATE TABLE job (
  id TEXT PRIMARY KEY,
  owner TEXT, project TEXT,
  started INTEGER NOT NULL, seen INTEGER NOT NULL,  -- milliseconds since 1970
  number INTEGER NOT NULL,                -- of what the run has said, the last one counts
  document BLOB NOT NULL,                 -- for lists, JSON
  details BLOB NOT NULL                   -- parameters and the end of the log, JSON
);
CREATE INDEX job_seen ON job (seen, id);
CREATE INDEX job_started ON job (started);
"""


class JobsFile:
    """A connection to the file, opened when it is needed; safe to use from several threads."""

    def __init__(self, store: Path) -> None:
        self.path = Path(f"{os.path.realpath(store)}{SUFFIX}")
        self._connection: sqlite3.Connection | None = None
        self._place: Place | None = None
        self._process = os.getpid()
        self._lock = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection | None]:
        """The connection; None where no run has said anything yet."""
        with self._lock, self._translated():
            yield self._opened() if self.path.exists() else None

    @contextmanager
    def write(self, *names: Name) -> Iterator[sqlite3.Connection]:
        """A transaction that changes something, on the file, which is made where there is none."""
        with self._lock, self._translated():
            connection = self._opened()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        if self._process != os.getpid():  # closing a parent's connection would drop its locks
            return
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and place_of(self.path) != self._place:
            self._forget()  # somebody has deleted it
        if self._connection is None:
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                enter_wal_mode(connection, self.path)
                connection.execute("PRAGMA synchronous = NORMAL")
                migrate(connection, self.path, (FIRST,), APPLICATION_ID)
            except BaseException:
                connection.close()
                raise
            self._connection, self._place = connection, place_of(self.path)
        return self._connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            if is_busy(error):
                raise StoreBusy(f"the list of runs {self.path} is being changed; ask again") from (
                    error
                )
            self._forget()
            raise StoreError(
                f"the list of runs {self.path} cannot be used ({error}); nothing depends on it: "
                "delete it, and it is begun anew"
            ) from error


class JobsSnapshot:
    """The same file for a snapshot of a store, through which nothing can be written."""

    def __init__(self, jobs: JobSource) -> None:
        self.read = jobs.read

    def write(self, *names: Name) -> AbstractContextManager[Any]:
        """Refused."""
        raise StoreError("a snapshot of the store cannot be written to")

    def close(self) -> None:
        """Nothing to do: the file stays open for the store."""
