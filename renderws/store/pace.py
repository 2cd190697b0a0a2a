"""How many rows a piece of long work may have, by how long the last ones took."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable
from typing import Self

GOAL = 0.15
"""Seconds that a piece may take, with its commit. One that takes twice as long, since the disk or
the processor had other things to do, is still short."""
FIRST, FEWEST = 500, 20
"""Rows of the first piece of some work, and of one after all those that took too long."""

_rows: dict[Hashable, int] = {}
_lock = threading.Lock()


class Pace:
    """Measures a piece and sizes the next one of the same work in this process.

    A context around the transaction, so that its commit counts: what it writes to the disk can
    take longer than the changes themselves.
    """

    def __init__(self, work: Hashable) -> None:
        self._work = work
        self._start = 0.0
        self._given = self._done = 0

    def rows(self, most: int) -> int:
        """How many rows this piece may have; its time begins now, without the wait for others."""
        self._start = time.perf_counter()
        with _lock:
            self._given = min(most, _rows.get(self._work, FIRST))
        return self._given

    def done(self, rows: int) -> int:
        """Note, and return, how many rows it has had."""
        self._done = rows
        return rows

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if self._done and error is None:
            allowed = next_rows(self._given, self._done, time.perf_counter() - self._start)
            with _lock:
                _rows[self._work] = allowed


def next_rows(given: int, done: int, seconds: float) -> int:
    """How many rows the next piece may have: as many as would have taken its time, at most twice as
    many; none fewer after one that was in time.
    """
    fitting = int(done * min(2.0, GOAL / max(seconds, 1e-9)))
    return max(FEWEST, fitting) if seconds > GOAL else max(given, fitting)
