"""How many threads OpenCV uses, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def cv2_threads(number: int) -> Iterator[None]:
    """Let OpenCV use `number` threads within a `with` block; as before after it.

    The number is that of the whole process: set it where work is divided up, not in the parts.
    """
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(number)
    try:
        yield
    finally:
        cv2.setNumThreads(before)
