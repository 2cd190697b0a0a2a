"""What a Dask worker does: a function that came once, on items that come one by one."""

from __future__ import annotations

import functools
import os
import pickle
import threading
import types
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from renderapi.tokens import carried
from renderapps.module.errors import RenderModuleException
from renderapps.module.report import versions
from renderapps.module.tasks import TaskFailure, attempt, one_line

_THREAD_VARIABLES = ("NUMBA_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")  # of others Dask takes care
_KEPT = 2
_NOWHERE = "renderapps of a run"  # a file that cannot be imported
_threads = threading.local()
_limited = threading.Event()


@functools.cache
def own_version() -> str:
    """Version of this software."""
    return versions()["render-python-apps"]


class OtherVersion(RenderModuleException):
    """A worker has another version of this software than the program that sends it work."""


@dataclass(frozen=True, repr=False)
class Shared:
    """What all tasks of a run have in common; it shows nobody its token.

    Attributes
    ----------
    run : str
        Name of the run.
    function : bytes
        Pickled.
    token : str or None
        Of the render web service.
    version : str
        Of this software where the run was started.
    """

    run: str
    function: bytes
    token: str | None = None
    version: str = field(default_factory=own_version)

    def __repr__(self) -> str:
        return f"<function of {self.run}>"


def by_value(function: Callable[..., Any]) -> Callable[..., Any]:
    """A copy of a function that uses no names of its file, and travels with all that it is.

    A worker that cannot import what it is sent leaves the cluster without saying why, and the next
    one gets it. Such a copy arrives everywhere, and says what is missing when it is called.
    """
    copy = types.FunctionType(function.__code__, {"__name__": _NOWHERE}, function.__name__)
    copy.__module__ = _NOWHERE
    return copy


def same(shared: bytes) -> bytes:
    """The task that gives a worker what the others need; Dask runs it again where it was lost."""
    return shared


def start(shared: bytes, item: bytes) -> bytes:
    """`work`, from where it is not imported yet."""
    from renderapps.module.cluster_work import work

    return work(shared, item)


def packed(shared: Shared) -> bytes:
    """What travels, and may be logged: nobody reads a token in it."""
    return zlib.compress(pickle.dumps(shared))


def work(data: bytes, item: bytes) -> bytes:
    """Pickled result of the function on a pickled item, or the TaskFailure, without its item.

    Raises
    ------
    OtherVersion
        This worker has other code than the one that was meant.
    """
    shared: Shared = pickle.loads(zlib.decompress(data))
    _check_version(shared)
    _limit_threads()
    with carried(shared.token):
        result = attempt(lambda data: _function_of(shared)(pickle.loads(data)), item)
    return _pickled(replace(result, item=None) if isinstance(result, TaskFailure) else result)


def _pickled(result: Any) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(result)
    except Exception as error:
        reason = f"its result cannot travel between processes: {one_line(error)}"
        return pickle.dumps(TaskFailure(None, reason))


def _check_version(shared: Shared) -> None:
    if own_version() != shared.version:
        raise OtherVersion(
            f"a worker has render-python-apps {own_version()}, this program {shared.version}: "
            "install the same version on all"
        )


def _function_of(shared: Shared) -> Callable[[Any], Any]:
    """The function; a thread has its own, as a process has where there is no cluster."""
    known: dict[str, Callable[[Any], Any]] = _threads.__dict__.setdefault("functions", {})
    if shared.run not in known:
        while len(known) >= _KEPT:
            del known[next(iter(known))]
        known[shared.run] = pickle.loads(shared.function)
    return known[shared.run]


def _limit_threads() -> None:
    """Let libraries start as many threads as the worker has, unless the user has said."""
    if _limited.is_set():
        return
    _limited.set()
    from distributed import get_worker

    try:
        number = get_worker().state.nthreads
    except ValueError:  # not on a worker
        return
    for name in _THREAD_VARIABLES:
        os.environ.setdefault(name, str(number))
    import cv2

    if cv2.getNumThreads() > number:
        cv2.setNumThreads(number)
