"""Whether a process that is named by machine, number and start still is.

What a process says of itself (`process`) may be kept anywhere, and read on any machine.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def process() -> dict[str, Any]:
    """This process: its machine, its id, and when it was started."""
    pid = os.getpid()
    return {"machine": machine(), "pid": pid, "started": start_of(pid)}


def is_over(holder: Mapping[str, Any]) -> bool:
    """Whether a process was on this machine and is no more; of other machines nobody knows.

    `holder` has `machine`, `pid` and `started`, as `process` gives them.
    """
    if holder.get("machine") != machine() or not isinstance(holder.get("pid"), int):
        return False
    return start_of(holder["pid"]) != holder.get("started")


def machine() -> str:
    """This machine since it was started, or the container: where process ids mean the same."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
        parts.append(os.readlink("/proc/self/ns/pid"))
    return " ".join(parts)


def start_of(pid: int) -> str | None:
    """When a process was started, in a form that only says "the same one"; None: it is no more."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
        with suppress(PermissionError):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return None
        return "unknown"
    state, *values = stat.rpartition(")")[2].split()
    return None if state in "ZX" else values[18]
