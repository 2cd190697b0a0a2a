"""Tasks on this machine's processors, in worker processes that wait a while for the next ones.

The workers are loky's: started afresh, never forked, since threads of the HTTP session, of numba
and of SQLite do not survive a fork; without running the program that starts them; and kept from
call to call, so that of several steps of a process only the first waits for their start. What a
call runs goes to each worker once, the items one by one. An item that fails, or whose worker dies,
is recorded and the others go on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from renderapps.module import worker
from renderapps.module.errors import RenderModuleException
from renderapps.module.progress import Progress
from renderapps.module.tasks import TaskFailure, attempt, one_line

if TYPE_CHECKING:
    from loky import ProcessPoolExecutor

IDLE_SECONDS = 10  # for which workers wait for the next call; about ten times what a start takes
WAIT_SECONDS = 0.01  # for workers that wait already, before this process begins itself
TRIES = 2  # to start workers
TIDY_SECONDS = 5.0  # for which the keyboard lets items tidy up
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


def cpu_count() -> int:
    """Number of processors of this machine, at least 1."""
    return os.cpu_count() or 1


def workers_wait() -> bool:
    """Whether workers of an earlier call wait for work, so that none need be started."""
    return any(_workers())


def end_workers() -> None:
    """End the workers that wait, at the end of a program, which would wait for them else."""
    for pool in list(_pools):
        pool.shutdown(kill_workers=True)


_pools: WeakSet[ProcessPoolExecutor] = WeakSet()


def _workers() -> list[Any]:
    return [p for p in multiprocessing.active_children() if p.name.startswith("LokyProcess")]


@dataclass
class _Work:
    """The items of one call, and what has become of them; `threads` are those of each worker."""

    items: list[Any]
    task: Callable[[Any], Any]
    bar: Progress
    threads: int
    results: dict[int, Any] = field(default_factory=dict)

    def done(self, index: int, result: Any) -> None:
        """Keep a result; a failure knows its item."""
        if isinstance(result, TaskFailure):
            result = replace(result, item=self.items[index])
        self.results[index] = self.bar.step(result)


def in_processes(
    function: Callable[[Any], Any],
    items: list[Any],
    size: int,
    bar: Progress,
    also_here: bool = False,
) -> list[Any]:
    """Results of all items; those that a worker may have died of run again one by one.

    With `also_here` this process is one of the `size`, and begins while the others start.
    """
    here = function if also_here else None
    workers = max(size - 1, min(size, len(_workers()))) if also_here else size
    with _sent(function) as task:
        work = _Work(items, task, bar, max(1, cpu_count() // size))
        waiting, in_vain = deque(range(len(items))), 0
        while waiting:
            before = len(waiting)
            suspects, _ = _run(work, waiting, workers, here)
            for index in suspects:
                found, reason = _run(work, deque([index]), 1)
                if found or index not in work.results:
                    work.done(index, TaskFailure(None, reason))
            in_vain = in_vain + 1 if len(waiting) == before else 0
            if in_vain == TRIES:
                raise RenderModuleException(
                    "the worker processes do not start, or end at once (killed, or out of "
                    "memory?): give pool_size 1"
                )
    return [work.results[index] for index in range(len(items))]


def _run(
    work: _Work, waiting: deque[int], size: int, here: Callable[[Any], Any] | None = None
) -> tuple[list[int], str]:
    """Work until nothing is waiting or a worker dies; the items that were then running, and why."""
    running: dict[Future[Any], int] = {}
    pool = _pool(size, work.threads)
    try:
        ready = _submit(pool, os.getpid)
        wait([ready], None if here is None else WAIT_SECONDS)
        while waiting or running:
            while ready.done() and waiting and len(running) < 2 * size:
                ready.result()
                index = waiting[0]
                running[_submit(pool, work.task, work.items[index])] = index
                waiting.popleft()
            if here is not None and waiting:
                index = waiting.popleft()
                work.done(index, attempt(here, work.items[index]))
                finished = {future for future in running if future.done()}
            else:
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                work.done(running[future], _result(future))
                del running[future]
    except BrokenProcessPool as error:
        # the keyboard ends workers too, and another thread may have taken the signal meant for
        # this one: let it come first
        time.sleep(0.1)
        return sorted(running.values()), _reason(error)
    except BaseException:
        _stop_all(pool)
        raise
    return [], ""


def _submit(pool: ProcessPoolExecutor, function: Callable[..., Any], *args: Any) -> Future[Any]:
    with _keyboard_later():
        return pool.submit(function, *args)


def _result(future: Future[Any]) -> Any:
    try:
        return future.result()
    except BrokenProcessPool:
        raise
    except Exception as error:  # the item or its result cannot be pickled
        return TaskFailure(None, _cannot_travel(error), traceback.format_exc())


def _reason(error: BrokenProcessPool) -> str:
    from loky.process_executor import TerminatedWorkerError

    if isinstance(error, TerminatedWorkerError):
        return "its worker process died (killed, or out of memory?)"
    return _cannot_travel(error)


def _cannot_travel(error: Exception) -> str:
    return f"it or its result cannot travel between processes: {one_line(error)}"


def _pool(size: int, threads: int) -> ProcessPoolExecutor:
    """Workers: those of the last call, others where what they found at their start has changed."""
    from loky import get_reusable_executor

    _start_trackers()
    with _keyboard_later():
        pool = get_reusable_executor(
            size,
            timeout=IDLE_SECONDS,
            kill_workers=True,  # those that are replaced have nothing in hand
            initializer=worker.start,
            initargs=(os.getpid(), os.getcwd(), tuple(sys.path)),
            env=_environment(threads),
        )
    _pools.add(pool)
    return pool


def _start_trackers() -> None:
    """Start what watches over the workers: started later, it would undo `_keyboard_later`."""
    from loky.backend import resource_tracker as of_loky

    resource_tracker.ensure_running()
    of_loky.ensure_running()


def _environment(threads: int) -> dict[str, str]:
    """Each worker uses so many threads, unless the user has said, and as much memory as it needs:
    its caches are limited, and no leak for which loky would replace it.
    """
    ours = dict.fromkeys(_THREAD_VARIABLES, str(threads))
    return ours | {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"} | dict(os.environ)


def _stop_all(pool: ProcessPoolExecutor) -> None:
    """End the workers; those that have an item in hand may tidy up first."""
    workers = _workers()
    for process in workers:
        with suppress(ProcessLookupError, TypeError):
            os.kill(process.pid, signal.SIGINT)
    end = time.monotonic() + TIDY_SECONDS
    for process in workers:
        process.join(max(0.0, end - time.monotonic()))
    pool.shutdown(kill_workers=True)


@contextmanager
def _keyboard_later() -> Iterator[None]:
    """The keyboard stops nothing within: a worker that is being started would print where it was.

    The worker inherits the mask, and ends it when it is ready. Here other threads may take the
    signal, so the handler waits too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[Any] = []
    handler = signal.signal(signal.SIGINT, lambda *told: came.append(told))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
        if came and callable(handler):
            handler(*came[0])


@contextmanager
def _sent(function: Callable[[Any], Any]) -> Iterator[Callable[[Any], Any]]:
    """What a worker runs instead: it takes the function from a file, which may be large, once."""
    import cloudpickle

    try:
        content = cloudpickle.dumps((function, logging.getLogger().getEffectiveLevel()))
    except Exception as error:
        reason = f"what workers are to do {_cannot_travel(error)}"
        raise RenderModuleException(reason) from error
    with tempfile.NamedTemporaryFile(prefix="renderapps-task-") as file:
        file.write(content)
        file.flush()
        yield partial(worker.work, file.name)
