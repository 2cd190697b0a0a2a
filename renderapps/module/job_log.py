"""The last lines that a run has logged."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from renderapps.module.hidden import cut

LINES, LONGEST_LINE = 100, 300
_NOT_OURS = ("renderws.access", "urllib3")  # a line for each request


class LogTail(logging.Handler):
    """Keeps the last lines of everything that is logged, at the levels that loggers have anyway.

    Attributes
    ----------
    lines : deque of str
    count : int
        How many there were.
    silent_thread : int or None
        What this thread logs is left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lines: deque[str] = deque(maxlen=LINES)
        self.count = 0
        self.silent_thread: int | None = None
        form = logging.Formatter("%(asctime)sZ %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
        form.converter = time.gmtime
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, or the lines of a traceback."""
        if record.thread == self.silent_thread:
            return
        if not record.name.startswith(_NOT_OURS):
            with suppress(Exception):  # what cannot be written is told by the other handlers
                lines = self.format(record).splitlines()
                self.lines.extend(cut(line, LONGEST_LINE) for line in lines[-LINES:])
                self.count += len(lines)
        last = logging.lastResort
        if last is not None and record.levelno >= last.level and self._is_alone(record):
            last.handle(record)

    def _is_alone(self, record: logging.LogRecord) -> bool:
        """Whether nobody else handles it: without this one, Python would write it to stderr."""
        logger: logging.Logger | None = logging.getLogger(record.name)
        while logger is not None:
            if any(handler is not self for handler in logger.handlers):
                return False
            logger = logger.parent if logger.propagate else None
        return True


@contextmanager
def log_kept() -> Iterator[LogTail]:
    """Within it what is logged in this process is kept."""
    tail, root = LogTail(), logging.getLogger()
    root.addHandler(tail)
    try:
        yield tail
    finally:
        root.removeHandler(tail)
