"""Waiting for what happens and not for a time: machines are as fast, and as busy, as they are."""

from __future__ import annotations

import time
from pathlib import Path

SECONDS = 100
"""After these a test gives up; what it waits for takes a moment."""


def wait_until(holds, otherwise="it never happened", pause=0.02):
    """Wait until a function gives something that is true, and give that; else fail with a text."""
    end = time.monotonic() + SECONDS
    while not (found := holds()):
        assert time.monotonic() < end, otherwise
        time.sleep(pause)
    return found


def children(process):
    """Numbers of the processes that a process has started and that are not over."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        state = _state(path)
        if state and int(state[1]) == process and state[0] != "Z":
            found.append(int(path.parent.name))
    return found


def is_alive(process):
    """Whether a process of this number goes on."""
    state = _state(Path(f"/proc/{process}/stat"))
    return bool(state) and state[0] != "Z"


def is_working(process):
    """Whether a thread of a process, or of those that it has started, runs or is about to, most of
    the time.
    """
    looks = 0
    for _ in range(10):
        looks += any(map(_runs, [process, *children(process)]))
        time.sleep(0.02)
    return looks > 5


def is_left(connection):
    """Whether the process at the other end of a connection of this machine has closed it, though
    what it had sent is not read yet.
    """
    ends = [f"{socket[1]:04X}" for socket in (connection.getpeername(), connection.getsockname())]
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, remote, state = line.split()[1:4]
        if [local[-4:], remote[-4:]] == ends:
            return state != "01"
    return True


def _runs(process):
    """Whether a thread of a process runs, or waits for nothing but a processor."""
    states = map(_state, Path(f"/proc/{process}/task").glob("*/stat"))
    return any(state and state[0] == "R" for state in states)


def _state(path):
    """Fields of the state of a process or a thread, from its letter on; none where it is over."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []
