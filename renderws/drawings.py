"""The pictures that are being drawn, each of which can be told to stop."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from threading import Lock
from typing import Any

from renderapi.rendering.limits import Stop

Receive = Callable[[], Awaitable[Any]]


class Drawings:
    """Gives each picture its time, and stops all of them at the end.

    Parameters
    ----------
    seconds : float
        Time for one picture, from when a thread takes it up.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._running: set[Stop] = set()
        self._lock = Lock()
        self._is_over = False

    def stop(self) -> Stop:
        """Means to stop a picture that is asked for now."""
        return Stop(self._seconds)

    @contextmanager
    def under_way(self, stop: Stop) -> Iterator[Stop]:
        """Begin the time of a picture, or of a wait; within, it is stopped with all others.

        Raises
        ------
        DrawingStopped
            Nobody waits for it any more, or the service ends.
        """
        with self._lock:
            self._running.add(stop)
            if self._is_over:
                stop.tell("the service is stopping")
        try:
            stop.begin()
            stop.check()
            yield stop
        except BaseException as error:
            _release_pixels(error)
            raise
        finally:
            with self._lock:
                self._running.discard(stop)

    def stop_all(self) -> None:
        """Have all pictures stop, and those that come."""
        with self._lock:
            self._is_over = True
            for stop in self._running:
                stop.tell("the service is stopping")


def _release_pixels(error: BaseException | None) -> None:
    """Let go of what the functions that failed held: an error and they refer to each other.

    Else images that cannot be decoded stay in memory until cycles are looked for.
    """
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@asynccontextmanager
async def stopped_when_gone(stop: Stop, receive: Receive) -> AsyncIterator[None]:
    """Within, the picture is told to stop when its client breaks the connection."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        stop.tell("the client went away")

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
