"""Runs of modules, where a service remembers them: what runs, what ran, how it stands.

The embedded service does (`additions` of `renderapi.stackchanges`); the Java service does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from renderapi.render import format_baseurl, renderaccess
from renderapi.utils import get_json, put_json, rest_delete
from renderapi.web import given, join

Json = dict[str, Any]


@renderaccess
def get_jobs(
    of_owner: str | None = None,
    of_project: str | None = None,
    limit: int | None = None,
    **connection: Any,
) -> list[Json]:
    """Runs of all owners and projects, or those of one, those that were started last first.

    Of each id, module, owner, project, user, host, state (running, complete, failed, stopped by the
    keyboard; killed: its process is no more; lost: no sign of life since `seen`), started, seen,
    duration in seconds, progress, outputs, summary, error and report, as far as it has them.
    """
    query = given(owner=of_owner, project=of_project, limit=limit)
    return get_json(connection["session"], job_url(connection), params=query)


@renderaccess
def get_job(job: str, **connection: Any) -> Json:
    """A run with its parameters, steps, the last lines of its log, and the id of its process.

    Raises
    ------
    NotFoundError
        None of this id is remembered.
    """
    return get_json(connection["session"], job_url(connection, job))


@renderaccess
def put_job(job: str, said: Mapping[str, Any], **connection: Any) -> None:
    """Say how a run stands, in the place of what it said before. See docs/service.md."""
    put_json(connection["session"], job_url(connection, job), dict(said))


@renderaccess
def delete_job(job: str, **connection: Any) -> None:
    """Forget a run; it is not stopped."""
    rest_delete(connection["session"], job_url(connection, job))


def job_url(connection: Mapping[str, Any], *job: str) -> str:
    """URL of all runs, or of one, at the `host` and `port` of a connection."""
    return join(format_baseurl(connection["host"], connection.get("port")), "jobs", *job)
