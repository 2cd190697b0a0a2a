"""Which run this is, and whether another one still goes on."""

from __future__ import annotations

import os
import platform
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Run:
    """One run of a module: what it is called and the id that its unfinished stacks carry."""

    module: str
    id: str = field(default_factory=lambda: secrets.token_hex(4))

    def unfinished(self, stack: str) -> str:
        """Name of the stack that this run builds beside `stack`."""
        return unfinished_name(stack, self.id)

    @property
    def holder(self) -> dict[str, Any]:
        """What others are told about this run, by which they find out whether it goes on."""
        pid = os.getpid()
        return {
            "name": f"{self.module}, pid {pid} on host {platform.node()}",
            "run": self.id,
            "pid": pid,
            "started": start_of(pid),
            "machine": machine(),
        }


def unfinished_name(stack: str, run: str) -> str:
    """Name of a stack that a run builds beside another.

    >>> unfinished_name("raw", "3fa9c1d2")
    'raw_unfinished_3fa9c1d2'
    """
    return f"{stack}_unfinished_{run}"


def unfinished_of(name: str) -> tuple[str, str] | None:
    """The stack beside which one of such a name is built, and the run that builds it.

    >>> unfinished_of("raw_unfinished_3fa9c1d2")
    ('raw', '3fa9c1d2')
    """
    found = re.fullmatch(r"(.+)_unfinished_([0-9a-f]{8})", name)
    return None if found is None else (found[1], found[2])


def is_over(holder: Mapping[str, Any]) -> bool:
    """Whether a run was on this machine and is no more; of other machines nobody knows."""
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
