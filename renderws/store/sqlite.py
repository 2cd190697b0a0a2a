"""The default store: everything in one SQLite file."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from renderws.store.database import BUSY_SECONDS, Database, Snapshot, SqliteSource
from renderws.store.jobs import JobSource
from renderws.store.jobs_file import JobsFile, JobsSnapshot
from renderws.store.maintenance import Maintenance
from renderws.store.parts import StoreParts
from renderws.store.protocol import Damaged, Store
from renderws.store.sqlite_errors import damaged


class _Parts(StoreParts, Maintenance):
    """A store on top of whatever gives it connections."""

    answers_at_once = True

    def __init__(self, source: SqliteSource, jobs: JobSource) -> None:
        self._source: SqliteSource = source
        self._job_source = jobs

    @property
    def _jobs(self) -> JobSource:
        return self._job_source

    @property
    def path(self) -> Path:
        """Absolute path of the file."""
        return self._source.path

    def damaged(self, error: Exception) -> Damaged:
        return damaged(error, self.path)

    def snapshot(self) -> AbstractContextManager[Store]:
        return _Parts(Snapshot(self._source), JobsSnapshot(self._jobs))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class SqliteStore(_Parts):
    """Stacks and match collections in one SQLite file.

    Safe to use from several threads, and from several processes that each open the file. Iterators
    it returns keep a reading transaction open until they are exhausted, closed or forgotten.

    Parameters
    ----------
    path : path
        The file. Its folder must exist, on a local file system.
    create : bool
        Whether a missing file is made.
    busy_seconds : float
        How long a change waits for another process that changes the file.

    Raises
    ------
    CannotOpen
        The file is missing or no store of this software, or its place is unsuitable.
    NewerStore
        The file was written by a newer version.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        create: bool = True,
        busy_seconds: float = BUSY_SECONDS,
    ) -> None:
        database = Database(path, create, busy_seconds)
        self._jobs_file = JobsFile(database.path)
        super().__init__(database, self._jobs_file)

    def close(self) -> None:
        self._jobs_file.close()
        super().close()
