"""Temporary files of the tests in memory, where the machine has room for them.

Each test has a store of its own, and each write to a store waits for the disk (`synchronous=FULL`):
on a disk this is a third of the time of the whole suite. Kill and crash tests show the same in
memory: what a killed process has given to the system stays there.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 6 * 2**30  # a whole run leaves up to 2 GB; a container's /dev/shm often has 64 MB


def use_memory() -> None:
    """Let pytest make its temporary folders in memory, unless told where or there is no room."""
    if "PYTEST_DEBUG_TEMPROOT" in os.environ or "TMPDIR" in os.environ:
        return
    if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ENOUGH:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
