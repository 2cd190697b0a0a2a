"""How much a run says: one rule for a module's process and for those that work for it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(levelname)s %(name)s: %(message)s"
ACCESS = "renderws.access"

_lock = threading.Lock()
_running: list[int | str] = []  # levels of the modules that run, in the order of their starts
_before: list[int] = []  # levels of the loggers before the first of these


def follow(level: int | str) -> None:
    """Let all loggers follow a module's `log_level`.

    The requests to the embedded service, a line each, are told at DEBUG only.
    """
    logging.basicConfig(format=FORMAT)
    logging.getLogger().setLevel(level)
    number = logging.getLevelName(level) if isinstance(level, str) else level
    quiet = number == logging.INFO
    logging.getLogger(ACCESS).setLevel(logging.WARNING if quiet else logging.NOTSET)


@contextmanager
def following(level: int | str) -> Iterator[None]:
    """`follow` while a module runs; a process may run several, also at once in threads.

    The one that began last is followed; when none is left, loggers are as they were before all.
    """
    loggers = [logging.getLogger(), logging.getLogger(ACCESS)]
    with _lock:
        if not _running:
            _before[:] = [logger.level for logger in loggers]
        _running.append(level)
        follow(level)
    try:
        yield
    finally:
        with _lock:
            _running.remove(level)
            if _running:
                follow(_running[-1])
            else:
                for logger, one in zip(loggers, _before, strict=True):
                    logger.setLevel(one)
