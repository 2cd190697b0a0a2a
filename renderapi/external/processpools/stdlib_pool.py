"""Pools of the standard library that finish their work when their `with` block ends."""

from __future__ import annotations

import multiprocessing.pool
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self


class _Finishing:
    """Closes the pool and waits for it at the end of the block, also after an exception."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()  # type: ignore[attr-defined]
        self.join()  # type: ignore[attr-defined]


class WithMultiprocessingPool(_Finishing, multiprocessing.pool.Pool):
    """Pool of processes, started the way that is the default of the platform."""


class WithThreadPool(_Finishing, multiprocessing.pool.ThreadPool):
    """Pool of threads."""


class WithDummyMapPool:
    """Pool that works in the calling thread, one item after the other."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.arguments = (args, kwargs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def map(self, func: Callable[..., Any], *iterables: Iterable[Any]) -> list[Any]:
        """Results of `func` for the items of one or several iterables."""
        return list(map(func, *iterables))


WithPool = WithMultiprocessingPool
