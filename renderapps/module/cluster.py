"""Tasks on a Dask cluster.

Few are sent ahead of what the workers have in hand, and items are taken from where they come as
they are needed: a million of them are neither a graph of the scheduler nor a list here. What all
have in common goes to each worker once.
"""

from __future__ import annotations

import logging
import os
import pickle
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from renderapi.tokens import VARIABLE
from renderapps.module.cluster_versions import PACKAGES, check_versions
from renderapps.module.cluster_work import Shared, by_value, packed, same, start
from renderapps.module.errors import RenderModuleException
from renderapps.module.progress import Progress
from renderapps.module.tasks import TaskFailure, label, one_line

FEWEST_SENT = 8
SENT_PER_THREAD = 2
SECONDS_BETWEEN_COUNTS = 2.0  # of the threads of the cluster, which may grow
MOST_DEATHS_ALONE = 10  # after so many items have killed workers by themselves, others are believed
SECONDS_TO_CONNECT = 10
LARGE = "distributed.admin.large-graph-warning-threshold"


class Sent(NamedTuple):
    """An item that is being worked on: its place among all, and what it is called."""

    number: int
    item: Any
    alone: bool


def on_cluster(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    address: str,
    bar: Progress,
    name: str = "task",
) -> Iterator[tuple[int, Any, Any]]:
    """Place, item and result of every item, as they are finished.

    Parameters
    ----------
    address : str
        Of the scheduler, or the file that it was told to write its address to.
    name : str
        What the dashboard calls the tasks, before what it calls each item.

    Raises
    ------
    RenderModuleException
        Dask is not installed, no scheduler answers or it is gone, or the machines have other
        versions of this software.
    """
    with connected(address) as client:
        _tell_state(client)
        run = f"{name}-{uuid.uuid4().hex[:8]}"
        shared = Shared(run, _pickled(function), os.environ.get(VARIABLE) or None)
        yield from _Run(client, shared, name, bar).results(enumerate(items))


def threads_of(address: str) -> int:
    """How many tasks the cluster works on at once, now; clusters may grow."""
    with connected(address) as client:
        return sum(client.nthreads().values())


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """A `distributed.Client`; what goes wrong with the connection is one line."""
    try:
        from distributed import Client
        from distributed.comm import CommClosedError
        from distributed.versions import VersionMismatchWarning
    except ImportError:
        raise RenderModuleException(
            "dask_scheduler needs Dask: pip install 'render-python-apps[dask]'"
        ) from None
    place = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", VersionMismatchWarning)  # `check_versions` tells it
            client = Client(**place, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RenderModuleException(
            f"no Dask scheduler answers at {address}: {one_line(error)}"
        ) from error
    try:
        with client:
            yield client
    except CommClosedError as error:
        raise _gone(client) from error


def _gone(client: Any) -> RenderModuleException:
    return RenderModuleException(
        f"the Dask scheduler at {client.scheduler.address} is gone: what was not finished by then "
        "is missing; run again when it is back"
    )


def _tell_state(client: Any) -> None:
    """Refuse machines without this software; say what else differs, and where nobody works yet.

    It is said whatever `log_level` is: who does not hear of it wonders about results, or waits.
    """
    logger = logging.getLogger(__name__)
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.WARNING)
    found = client.get_versions(packages=list(PACKAGES))
    difference = check_versions(found)
    if difference:
        logger.warning("the cluster has other versions, results may differ: %s", difference)
    if not found["workers"]:
        logger.warning(
            "the Dask scheduler at %s has no workers yet: waiting for them",
            client.scheduler.address,
        )


def _pickled(value: Any) -> bytes:
    import cloudpickle

    try:
        return cloudpickle.dumps(value)
    except Exception as error:
        raise RenderModuleException(
            f"it cannot travel to the workers: {one_line(error)}"
        ) from error


