"""Locks that keep two runs from writing to the same sections, where the service has them."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import renderapi
from renderapi import stackchanges
from renderapi.errors import ConflictError, NotFoundError, RenderError
from renderapps.module.errors import RenderModuleException
from renderapps.module.running import Run, is_over, unfinished_name, unfinished_of

SECONDS = 120.0
"""How long a lock keeps others out when the machine of its run is gone; it is renewed meanwhile."""


@contextmanager
def locked(
    run: Run,
    render: renderapi.Render,
    stack: str,
    zs: Sequence[float] | None,
    what: str = "stack",
) -> Iterator[None]:
    """Keep others that ask out of a stack (which need not exist), or of some z of it, for a while.

    `what` is what errors call it. What dead runs have left of that stack is removed first.

    Raises
    ------
    RenderModuleException
        Another run writes there; which one.
    """
    remove_dead(render, stack)
    try:
        stackchanges.lock_stack(stack, run.id, run.holder, SECONDS, zs, render=render)
    except ConflictError as error:
        raise RenderModuleException(_refusal(render, stack, zs, what) or str(error)) from error
    done = threading.Event()
    renewing = threading.Thread(
        target=_renew, args=(pickle.dumps(render), stack, run.id, done), daemon=True
    )
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        with suppress(RenderError):  # it expires by itself
            stackchanges.unlock_stack(stack, run.id, render=render)


@contextmanager
def all_locked(
    run: Run, wanted: Sequence[tuple[renderapi.Render, str, Sequence[float] | None]]
) -> Iterator[None]:
    """All of these locked, in an order that is the same for every run."""
    with ExitStack() as held:
        for render, stack, zs in sorted(wanted, key=lambda w: (w[0].DEFAULT_PROJECT, w[1])):
            held.enter_context(locked(run, render, stack, zs))
        yield


def remove_dead(render: renderapi.Render, stack: str) -> None:
    """Remove locks of runs that are over, and the stacks that they have not finished.

    Only the stack that the record of a lock names is touched: no name that a user could have.
    """
    for lock in stackchanges.get_stack_locks(stack, render=render):
        if lock["secondsLeft"] == 0 or is_over(lock["holder"]):
            unfinished = unfinished_name(stack, lock["id"])
            renderapi.stack.delete_stack(unfinished, render=render)
            stackchanges.unlock_stack(stack, lock["id"], render=render)


def without_unfinished(
    render: renderapi.Render,
    names: Iterable[str],
    owner: str | None = None,
    project: str | None = None,
) -> list[str]:
    """The names of stacks but those that a run builds at this moment.

    What a run that is over has left behind is among them.
    """
    kept, locks = [], None
    for name in names:
        found = unfinished_of(name)
        if found is not None and locks is None:
            locks = "stackLocks" in stackchanges.additions(render=render)
        if found is None or not locks or not _goes_on(render, *found, owner, project):
            kept.append(name)
    return kept


def _goes_on(
    render: renderapi.Render, stack: str, run: str, owner: str | None, project: str | None
) -> bool:
    found = stackchanges.get_stack_locks(stack, owner=owner, project=project, render=render)
    return any(
        lock["id"] == run and lock["secondsLeft"] > 0 and not is_over(lock["holder"])
        for lock in found
    )


def _refusal(
    render: renderapi.Render, stack: str, zs: Sequence[float] | None, what: str
) -> str | None:
    """Who is writing to some of it, on one line; None: nobody any more."""
    for lock in stackchanges.get_stack_locks(stack, render=render):
        if zs is None or lock["zs"] is None or not set(zs).isdisjoint(lock["zs"]):
            return (
                f"{what} {stack} is being written by {lock['holder'].get('name')} since "
                f"{lock['since']}: wait until that is done"
            )
    return None


def _renew(connection: bytes, stack: str, lock: str, done: threading.Event) -> None:
    render = pickle.loads(connection)  # sessions are not shared between threads
    while not done.wait(SECONDS / 4):
        try:
            stackchanges.renew_lock(stack, lock, SECONDS, render=render)
        except NotFoundError:
            return  # taken by another run: the service will refuse what this one has built
        except RenderError:
            continue  # it may answer the next time
