"""Writing blocks of chunked arrays with tensorstore: one open array for each folder and level."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

Json = dict[str, Any]


@cache
def _context() -> Any:
    import tensorstore

    # a worker encodes in one thread, while the next block is drawn in another
    return tensorstore.Context(
        {"data_copy_concurrency": {"limit": 1}, "cache_pool": {"total_bytes_limit": 0}}
    )


def opened(driver: str, folder: Path, **settings: Any) -> Any:
    """An array of known metadata to be written below `folder`; none of its documents are."""
    import tensorstore

    kvstore = {"driver": "file", "path": os.fspath(folder) + "/"}
    spec = {"driver": driver, "kvstore": kvstore, **settings}
    return tensorstore.open(
        spec, open=True, assume_metadata=True, write=True, context=_context()
    ).result()


def write_block(array: Any, start: tuple[int, ...], block: NDArray) -> None:
    """Write a block at `start`; both in the order of the array's axes."""
    at = tuple(slice(s, s + n) for s, n in zip(start, block.shape, strict=True))
    array[at].write(block, can_reference_source_data_indefinitely=True).result()
