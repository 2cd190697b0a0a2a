"""Runs of modules: what they say of themselves, checked, and what others are told of it.

A run says how it stands; whether it still goes on when it has said nothing for a while is found
here: on its own machine by its process, elsewhere by how long it may be silent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import orjson

from renderapi.processes import is_over
from renderws.cleaning import parse
from renderws.documents import Job
from renderws.routes.answers import HttpError
from renderws.routes.values import checked_name
from renderws.store.protocol import JobEntry, JobRecord
from renderws.store.stackrows import time_text

Json = dict[str, Any]

RUNNING = "running"
STATES = (RUNNING, "complete", "failed", "stopped")
"""States that a run says; `stopped` is by the keyboard."""
KILLED, LOST = "killed", "lost"
"""States that are found: its process is no more; it has been silent for too long."""
LONGEST_TEXT, MOST_ENTRIES = 1000, 100
LONGEST_SILENCE = 86_400.0
_DETAILS = ("parameters", "log", "steps", "process")
_APART = ("owner", "project", "number", "elapsed")


def entry_of(body: bytes, parameters: Any) -> JobEntry:
    """What a run says, ready to be stored; 400 where it makes no sense.

    Texts and lists that are too long are cut: of the log, the steps and the outputs the last ones
    stay. `parameters` are those in the body.
    """
    said: Json = parse(body, Job, "the record of a run")
    if said.get("state") not in STATES:
        raise HttpError(400, f"state must be one of {', '.join(STATES)}")
    if not said.get("module"):
        raise HttpError(400, "module must be the name of what runs")
    if not isinstance(parameters, dict | None):
        raise HttpError(400, "parameters must be an object")
    if not 0 < said.get("process", {}).get("pid", 1) < 1 << 31:
        raise HttpError(400, "process.pid must be the id of a process")
    for key in ("owner", "project"):
        if key in said:
            checked_name(key, said[key])
    elapsed = _number(said, "elapsed", 0.0, 1e9)
    said["silence"] = _number(said, "silence", 60.0, LONGEST_SILENCE)
    number = int(said.get("number") or 0)
    cut = {key: _cut(value) for key, value in said.items()}
    details = {key: cut[key] for key in _DETAILS if key in cut}
    details["parameters"] = parameters or {}
    listed = {k: v for k, v in cut.items() if k not in (*_APART, "log", "steps")}
    listed["elapsed"] = elapsed
    return JobEntry(
        said.get("owner"),
        said.get("project"),
        elapsed,
        number,
        orjson.dumps(listed),
        orjson.dumps(details),
    )


def shown(record: JobRecord, now: int) -> Json:
    """What is told of a run at `now`, milliseconds since 1970; with its details where it has them.

    `duration` is in seconds: of one that goes on, so far; of one that was lost, until it was last
    heard of.
    """
    document: Json = orjson.loads(record.document)
    process, silence = document.pop("process", None) or {}, document.pop("silence")
    state = _state(document["state"], process, (now - record.seen) / 1000, silence)
    elapsed = document.pop("elapsed")
    told = {
        "id": record.id,
        "owner": record.owner,
        "project": record.project,
        **document,
        "state": state,
        "started": time_text(record.started),
        "seen": time_text(record.seen),
        "duration": (now - record.started) / 1000 if state == RUNNING else elapsed,
    }
    if record.details:
        details: Json = orjson.loads(record.details)
        found = details.pop("process", None) or {}
        told |= {"log": [], "steps": [], "pid": found.get("pid"), **details}
    return told


def _state(state: str, process: Mapping[str, Any], silent: float, silence: float) -> str:
    if state != RUNNING:
        return state
    if is_over(process):
        return KILLED
    return LOST if silent > silence else RUNNING


def _number(said: Json, key: str, otherwise: float, most: float) -> float:
    value = said.get(key, otherwise)
    if not (math.isfinite(value) and 0 <= value <= most):
        raise HttpError(400, f"{key} must be seconds from 0 to {most:.0f}")
    return float(value)


def _cut(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= LONGEST_TEXT else f"{value[: LONGEST_TEXT - 1]}\u2026"
    if isinstance(value, list):
        return [_cut(item) for item in value[-MOST_ENTRIES:]]
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    return value
