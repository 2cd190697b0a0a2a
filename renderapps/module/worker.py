"""What a worker process does: it takes items one by one, and ends with its parent.

`processes` starts the workers; nothing here is used by any other process.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from renderapps.module import log_levels
from renderapps.module.tasks import TaskFailure, attempt

POLL_SECONDS = 0.2
_busy = False  # whether there is an item in hand
_file = ""  # that the function was taken from


def start(parent: int, *_: Any) -> None:
    """Called first in a worker; `parent` is the number of the process that has started it."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as in the background of a script
        signal.signal(signal.SIGINT, _stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    """End with the parent: if it was killed, a worker would wait for work, or still write files.

    Where the call is over, whose file is then gone, what it has taken of memory is given back.
    """
    global _file
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
        if _file and not os.path.exists(_file):
            _file = ""
            _function_in.cache_clear()
            gc.collect()
    os._exit(1)


def _stop(*_: Any) -> None:
    """The keyboard stops an item, which tidies up, and then the worker; the parent tells it."""
    if not _busy:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def work(path: str, item: Any) -> Any:
    """Result of the function in the file `path`, or a TaskFailure without the item."""
    global _busy
    try:
        _busy = True
        result = attempt(partial(_call, path), item)
    except KeyboardInterrupt:
        os._exit(1)
    finally:
        _busy = False
    return replace(result, item=None) if isinstance(result, TaskFailure) else result


def _call(path: str, item: Any) -> Any:
    return _function_in(path)(item)


@lru_cache(maxsize=1)
def _function_in(path: str) -> Callable[[Any], Any]:
    global _file
    _file = path
    function, level = pickle.loads(Path(path).read_bytes())
    log_levels.follow(level)
    return function
