"""Tasks on this machine's processors, in worker processes.

Processes are spawned, never forked: threads of the HTTP session, of numba and of SQLite do not
survive a fork. The function goes to each worker once, the items one by one. An item that fails, or
whose worker dies, is recorded and the others go on.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from renderapps.module.errors import RenderModuleException
from renderapps.module.progress import Progress
from renderapps.module.tasks import TaskFailure, attempt, one_line

_ORIGIN = ("__file__", "__spec__")  # by which a worker would find the program of its parent
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


_function: Callable[[Any], Any] | None = None  # of this worker process
_busy = False  # whether it has an item in hand


def _start_worker(function: Callable[[Any], Any], level: int) -> None:
    global _function
    logging.basicConfig(level=level)
    _function = function
    signal.signal(signal.SIGINT, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever, or still write files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _stop(*_: Any) -> None:
    """The keyboard stops an item, which tidies up, and then the worker; the parent tells it."""
    if _busy:
        raise KeyboardInterrupt
    os._exit(1)


def _work(item: Any) -> Any:
    global _busy
    assert _function is not None
    try:
        _busy = True
        return _without_item(attempt(_function, item))
    except KeyboardInterrupt:
        os._exit(1)
    finally:
        _busy = False


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


def _without_item(result: Any) -> Any:
    """A failure need not carry its item back: the other side has it."""
    return replace(result, item=None) if isinstance(result, TaskFailure) else result


def _with_item(result: Any, item: Any) -> Any:
    return replace(result, item=item) if isinstance(result, TaskFailure) else result


def _ready() -> bool:
    return True


def in_processes(
    function: Callable[[Any], Any], work: list[Any], size: int, bar: Progress
) -> list[Any]:
    """Results of all items; those that a worker may have died of run again one by one."""
    results: list[Any] = [None] * len(work)
    waiting = deque(range(len(work)))
    while waiting:
        suspects = _run_pool(function, work, waiting, size, results, bar)
        for index in suspects:
            alone = deque([index])
            if _run_pool(function, work, alone, 1, results, bar):
                reason = "its worker process died (killed, or out of memory?)"
                results[index] = bar.step(TaskFailure(work[index], reason))
    return results


def _run_pool(
    function: Callable[[Any], Any],
    work: list[Any],
    waiting: deque[int],
    size: int,
    results: list[Any],
    bar: Progress,
) -> list[int]:
    """Work until nothing is waiting or a worker dies; the items that were then running."""
    running: dict[Future[Any], int] = {}
    with _started(_needs_main(function, work[0])), _pool(function, size) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < 2 * size:
                    index = waiting.popleft()
                    running[_submit(pool, work, waiting, index)] = index
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    results[running[future]] = bar.step(_result(future, work[running[future]]))
                    del running[future]
        except BrokenProcessPool:
            return sorted(running.values())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return []


def _submit(pool: ProcessPoolExecutor, work: list[Any], waiting: deque[int], index: int) -> Any:
    try:
        with _keyboard_later():
            return pool.submit(_work, work[index])
    except BrokenProcessPool:
        waiting.appendleft(index)  # it never began
        raise


def _result(future: Future[Any], item: Any) -> Any:
    try:
        return _with_item(future.result(), item)
    except BrokenProcessPool:
        raise
    except Exception as error:  # the item or its result cannot be pickled
        reason = f"it or its result cannot travel between processes: {one_line(error)}"
        return TaskFailure(item, reason, traceback.format_exc())


def _needs_main(function: Callable[[Any], Any], item: Any) -> bool:
    """Whether a worker has to know what the program itself defines."""
    try:
        return b"__main__" in pickle.dumps((function, item))
    except Exception:  # it cannot travel, which is told where it is sent
        return True


@contextmanager
def _started(needs_main: bool) -> Iterator[None]:
    """Processes started within run the program of this one only if they need something of it.

    Else a script or notebook that runs a module would be run again by every worker, unless all it
    does stood below `if __name__ == "__main__"`.
    """
    main = sys.modules["__main__"]
    hidden = {} if needs_main else {k: v for k, v in vars(main).items() if k in _ORIGIN}
    try:
        vars(main).update(dict.fromkeys(hidden))
        yield
    finally:
        vars(main).update(hidden)


@contextmanager
def _pool(function: Callable[[Any], Any], size: int) -> Iterator[ProcessPoolExecutor]:
    """Pool whose workers are known to have started."""
    level = logging.getLogger().getEffectiveLevel()
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(size, context, initializer=_start_worker, initargs=(function, level))
    with pool, _threads_per_worker(max(1, cpu_count() // size)):
        broken = None
        try:
            with _keyboard_later():
                ready = pool.submit(_ready)
            ready.result()
        except BrokenProcessPool as error:
            broken = error
        if broken is not None:
            # the keyboard ends workers too, and another thread may have taken the signal meant for
            # this one: let it come first
            time.sleep(0.1)
            raise RenderModuleException(
                "the worker processes do not start: a script that runs modules needs "
                "`if __name__ == '__main__':` around the call (or use pool_size 1)"
            ) from broken
        yield pool


@contextmanager
def _threads_per_worker(number: int) -> Iterator[None]:
    """Processes started within use `number` threads each, unless the user has said."""
    ours = [name for name in _THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(ours, str(number)))
    try:
        yield
    finally:
        for name in ours:
            os.environ.pop(name, None)
