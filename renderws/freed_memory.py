"""What the C library does with memory that is freed: kept for pictures, given back after floods."""

from __future__ import annotations

import ctypes
import os
from typing import Any

from renderws.limits import MEGABYTE

KEPT_BYTES = 96 * MEGABYTE  # of freed memory per arena
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # parameter numbers of malloc.h


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None


def keep_freed_memory() -> None:
    """Let the C library keep what pictures free, for those that follow.

    By default it maps and unmaps the pages of every large array, and the faults on fresh pages
    cost as much as encoding a picture. Nothing is done where the library has no such setting.
    """
    choose = _function("mallopt")
    if choose is not None:
        for parameter, size in ((M_MMAP_THRESHOLD, 32 * MEGABYTE), (M_TRIM_THRESHOLD, KEPT_BYTES)):
            choose(parameter, size)


def give_freed_memory_back() -> None:
    """Return to the system what the C library keeps, where it can."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)