class _Run:
    """The items of one call on their way to the workers and back."""

    def __init__(self, client: Any, shared: Shared, name: str, bar: Progress) -> None:
        from distributed import as_completed

        self.client = client
        self.run = shared.run
        self.name = name
        self.bar = bar
        self.running: dict[Any, Sent] = {}
        self.done = as_completed(loop=client.loop)
        self.suspects: list[Sent] = []
        self.deaths = 0
        self._most, self._counted = FEWEST_SENT, 0.0
        self.start = by_value(start)
        self.shared = self._submit(
            f"{name}-parameters-{shared.run[-8:]}", by_value(same), packed(shared)
        )

    def _submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> Any:
        from dask import config

        with config.set({LARGE: "1 TiB"}):  # nobody is helped by hearing that something is large
            return self.client.submit(function, *arguments, key=key)

    def results(self, items: Iterator[tuple[int, Any]]) -> Iterator[tuple[int, Any, Any]]:
        """Place, item and result of each; those that workers may have died of go again alone."""
        try:
            waiting = (Sent(number, item, False) for number, item in items)
            yield from self._each(waiting, self.most)
            while self.suspects:
                one = self.suspects.pop()
                yield from self._each(iter([one._replace(alone=True)]), lambda: 1)
        finally:
            with suppress(Exception):  # what is not yet begun never is
                self.client.cancel([*self.running, self.shared])

    def most(self) -> int:
        """How many tasks are to be on their way."""
        if time.monotonic() - self._counted > SECONDS_BETWEEN_COUNTS:
            threads = sum(self.client.nthreads().values())
            self._most = max(FEWEST_SENT, SENT_PER_THREAD * threads)
            self._counted = time.monotonic()
        return self._most

    def _each(
        self, waiting: Iterator[Sent], most: Callable[[], int]
    ) -> Iterator[tuple[int, Any, Any]]:
        more = True
        while more or self.running:
            while more and len(self.running) < most():
                one = next(waiting, None)
                more = one is not None
                if one is not None:
                    yield from self._send(one)
            if self.running:
                for future in self.done.next_batch():
                    yield from self._finish(future)

    def _send(self, one: Sent) -> Iterator[tuple[int, Any, Any]]:
        """Send an item; nothing comes back at once, unless it cannot travel."""
        try:
            data = _pickled(one.item)
        except RenderModuleException as error:
            yield one.number, one.item, self.bar.step(TaskFailure(one.item, str(error)))
            return
        again = "-again" if one.alone else ""
        key = f"{self.name}-{label(one.item, one.number)}-{one.number}-{self.run[-8:]}{again}"
        future = self._submit(key, self.start, self.shared, data)
        self.running[future] = one
        self.done.add(future)

    def _finish(self, future: Any) -> Iterator[tuple[int, Any, Any]]:
        one = self.running.pop(future)
        result = self._result(future, one)
        future.release()
        if result is not None:
            yield one.number, one.item, self.bar.step(result[0])

    def _result(self, future: Any, one: Sent) -> tuple[Any] | None:
        """The result in a tuple of one, None where the item goes again."""
        from distributed import CancelledError, KilledWorker

        try:
            result = pickle.loads(future.result())
        except KilledWorker as error:
            if not one.alone and self.deaths < MOST_DEATHS_ALONE:
                self.suspects.append(one)
                return None
            self.deaths += one.alone
            result = TaskFailure(None, _death(error, one.alone))
        except CancelledError as error:
            raise self._cancelled() from error
        except RenderModuleException:  # of `work`: this worker is of no use
            raise
        except ImportError as error:
            raise _not_installed(error) from error
        except Exception as error:
            result = TaskFailure(None, one_line(error))
        return (replace(result, item=one.item) if isinstance(result, TaskFailure) else result,)

    def _cancelled(self) -> RenderModuleException:
        if self.client.status != "running":
            return _gone(self.client)
        return RenderModuleException(
            f"tasks were cancelled at the Dask scheduler {self.client.scheduler.address}, or it "
            "was restarted; run again"
        )


def _death(error: Any, alone: bool) -> str:
    """What is known of an item whose workers died."""
    where = getattr(error.last_worker, "address", error.last_worker)
    number = (1 + alone) * (error.allowed_failures + 1)
    return (
        f"the workers that tried it died ({number} in all, the last one {where}): they were "
        "killed, or went beyond their --memory-limit; their logs say which"
    )


def _not_installed(error: ImportError) -> RenderModuleException:
    return RenderModuleException(
        f"a worker cannot import what it needs ({error}): install the same version of "
        "render-python-apps, and what it is used with, on all workers"
    )
