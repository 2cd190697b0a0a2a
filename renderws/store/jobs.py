"""Runs of modules: what they say of themselves, by the id of the run.

The records are kept apart from what they are about: in a table of their own, and of a store in a
file in a file beside it (`jobs_file`), so that a run that says how far it has come never waits for
a long import, nor an import for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from renderws.store.protocol import JobEntry, JobRecord, NotFound
from renderws.store.source import Name
from renderws.store.stackrows import now_after

_COLUMNS = "id, owner, project, started, seen, document"


class JobSource(Protocol):
    """Where the records are: transactions for reading, None where there are none, and writing."""

    def read(self) -> AbstractContextManager[Any]: ...

    def write(self, *names: Name) -> AbstractContextManager[Any]: ...


class Jobs:
    """The part of the store that knows which modules run, and ran."""

    @property
    def _jobs(self) -> JobSource:
        raise NotImplementedError

    def save_job(self, job: str, entry: JobEntry, keep: int, seconds: float) -> None:
        now = now_after()
        with self._jobs.write(("job", job)) as connection:
            known = connection.execute("SELECT number FROM job WHERE id = ?", (job,)).fetchone()
            if known is None:
                connection.execute(
                    "DELETE FROM job WHERE seen < ? OR (seen, id) <="
                    " (SELECT seen, id FROM job ORDER BY seen DESC, id DESC LIMIT 1 OFFSET ?)",
                    (_oldest(now, seconds), keep - 1),
                )
            connection.execute(
                "INSERT INTO job (id, owner, project, started, seen, number, document, details)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " owner = excluded.owner, project = excluded.project, seen = excluded.seen,"
                " number = excluded.number, document = excluded.document,"
                " details = excluded.details WHERE job.number <= excluded.number",
                (
                    job,
                    entry.owner,
                    entry.project,
                    now - int(1000 * entry.elapsed),
                    now,
                    entry.number,
                    entry.document,
                    entry.details,
                ),
            )

    def jobs(
        self,
        seconds: float,
        owner: str | None = None,
        project: str | None = None,
        limit: int | None = None,
    ) -> list[JobRecord]:
        conditions, values = ["seen >= ?"], [_oldest(now_after(), seconds)]
        asked: list[Any] = list(values)
        for name, value in (("owner", owner), ("project", project)):
            if value is not None:
                conditions.append(f"{name} = ?")
                asked.append(value)
        sql = f"SELECT {_COLUMNS} FROM job WHERE {' AND '.join(conditions)}"
        return self._found(f"{sql} ORDER BY started DESC, id LIMIT ?", [*asked, limit or 1 << 31])

    def job(self, job: str, seconds: float) -> JobRecord:
        sql = f"SELECT {_COLUMNS}, details FROM job WHERE id = ? AND seen >= ?"
        found = self._found(sql, (job, _oldest(now_after(), seconds)))
        if not found:
            raise NotFound(f"no run {job} is recorded here; it may have been forgotten")
        return found[0]

    def delete_job(self, job: str) -> None:
        with self._jobs.write(("job", job)) as connection:
            connection.execute("DELETE FROM job WHERE id = ?", (job,))

    def _found(self, sql: str, parameters: Sequence[Any]) -> list[JobRecord]:
        with self._jobs.read() as connection:
            if connection is None:
                return []
            rows = connection.execute(sql, parameters).fetchall()
        return [JobRecord(*row[:5], *map(bytes, row[5:])) for row in rows]


def _oldest(now: int, seconds: float) -> int:
    return now - int(1000 * seconds)
