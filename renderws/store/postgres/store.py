"""The store in a PostgreSQL database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Self

from renderws.store.parts import StoreParts
from renderws.store.postgres import errors
from renderws.store.postgres.database import BUSY_SECONDS, PostgresDatabase
from renderws.store.postgres.maintenance import Maintenance
from renderws.store.protocol import Damaged, Store
from renderws.store.source import SnapshotSource, Source


class _Parts(StoreParts, Maintenance):
    """A store on top of whatever gives it connections."""

    answers_at_once = False

    def __init__(self, source: Source, database: PostgresDatabase) -> None:
        self._source = source
        self._database = database

    @property
    def _jobs(self) -> Source:
        return self._source

    @property
    def path(self) -> str:
        """Address of the database, without the password."""
        return self._database.place

    def damaged(self, error: Exception) -> Damaged:
        return errors.damaged(str(error), self._database.place)

    def snapshot(self) -> AbstractContextManager[Store]:
        return _Parts(SnapshotSource(self._source), self._database)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class PostgresStore(_Parts):
    """Stacks and match collections in a schema of a PostgreSQL database.

    Safe to use from several threads, processes and machines. Iterators it returns keep a reading
    transaction, and with it a connection, until they are exhausted, closed or forgotten.

    Parameters
    ----------
    address : str
        `postgresql://user:password@host:port/database?schema=renderws`; the password may come from
        elsewhere (`renderapi.databases`).
    create : bool
        Whether the tables are made where they are missing. The database must exist.
    busy_seconds : float
        How long a change waits for others that change the same stack or collection.

    Raises
    ------
    CannotOpen
        The address makes no sense, the role has no rights, or the schema is another program's.
    NewerStore
        The tables were made by a newer version.
    StoreGone
        The database cannot be reached.
    """

    def __init__(
        self, address: str, create: bool = True, busy_seconds: float = BUSY_SECONDS
    ) -> None:
        database = PostgresDatabase(address, create, busy_seconds)
        super().__init__(database, database)
