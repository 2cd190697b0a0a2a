"""Requests that change a stack or a collection whose rows are still being moved (`store.settling`).

Nobody else waits with them: the thread in which changes take turns is left, the rows go in pieces
between which others have theirs, and then the change is tried again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from renderapi.rendering.limits import Stop
from renderws.drawings import Drawings, Receive, stopped_when_gone
from renderws.store.pieces import pause_after
from renderws.store.protocol import StillMoving

T = TypeVar("T")
InThread = Callable[[Callable[[], int]], Awaitable[int]]


class Moving:
    """Moves rows for the changes of one service that wait for them; used by one event loop.

    However many changes wait, one piece at a time is done for all of them, in turn.

    Parameters
    ----------
    drawings : Drawings
        Tells those that wait when the service ends.
    in_thread : callable
        Calls a function in a thread that no change waits for.
    """

    def __init__(self, drawings: Drawings, in_thread: InThread) -> None:
        self._drawings = drawings
        self._in_thread = in_thread
        self._turn = asyncio.Lock()
        self._number = 0

    async def tried(self, change: Callable[[], Awaitable[T]], receive: Receive) -> T:
        """What a change gives, which is tried again after each time it raises `StillMoving`.

        Raises
        ------
        DrawingStopped
            The client went away or the service ends before it could be made: nothing was changed.
        """
        while True:
            try:
                return await change()
            except StillMoving as moving:
                piece = moving.piece
            with self._drawings.under_way(Stop()) as stop:
                async with stopped_when_gone(stop, receive):
                    while await self._moved(piece, stop):
                        continue
                stop.check()

    async def _moved(self, piece: Callable[[], int], stop: Stop) -> int:
        """Do a piece when it is its turn, and let others have theirs."""
        async with self._turn:
            stop.check()
            start = time.perf_counter()
            done = await self._in_thread(piece)
            if done:
                self._number += 1
                await asyncio.sleep(pause_after(self._number, time.perf_counter() - start))
            return done
