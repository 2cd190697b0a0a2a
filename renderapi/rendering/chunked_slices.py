"""Slices of N5 and Zarr arrays, through tensorstore.

Where permission is asked for what is opened, the files that hold the slice are opened here, one by
one, and tensorstore decodes what was read: no link leads it elsewhere.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.rendering.limits import DrawingLimits
from renderapi.rendering.opening import Address, Allow, ask, open_file
from renderapi.rendering.volumes import Index, Rectangle, check_region, region_of

_DRIVERS = (("zarr.json", "zarr3"), (".zarray", "zarr"), ("attributes.json", "n5"))
_LONGEST_METADATA = 1 << 20
# beside its own bytes, a chunk that does not compress takes what its codec adds
_CHUNK_EXTRA = 1 << 16


def read_chunked(
    address: Address, rectangle: Rectangle, allow: Allow | None, limits: DrawingLimits
) -> NDArray:
    """Pixels of a rectangle of a Zarr or N5 array: (h, w), of the type that is stored."""
    import tensorstore

    folder = address.opened
    driver, metadata = _metadata(folder, allow)
    spec: dict[str, Any] = {"driver": driver, "metadata": metadata}
    if driver == "n5":
        metadata.pop("n5", None)
    context = tensorstore.Context()
    where = {"driver": "file", "path": f"{folder}/"}
    store = _opened(spec, where, context)
    ordered = store.T if driver == "n5" else store  # as (..., z, y, x)
    region = region_of(ordered.shape, rectangle, address)
    chunk, shard = (tuple(layout.shape) for layout in (store.chunk_layout.read_chunk,
                                                       store.chunk_layout.write_chunk))  # fmt: skip
    check_region(region, chunk, store.dtype.numpy_dtype, limits)
    limits.check_image(math.prod(a // max(b, 1) for a, b in zip(shard, chunk, strict=True)), 16)
    if allow is not None:
        own = region[::-1] if driver == "n5" else region
        keys = list(_keys(driver, metadata, own, shard))
        if shard != chunk:  # large: only what is wanted of it is read
            for key in keys:
                _check_file(folder / key, address, allow)
        else:
            memory = tensorstore.KvStore.open({"driver": "memory"}, context=context).result()
            most = math.prod(chunk) * store.dtype.numpy_dtype.itemsize + _CHUNK_EXTRA
            _copy_chunks(folder, keys, memory, most, allow, limits)
            store = _opened(spec, {"driver": "memory"}, context)
            ordered = store.T if driver == "n5" else store
    return np.asarray(ordered[region].read().result())


def _opened(spec: dict[str, Any], where: dict[str, Any], context: Any) -> Any:
    import tensorstore

    full = {**spec, "kvstore": where}
    return tensorstore.open(
        full, read=True, open=True, assume_metadata=True, context=context
    ).result()


def _metadata(folder: Path, allow: Allow | None) -> tuple[str, dict[str, Any]]:
    """Driver and metadata of the array in a folder."""
    for marker, driver in _DRIVERS:
        try:
            with open_file(folder / marker, allow) as stream:
                text = stream.read(_LONGEST_METADATA + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        if len(text) > _LONGEST_METADATA:
            raise ImageError(f"{folder / marker} is too long to describe an array")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ImageError(f"{folder / marker} is not JSON: {error}") from None
        if not isinstance(found, dict):
            raise ImageError(f"{folder / marker} does not describe an array")
        return driver, found
    raise ImageError(f"no N5 or Zarr array in {folder}")


def _keys(
    driver: str, metadata: dict[str, Any], region: Index, chunk: tuple[int, ...]
) -> Iterator[str]:
    """Names of the files that hold a region, below the folder of the array."""
    spans = []
    for part, side in zip(region, chunk, strict=True):
        start, stop = (part.start, part.stop) if isinstance(part, slice) else (part, part + 1)
        spans.append(range(start // side, (stop - 1) // side + 1))
    head, separator = "", "/"
    if driver == "zarr":
        separator = metadata.get("dimension_separator", ".")
    elif driver == "zarr3":
        encoding = metadata.get("chunk_key_encoding") or {}
        is_second = encoding.get("name") == "v2"
        options = encoding.get("configuration") or {}
        separator = options.get("separator", "." if is_second else "/")
        head = "" if is_second else f"c{separator}"
    for place in itertools.product(*spans):
        yield head + separator.join(map(str, place))


def _copy_chunks(
    folder: Path, keys: list[str], memory: Any, most: int, allow: Allow, limits: DrawingLimits
) -> None:
    """Read the chunks that are there into a store in memory; all of them count as one image."""
    total = 0
    for key in keys:
        try:
            with open_file(folder / key, allow) as stream:
                data = stream.read(most + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue  # nothing was stored there
        total += len(data)
        if len(data) > most:
            raise ImageError(f"chunk {key} of {folder} is longer than a chunk can be")
        limits.check_image(total)
        memory.write(key, data).result()


def _check_file(path: Path, address: Address, allow: Allow) -> None:
    """Ask for a file that tensorstore will open by its name, links resolved."""
    ask(Address(address.url, "file", path), allow)
    try:
        open_file(path, allow).close()
    except (FileNotFoundError, NotADirectoryError):
        return
