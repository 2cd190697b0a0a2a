"""Tasks on a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from renderapps.module.errors import RenderModuleException
from renderapps.module.progress import Progress
from renderapps.module.tasks import TaskFailure, attempt, one_line


def on_cluster(
    function: Callable[[Any], Any], work: list[Any], address: str, bar: Progress
) -> list[Any]:
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise RenderModuleException(
            "dask_scheduler needs Dask: pip install 'render-python-apps[dask]'"
        ) from None
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise RenderModuleException(
            f"no Dask scheduler answers at {address}: {one_line(error)}"
        ) from error
    results: list[Any] = [None] * len(work)
    with client, client.as_current():
        futures = {
            client.submit(attempt, function, item, pure=False): i for i, item in enumerate(work)
        }
        for future in as_completed(list(futures)):
            index = futures[future]
            try:
                results[index] = bar.step(future.result())
            except Exception as error:  # lost with its worker, more often than Dask retries
                results[index] = bar.step(TaskFailure(work[index], one_line(error)))
    return results
