"""A few results of the last requests, kept as long as what they were made from stays the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


class Kept:
    """Results by their keys, the least recently used of which go first.

    A key holds all that a result follows from, the data version of its stack above all.

    Parameters
    ----------
    most : int
        Results that are kept.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._results: OrderedDict[Hashable, Any] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The result of a key, made where it is not there; two threads may make it both."""
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                found: T = self._results[key]
                return found
        made = make()
        with self._lock:
            self._results[key] = made
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        return made


class KeptVolumes:
    """What is kept of stacks that are read as volumes."""

    def __init__(self) -> None:
        self.descriptions = Kept(32)
        self.ranges = Kept(32)
        self.ends = Kept(256)
        self.chunks = Kept(64)
        self.full_scale = Kept(64)
