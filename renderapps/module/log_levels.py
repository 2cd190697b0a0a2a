"""How much a run says: one rule for a module's process and for those that work for it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "%(levelname)s %(name)s: %(message)s"
ACCESS = "renderws.access"


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
    """`follow` while a module runs; a process may run several."""
    loggers = [logging.getLogger(), logging.getLogger(ACCESS)]
    before = [logger.level for logger in loggers]
    try:
        follow(level)
        yield
    finally:
        for logger, one in zip(loggers, before, strict=True):
            logger.setLevel(one)
