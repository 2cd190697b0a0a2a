"""The connections of one process: how many there may be, and how long they may take."""

from __future__ import annotations

from typing import Any, Protocol

from renderws.bodies import Bodies
from renderws.limits import MEGABYTE, Limits

RESERVED_DESCRIPTORS = 256
"""Left for the store, images and connections that are being accepted."""
FEWEST = 16
KEEP_ALIVE_SECONDS = 75.0  # clients compute for a while between two requests
LEAST_SENT = MEGABYTE


class Connection(Protocol):
    """What the registry needs to know of a connection.

    Attributes
    ----------
    since : float
        When it was made or its last answer was complete.
    begun : float or None
        When the first byte of the request came whose headers are not complete.
    served : bool
        Whether a request was answered before.
    mark : (int, float) or None
        Bytes that the client had taken, and when, while more waits for it.
    """

    since: float
    begun: float | None
    served: bool
    mark: tuple[int, float] | None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""

    @property
    def sending(self) -> tuple[int, int]:
        """Bytes that the client has taken, and that wait for it."""

    def refuse(self, status: int, line: str) -> None:
        """Answer with one line and close."""

    def close(self) -> None:
        """Close when everything was sent."""

    def abort(self) -> None:
        """Close at once."""


class Connections:
    """Open connections; those beyond the limits are closed. Used by one event loop."""

    def __init__(self, limits: Limits, bodies: Bodies) -> None:
        self.most = most_connections(limits.max_connections)
        self.max_header_bytes = limits.max_header_bytes
        self._header_seconds = limits.header_seconds
        self._send_seconds = limits.send_seconds
        self._bodies = bodies
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Note down a new connection; where there are too many, one is closed."""
        self._open[connection] = None
        if len(self._open) > self.most:
            self._make_room(connection)

    def remove(self, connection: Connection) -> None:
        """Forget a connection that is closed."""
        self._open.pop(connection, None)

    def _make_room(self, newcomer: Connection) -> None:
        """Close the idle connection that has been so longest, before it those never served."""
        idle = [one for one in self._open if one is not newcomer and one.is_idle]
        if idle:
            chosen = min(idle, key=lambda one: (one.served, one.since))
            self.remove(chosen)
            chosen.close()
        elif not self._bodies.give_up_stalled():
            self.remove(newcomer)
            newcomer.refuse(503, "too many connections, try again")

    def check(self, now: float) -> None:
        """Close the connections that are late."""
        for connection in list(self._open):
            if not self._takes_its_answer(connection, now):
                connection.abort()
            elif connection.is_idle:
                self._check_idle(connection, now)

    def _check_idle(self, connection: Connection, now: float) -> None:
        waits = KEEP_ALIVE_SECONDS if connection.served else self._header_seconds
        if connection.begun is not None and now - connection.begun > self._header_seconds:
            connection.refuse(408, f"the headers did not arrive within {self._header_seconds:g} s")
        elif connection.begun is None and now - connection.since > waits:
            connection.close()

    def _takes_its_answer(self, connection: Connection, now: float) -> bool:
        taken, waiting = connection.sending
        if not waiting:
            connection.mark = None
            return True
        if connection.mark is None or taken - connection.mark[0] >= LEAST_SENT:
            connection.mark = taken, now
        return now - connection.mark[1] <= self._send_seconds


def most_connections(asked: int) -> int:
    """As many connections as asked for, but no more than this process has descriptors for."""
    try:
        import resource
    except ImportError:
        return asked
    soft: Any = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return asked
    return min(asked, max(FEWEST, soft - RESERVED_DESCRIPTORS))
