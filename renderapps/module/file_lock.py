"""One run at a time in a folder of this machine; a run that was killed locks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from renderapps.module.errors import RenderModuleException


@contextmanager
def locked_file(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is not there, and stays.

    Windows has no locks of this kind: nothing is refused there.

    Raises
    ------
    RenderModuleException
        Another run holds it; with the text `refusal`.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise RenderModuleException(refusal) from None
        yield
