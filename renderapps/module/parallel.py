"""One way to do many things at once: on this machine's processors, or on a Dask cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

from renderapps.module.cluster import on_cluster
from renderapps.module.processes import cpu_count, in_processes
from renderapps.module.progress import Progress
from renderapps.module.tasks import attempt

__all__ = ["cpu_count", "each_task", "map_tasks"]


def map_tasks(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    pool_size: int | None = None,
    dask_scheduler: str | None = None,
    progress: str | None = None,
    logger: logging.Logger | None = None,
    also_here: bool = False,
    arrived: Callable[[Any], object] | None = None,
    name: str = "task",
) -> list[Any]:
    """Results of `function` on every item, in their order; a TaskFailure where it failed.

    Parameters
    ----------
    function : callable
        A module-level function (or a `functools.partial` of one) that can be pickled. It must be
        safe to run again on an item: after the death of a worker it may be.
    pool_size : int, optional
        Number of processes; the number of processors by default, 1 works in this process.
    dask_scheduler : str, optional
        Address of a Dask scheduler to send the items to instead, or a file that has it.
    progress : str, optional
        What is being done: shown as a bar on a terminal, logged at INFO elsewhere.
    also_here : bool
        Whether this process is one of the `pool_size`, and begins while the others start. Then an
        item that ends its process, or takes much memory, does so to this one.
    arrived : callable, optional
        Called in this process with each result, or TaskFailure, as it comes.
    name : str
        What the dashboard of the cluster calls the tasks: the module.

    Raises
    ------
    RenderModuleException
        Where no worker can be started, or Dask is not installed or not reachable.
    """
    if dask_scheduler:
        done = each_task(function, items, dask_scheduler, progress, logger, name, arrived=arrived)
        found = sorted(((place, result) for place, _, result in done), key=lambda one: one[0])
        return [result for _, result in found]
    work = list(items)
    size = min(pool_size or cpu_count(), max(len(work), 1))
    with Progress(progress, len(work), logger, arrived) as bar:
        if size == 1:
            return [bar.step(attempt(function, item)) for item in work]
        return in_processes(function, work, size, bar, also_here)


def each_task(
    function: Callable[[Any], Any],
    items: Iterable[Any],
    dask_scheduler: str,
    progress: str | None = None,
    logger: logging.Logger | None = None,
    name: str = "task",
    total: int | None = None,
    arrived: Callable[[Any], object] | None = None,
) -> Iterator[tuple[int, Any, Any]]:
    """As `map_tasks` on a cluster: place, item and result of each item as it is finished.

    Items are taken as they are needed, and nothing is kept of those that are finished. `total` is
    their number, where `items` does not know it.
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Progress(progress, total, logger, arrived) as bar:
        yield from on_cluster(function, items, dask_scheduler, bar, name)
