"""Locks of stacks, and stacks that take the places of others, where a service offers them.

The embedded service does (`additions`); the Java service knows neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from renderapi.errors import NotFoundError
from renderapi.render import format_baseurl, format_preamble, renderaccess
from renderapi.utils import get_json, post_json, put_json, rest_delete
from renderapi.web import join

Json = dict[str, Any]


@renderaccess
def additions(**connection: Any) -> frozenset[str]:
    """What a service offers beyond the contract, such as stackLocks and stackChanges."""
    try:
        version = get_json(connection["session"], join(_base(connection), "versionInfo"))
    except NotFoundError:
        return frozenset()
    return frozenset(version.get("additions") or ())


@renderaccess
def lock_stack(
    stack: str,
    lock: str,
    holder: Mapping[str, Any],
    seconds: float,
    zs: Iterable[float] | None = None,
    **connection: Any,
) -> None:
    """Keep others that ask out of a stack, or of the sections `zs`, for so many seconds.

    Raises
    ------
    ConflictError
        Another one has locked some of it; the text has the `name` of its holder.
    """
    body = {"id": lock, "holder": dict(holder), "seconds": seconds}
    url = _locks(stack, connection)
    post_json(
        connection["session"], url, body | ({} if zs is None else {"zs": [float(z) for z in zs]})
    )


@renderaccess
def renew_lock(stack: str, lock: str, seconds: float, **connection: Any) -> None:
    """Let a lock last so many seconds from now; NotFoundError when another run has taken it."""
    url = _locks(stack, connection, lock)
    put_json(connection["session"], url, {"seconds": seconds})


@renderaccess
def unlock_stack(stack: str, lock: str, **connection: Any) -> None:
    """Give a lock back."""
    rest_delete(connection["session"], _locks(stack, connection, lock))


@renderaccess
def get_stack_locks(stack: str, **connection: Any) -> list[Json]:
    """id, zs, holder, since and secondsLeft of each lock of a stack."""
    return get_json(connection["session"], _locks(stack, connection))


@renderaccess
def change_stacks(
    changes: Sequence[Mapping[str, Any]],
    locks: Sequence[Mapping[str, Any]] = (),
    **connection: Any,
) -> None:
    """Let stacks take the places of others: all changes or none, locks given back with them.

    A change is {from, to, zs, keep, state, version}, a lock {stackId, id}; stacks are {project,
    stack}. See docs/service.md.
    """
    url = _of_owner(connection, "stackChanges")
    post_json(connection["session"], url, {"changes": list(changes), "locks": list(locks)})


@renderaccess
def change_match_collections(
    changes: Sequence[Mapping[str, Any]],
    locks: Sequence[Mapping[str, Any]] = (),
    **connection: Any,
) -> None:
    """Let match collections take the places of others, all or none, locks given back with them.

    A change is {from, to, keep}, names of collections: with `keep` the pairs of `from` come into
    `to`, in place of those of the same tiles. See docs/service.md.
    """
    url = _of_owner(connection, "matchChanges")
    post_json(connection["session"], url, {"changes": list(changes), "locks": list(locks)})


def _base(connection: Json) -> str:
    return format_baseurl(connection["host"], connection.get("port"))


def _of_owner(connection: Json, *parts: str) -> str:
    return join(_base(connection), "owner", connection["owner"], *parts)


def _locks(stack: str, connection: Json, *parts: str) -> str:
    host, port, owner, project = map(connection.get, ("host", "port", "owner", "project"))
    return join(format_preamble(host, port, owner, project, stack), "locks", *parts)
