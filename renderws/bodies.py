"""The bodies of requests: read within deadlines, into a memory that all of them share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from renderws.limits import KILOBYTE, Limits
from renderws.routes.answers import HttpError

Receive = Callable[[], Awaitable[Any]]

FREE_BYTES = 256 * KILOBYTE
"""Of each body are not counted: small requests are answered while large ones fill the memory."""
BYTES_A_SECOND = 100 * KILOBYTE
"""By so much a body may be slower than its deadline says."""
STALLED_SECONDS = 2.0
"""A body of which nothing arrived for so long gives way to others when the memory is full."""
_LARGE_PART = 16 * KILOBYTE


class Lease:
    """Part of the memory that one body holds.

    Attributes
    ----------
    size : int
        Bytes that have arrived.
    moved : float
        When the last of them came, by the clock of the loop.
    given_up : HttpError or None
        Why its body is not read any more.
    """

    __slots__ = ("given_up", "moved", "size", "started", "task")

    def __init__(self, now: float, task: asyncio.Task[Any] | None) -> None:
        self.size = 0
        self.started = self.moved = now
        self.task = task
        self.given_up: HttpError | None = None

    @property
    def counted(self) -> int:
        """Bytes that count."""
        return max(0, self.size - FREE_BYTES)

    def give_up(self, reason: HttpError) -> None:
        """Let the task that reads the body stop, and answer with `reason`."""
        self.given_up = reason
        if self.task is not None:
            self.task.cancel()


class Bodies:
    """Memory and deadlines of the bodies of one service; used by one event loop.

    `give_back` is called after bodies were lost: it may return freed memory to the system.
    """

    def __init__(self, limits: Limits, give_back: Callable[[], Any] = lambda: None) -> None:
        self._most = limits.max_bodies_bytes
        self._seconds = limits.body_seconds
        self._leases: set[Lease] = set()
        self._reading: set[Lease] = set()
        self._give_back = give_back
        self._lost = False

    @property
    def held(self) -> int:
        """Bytes that count, of all bodies."""
        return sum(lease.counted for lease in self._leases)

    def begin(self) -> Lease:
        """A body whose request has begun."""
        lease = Lease(asyncio.get_running_loop().time(), asyncio.current_task())
        self._leases.add(lease)
        self._reading.add(lease)
        return lease

    def read(self, lease: Lease) -> None:
        """The body is complete; it stays in memory."""
        self._reading.discard(lease)

    def lose(self, lease: Lease) -> None:
        """The body is never going to be complete."""
        self.end(lease)
        self._lost |= lease.size > FREE_BYTES

    def end(self, lease: Lease) -> None:
        """The body is not needed any more."""
        self._leases.discard(lease)
        self._reading.discard(lease)

    def grow(self, lease: Lease, size: int) -> None:
        """More has arrived; 503 when there is no room for it."""
        lease.size += size
        lease.moved = asyncio.get_running_loop().time()
        if lease.size > FREE_BYTES and self.held > self._most:
            self._make_room(lease)

    def _make_room(self, lease: Lease) -> None:
        """Give up stalled bodies, the largest first, or this one."""
        stalled = [
            one
            for one in self._reading
            if lease.moved - one.moved >= STALLED_SECONDS and one.counted
        ]
        for one in sorted(stalled, key=lambda one: one.size, reverse=True):
            self._drop(one, HttpError(503, _FULL, _AGAIN))
            if self.held <= self._most:
                return
        raise HttpError(503, _FULL, _AGAIN)

    def _drop(self, lease: Lease, reason: HttpError) -> None:
        self.end(lease)
        lease.give_up(reason)

    def give_up_stalled(self) -> bool:
        """Give up the body that has been waited for longest; whether there was one."""
        now = asyncio.get_running_loop().time()
        stalled = [one for one in self._reading if now - one.moved >= STALLED_SECONDS]
        if stalled:
            reason = "too many connections, and nothing came of this body for seconds; try again"
            self._drop(min(stalled, key=lambda one: one.moved), HttpError(503, reason, _AGAIN))
        return bool(stalled)

    def check(self, now: float) -> None:
        """Give up the bodies that are late, and give back the memory of those that were lost."""
        if self._lost:
            self._lost = False
            self._give_back()
        for lease in list(self._reading):
            if now > lease.started + self._seconds + lease.size / BYTES_A_SECOND:
                reason = f"the request body did not arrive within {self._seconds:g} s"
                self._drop(lease, HttpError(408, reason, {"Connection": "close"}))


_FULL = "the memory for request bodies is full, try again"
_AGAIN = {"Connection": "close", "Retry-After": "5"}


async def gather(receive: Receive, limit: int, bodies: Bodies, lease: Lease) -> bytes:
    """The whole body; `HttpError` when it is larger than `limit` bytes, late, or finds no room."""
    try:
        body = await _gathered(receive, limit, bodies, lease)
    except asyncio.CancelledError:
        bodies.lose(lease)
        if lease.given_up is None or lease.task is None:
            raise
        lease.task.uncancel()
        raise lease.given_up from None
    except HttpError:
        bodies.lose(lease)
        raise
    bodies.read(lease)
    return body


async def _gathered(receive: Receive, limit: int, bodies: Bodies, lease: Lease) -> bytes:
    parts: list[bytes | bytearray] = []
    more = True
    while more:
        message = await receive()
        body = _part(message)
        bodies.grow(lease, len(body))
        _check(lease.size, limit)
        if not parts or len(body) >= _LARGE_PART:
            parts.append(body)
        elif body:
            _add_small(parts, body)
        more = message.get("more_body", False)
    return body if len(parts) == 1 and body else b"".join(parts)


def _add_small(parts: list[bytes | bytearray], body: bytes) -> None:
    """Gather small parts in larger ones: each would take more memory than its bytes."""
    last = parts[-1]
    if isinstance(last, bytearray) and len(last) < _LARGE_PART:
        last += body
    else:
        parts.append(bytearray(body))


def _part(message: Any) -> bytes:
    if message["type"] == "http.disconnect":
        raise HttpError(400, "the client went away")
    part: bytes = message.get("body", b"")
    return part


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise too_large(limit)


def too_large(limit: int) -> HttpError:
    """413 for a body."""
    return HttpError(
        413,
        f"the request body is larger than {limit} bytes; send it in parts",
        {"Connection": "close"},
    )
