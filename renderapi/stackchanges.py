"""Locks of stacks, and stacks that take the places of others, where a service offers them.

The embedded service does (`additions`); the Java service knows neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from renderapi.errors import NotFoundError
from renderapi.render import Render, format_baseurl, format_preamble, renderaccess
from renderapi.utils import get_json, post_json, put_json, rest_delete
from renderapi.web import join

Json = dict[str, Any]


@renderaccess
def additions(
    host: str | None = None,
    port: int | str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> frozenset[str]:
    """What a service offers beyond the contract, such as stackLocks and stackChanges."""
    try:
        version = get_json(session, join(format_baseurl(host, port), "versionInfo"))
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
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Keep others that ask out of a stack, or of the sections `zs`, for so many seconds.

    Raises
    ------
    ConflictError
        Another one has locked some of it; the text has the `name` of its holder.
    """
    body = {"id": lock, "holder": dict(holder), "seconds": seconds}
    url = join(format_preamble(host, port, owner, project, stack), "locks")
    post_json(session, url, body | ({} if zs is None else {"zs": [float(z) for z in zs]}))


@renderaccess
def renew_lock(
    stack: str,
    lock: str,
    seconds: float,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Let a lock last so many seconds from now; NotFoundError when another run has taken it."""
    url = join(format_preamble(host, port, owner, project, stack), "locks", lock)
    put_json(session, url, {"seconds": seconds})


@renderaccess
def unlock_stack(
    stack: str,
    lock: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Give a lock back."""
    rest_delete(session, join(format_preamble(host, port, owner, project, stack), "locks", lock))


@renderaccess
def get_stack_locks(
    stack: str,
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> list[Json]:
    """id, zs, holder, since and secondsLeft of each lock of a stack."""
    return get_json(session, join(format_preamble(host, port, owner, project, stack), "locks"))


@renderaccess
def change_stacks(
    changes: Sequence[Mapping[str, Any]],
    locks: Sequence[Mapping[str, Any]] = (),
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    project: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Let stacks take the places of others: all changes or none, locks given back with them.

    A change is {from, to, zs, keep, state, version}, a lock {stackId, id}; stacks are {project,
    stack}. See docs/service.md.
    """
    url = join(format_baseurl(host, port), "owner", owner, "stackChanges")
    post_json(session, url, {"changes": list(changes), "locks": list(locks)})


@renderaccess
def change_match_collections(
    changes: Sequence[Mapping[str, Any]],
    locks: Sequence[Mapping[str, Any]] = (),
    host: str | None = None,
    port: int | str | None = None,
    owner: str | None = None,
    session: Any = None,
    render: Render | None = None,
    **kwargs: Any,
) -> None:
    """Let match collections take the places of others, all or none, locks given back with them.

    A change is {from, to, keep}, names of collections: with `keep` the pairs of `from` come into
    `to`, in place of those of the same tiles. See docs/service.md.
    """
    url = join(format_baseurl(host, port), "owner", owner, "matchChanges")
    post_json(session, url, {"changes": list(changes), "locks": list(locks)})
