"""Locks of stacks, and stacks that take the places of others: our own, not in the contract.

They let a run write beside a stack and put what it wrote in place at once, while others are told
who is at work. Clients find out by `additions` of the version information whether they are there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from renderws import cleaning
from renderws.routes.answers import Answer, HttpError, created, done, dumps, json_answer
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.store.protocol import CollectionChange, CollectionId, StackChange, StackId
from renderws.store.states import COMPLETE, LOADING, READ_ONLY

LONGEST = 86_400.0  # seconds that a lock may last without being renewed
MOST = 1000  # changes and locks in one request, characters of the name of a lock
_STATES = (LOADING, COMPLETE, READ_ONLY)


def get_locks(call: Call) -> Answer:
    """Who is writing to the stack, or to which z of it."""
    return json_answer(call.store.stack_locks(call.stack))


def post_lock(call: Call) -> Answer:
    """Keep other writers out of the stack, or of some z; 409 names who is there already."""
    lock = call.json_object("id, seconds, holder; zs for some sections only")
    holder = lock.get("holder")
    if not isinstance(holder, dict):
        raise HttpError(400, "holder must be an object about who takes the lock, with a name")
    call.store.lock_stack(call.stack, _id(lock), _zs(lock), _seconds(lock), holder)
    return created(call.url)


def put_lock(call: Call) -> Answer:
    """Let a lock last longer; 404 when another run has taken what it covered."""
    seconds = _seconds(call.json_object("seconds"))
    call.store.renew_lock(call.stack, call.path["lock"], seconds)
    return done()


def delete_lock(call: Call) -> Answer:
    """Give a lock back."""
    call.store.unlock_stack(call.stack, call.path["lock"])
    return done()


def post_changes(call: Call) -> Answer:
    """Stacks built beside others take their places, all of them or none, and give locks back."""
    body = call.json_object("changes and locks")
    changes = [_change(call, value) for value in _objects(body, "changes")]
    locks = [(_stack(call, value, "stackId"), _id(value)) for value in _objects(body, "locks")]
    call.store.change_stacks(changes, locks)
    return done()


def post_match_changes(call: Call) -> Answer:
    """Match collections built beside others take their places, or add their pairs: all or none."""
    body = call.json_object("changes and locks")
    changes = [
        CollectionChange(
            _collection(call, value, "from"),
            _collection(call, value, "to"),
            _truth(value.get("keep")),
        )
        for value in _objects(body, "changes")
    ]
    locks = [(_stack(call, value, "stackId"), _id(value)) for value in _objects(body, "locks")]
    call.store.change_collections(changes, locks)
    return done()


def _collection(call: Call, value: Mapping[str, Any], key: str) -> CollectionId:
    """A match collection of the owner of the path, given by its name."""
    name = value.get(key)
    if not isinstance(name, str):
        raise HttpError(400, f"{key} must be the name of a match collection")
    return CollectionId(call.path["owner"], call.collection_named(name).name)


def _change(call: Call, value: Mapping[str, Any]) -> StackChange:
    version, state = value.get("version"), value.get("state", COMPLETE)
    if state not in _STATES:
        raise HttpError(400, f"state must be {', '.join(_STATES)}")
    if version is not None:
        version = cleaning.stack_version(dumps(version))
    return StackChange(
        _stack(call, value, "from"),
        _stack(call, value, "to"),
        _zs(value),
        _truth(value.get("keep")),
        state,
        version,
        cleaning.convert(value.get("tiles"), int, "tiles"),
    )


def _stack(call: Call, value: Mapping[str, Any], key: str) -> StackId:
    """A stack of the owner of the path, given as {project, stack}."""
    given = value.get(key)
    if not isinstance(given, dict) or not all(isinstance(v, str) for v in given.values()):
        raise HttpError(400, f"{key} must be an object of project and stack")
    if {"project", "stack"} - given.keys():
        raise HttpError(400, f"{key} must hold project and stack")
    if given.get("owner", call.path["owner"]) != call.path["owner"]:
        raise HttpError(400, f"{key} must be of owner {call.path['owner']}")
    return call.stack_named(given["stack"], project=given["project"])


def _objects(body: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    values = body.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, dict) for value in values):
        raise HttpError(400, f"{key} must be a list of objects")
    if len(values) > MOST:
        raise HttpError(400, f"{key} must not be more than {MOST}")
    return values


def _id(value: Mapping[str, Any]) -> str:
    lock = value.get("id")
    if not isinstance(lock, str) or not 0 < len(lock) <= MOST:
        raise HttpError(400, f"id must be a text of 1 to {MOST} characters")
    return lock


def _zs(value: Mapping[str, Any]) -> list[float] | None:
    zs = value.get("zs")
    if zs is None:
        return None
    if not isinstance(zs, list):
        raise HttpError(400, "zs must be a list of z values")
    values = [cleaning.convert(z, float, "z value") for z in zs]
    if not all(z is not None and math.isfinite(z) for z in values):
        raise HttpError(400, "zs must be finite numbers")
    return values


def _truth(value: Any) -> bool:
    if value not in (None, True, False):
        raise HttpError(400, "keep must be true or false")
    return bool(value)


def _seconds(value: Mapping[str, Any]) -> float:
    seconds = cleaning.convert(value.get("seconds"), float, "seconds")
    if seconds is None or not 0 < seconds <= LONGEST:
        raise HttpError(400, f"seconds must be above 0, at most {LONGEST:.0f}")
    return seconds


_BODY = "{changes, locks}"


def routes() -> tuple[Route, ...]:
    """Locks and changes."""
    return (
        Route(0, "GET", "S/locks", get_locks, quick=True),
        Route(0, "POST", "S/locks", post_lock, body="{id, seconds, holder, zs}"),
        Route(0, "PUT", "S/locks/{lock}", put_lock, body="{seconds}"),
        Route(0, "DELETE", "S/locks/{lock}", delete_lock),
        Route(0, "POST", "O/stackChanges", post_changes, lengthy=True, body=_BODY),
        Route(0, "POST", "O/matchChanges", post_match_changes, lengthy=True, body=_BODY),
    )
