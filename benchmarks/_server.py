"""A real server process, and one kept connection to it, for what is measured over HTTP."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

OWNER = "/render-ws/v1/owner/bench"
STACK = f"{OWNER}/project/bench/stack/"


class Connection:
    """A connection that is kept; answers are received and not parsed."""

    def __init__(self, port: int, seconds: float = 120) -> None:
        self._http = HTTPConnection("127.0.0.1", port, timeout=seconds)

    def __call__(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Body of the answer; RuntimeError for a status of 400 and more."""
        self._http.request(method, path, body, {"Content-Type": "application/json"})
        answer = self._http.getresponse()
        received = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {received[:200]!r}")
        return received

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


class Server(NamedTuple):
    """A running service: its port and its process id."""

    port: int
    process: int


@contextmanager
def server(folder: Path, *options: str, store: str | None = None) -> Iterator[Server]:
    """`renderapps serve` on a store, by default one in `folder`; stopped at the end."""
    command = [sys.executable, "-m", "renderapps", "serve", "--port", "0"]
    command += [
        "--store",
        store or str(folder / "server.db"),
        "--image-root",
        str(folder),
        *options,
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        found = re.search(r"127\.0\.0\.1:(\d+)", process.stdout.readline())
        if found is None:
            raise RuntimeError("the server did not start")
        yield Server(int(found[1]), process.pid)
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


def peak_memory(process: int) -> float:
    """Megabytes of memory that a running process has needed at most so far.

    From VmHWM: `ru_maxrss` also counts what the parent held when it started the process.
    """
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 1024
