"""Progress of a piece of work: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from renderapps.module.job import current_job

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts `total` steps of what `description` says; silent without a description.

    `arrived` is called with the result of each. Without a total it is not known how many there
    will be.
    """

    def __init__(
        self,
        description: str | None,
        total: int | None = None,
        logger: logging.Logger | None = None,
        arrived: Callable[[Any], object] | None = None,
    ) -> None:
        self.description = description
        self.total = total
        self.arrived = arrived
        self.done = 0
        self.logger = logger or logging.getLogger(__name__)
        self._bar: Any = None
        self._task: Any = None
        self._last_line = 0.0
        self._job = current_job() if description else None

    def __enter__(self) -> Self:
        self._last_line = time.monotonic()
        self._tell()
        if self.description and self.total not in (0, 1) and sys.stderr.isatty():
            self._start_bar()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, result: T) -> T:
        """One more is done; gives `result` back."""
        self.done += 1
        if self.arrived is not None:
            self.arrived(result)
        self._tell()
        if self._bar is not None:
            self._bar.advance(self._task)
        elif self.description:
            self._log()
        return result

    def _tell(self) -> None:
        """Let those know who look at the run from elsewhere."""
        if self._job is not None:
            total = self.done if self.total is None else self.total
            self._job.advance(str(self.description), self.done, total)

    def _start_bar(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        self._bar = RichProgress(*columns, console=Console(stderr=True))
        self._task = self._bar.add_task(self.description, total=self.total)
        self._bar.start()

    def _log(self) -> None:
        now = time.monotonic()
        if self.done == self.total or now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            of_all = "" if self.total is None else f" of {self.total}"
            self.logger.info("%s: %d%s", self.description, self.done, of_all)
