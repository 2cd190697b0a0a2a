"""Seconds of a core that other processes have used, on a machine that does other things, too."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(process: int) -> list[int]:
    """A running process and those that it has started, with theirs."""
    found, new = [process], [process]
    while new:
        new = [child for one in new for child in _children(one)]
        found += new
    return found


def processor_seconds(process: int) -> float:
    """Seconds of a process alone, without those it has started; to a hundredth."""
    return sum(_clock_ticks(process)[:2]) / TICKS


def used(process: int) -> float:
    """Seconds of a process, of those it has started, and of those of them that have ended; to a
    hundredth.
    """
    total = 0.0
    for one in family(process):
        with suppress(OSError):
            total += sum(_clock_ticks(one)) / TICKS
    return total


def used_now(processes: Iterable[int]) -> float:
    """Seconds of processes that run, exactly: by their clocks (clock_getcpuclockid(3))."""
    total = 0.0
    for process in processes:
        with suppress(OSError):  # it has ended
            total += time.clock_gettime((~process << 3) | 2)
    return total


def _clock_ticks(process: int) -> list[int]:
    """Of the process as a user and in the system, and the same of its children that have ended."""
    numbers = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return [int(number) for number in numbers[11:15]]


def _children(process: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(OSError):
                found += map(int, (thread / "children").read_text().split())
    return found
