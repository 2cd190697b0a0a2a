"""Pool of pathos, which can send lambdas and closures to its processes; needs pathos installed."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from pathos.multiprocessing import ProcessPool


class PathosWithPool(ProcessPool):
    """Pool of processes that finishes its work when its `with` block ends."""

    def __enter__(self) -> Self:
        # pathos hands out one pool per number of processes again and again, even when closed
        self.restart(force=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        self.join()
        self.clear()


WithPool = PathosWithPool
