"""What is done when the process is told to stop, beside what the server does."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any


def when_told_to_stop(act: Callable[[], None]) -> None:
    """Have the running loop call `act` at SIGTERM and SIGINT, whose handlers stay in force."""
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        _add_handler(number, signal.getsignal(number), loop, act)


def _add_handler(
    number: int, before: Any, loop: asyncio.AbstractEventLoop, act: Callable[[], None]
) -> None:
    told = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal told
        if not told:
            told = True
            loop.call_soon_threadsafe(act)
        if callable(before):
            before(number, frame)

    signal.signal(number, handle)
