"""Runs of modules that others may look at: our own, not in the contract.

A module says at its start, now and then, and at its end how it stands. What it says is kept beside
the stacks and never waits for changes of them. Clients find out by `additions` of the version
information whether this is there.
"""

from __future__ import annotations

import re

from renderws.job_reports import read_report
from renderws.jobs import entry_of, shown
from renderws.routes.answers import Answer, HttpError, done, json_answer, json_bytes
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.routes.values import Parameter, integer
from renderws.settings import Settings
from renderws.store.stackrows import now_after

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DAY = 86_400.0


def get_jobs(call: Call) -> Answer:
    """Modules that run and ran, those that were started last first."""
    limit = call.query["limit"]
    if limit is not None and limit < 1:
        raise HttpError(400, "limit must be at least 1")
    records = call.store.jobs(
        _remembered(call.settings), call.query["owner"], call.query["project"], limit
    )
    now = now_after()
    return json_answer([shown(record, now) for record in records])


def get_job(call: Call) -> Answer:
    """A run of a module with its parameters and the end of its log."""
    record = call.store.job(_id(call), _remembered(call.settings))
    return json_answer(shown(record, now_after()))


def get_report(call: Call) -> Answer:
    """The report (output JSON) of a run, from its file, where that is below an image root."""
    record = call.store.job(_id(call), _remembered(call.settings))
    run = shown(record, now_after())
    return json_bytes(read_report(run.get("report"), run["module"], call.settings))


def put_job(call: Call) -> Answer:
    """Say how a run of a module stands, in the place of what it said before."""
    most = call.settings.max_job_bytes
    if len(call.body) > most:
        raise HttpError(413, f"a run may say {most} bytes of itself (see --max-job-bytes)")
    said = call.json_object("what a run says of itself")
    entry = entry_of(call.body, said.get("parameters"))
    call.store.save_job(_id(call), entry, call.settings.max_jobs, _remembered(call.settings))
    return done()


def delete_job(call: Call) -> Answer:
    """Forget a run of a module; the run itself, if it goes on, is not stopped."""
    call.store.delete_job(_id(call))
    return done()


def _id(call: Call) -> str:
    job: str = call.path["job"]
    if not _ID.fullmatch(job):
        raise HttpError(400, "the id of a run has 1 to 64 letters, digits, - or _")
    return job


def _remembered(settings: Settings) -> float:
    """For how many seconds runs are remembered."""
    return settings.job_days * _DAY


def routes() -> tuple[Route, ...]:
    """What runs say, and who may read it."""
    one = "/jobs/{job}"
    query = (Parameter("owner"), Parameter("project"), Parameter("limit", integer))
    return (
        Route(0, "GET", "/jobs", get_jobs, query, consistent=False),
        Route(0, "GET", one, get_job, consistent=False),
        Route(0, "GET", f"{one}/report", get_report, consistent=False),
        Route(0, "PUT", one, put_job, apart=True, body="Job"),
        Route(0, "DELETE", one, delete_job, apart=True),
    )
