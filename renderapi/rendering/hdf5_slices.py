"""Slices of HDF5 data sets.

A file of HDF5 may lead to other files: by external links, by virtual data sets, and by data sets
whose bytes lie elsewhere. Where permission is asked for what is opened, none of these is followed.
"""

from __future__ import annotations

import os
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, SourceNotAllowed
from renderapi.rendering.limits import DrawingLimits
from renderapi.rendering.opening import Address, Allow, open_file
from renderapi.rendering.volumes import Index, Rectangle, check_region, region_of

_MOST_LINKS = 32
# deflate makes at most so many bytes of one
_INFLATION = 1032
_PIECE = 1 << 16


def read_hdf5(
    address: Address, rectangle: Rectangle, allow: Allow | None, limits: DrawingLimits
) -> NDArray:
    """Pixels of a rectangle of an HDF5 data set: (h, w), of the type that is stored."""
    try:
        import h5py
    except ImportError:
        raise ImageError(
            f"reading {address.path} needs h5py: pip install render-python-apps[hdf5]"
        ) from None
    with open_file(address.opened, allow) as stream:
        own = f"/proc/self/fd/{stream.fileno()}"  # the file that was opened, whatever its name now
        name = own if allow is not None and os.path.exists(own) else address.opened
        with h5py.File(name, "r") as container:
            data = _data_set(container, address, guarded=allow is not None)
            region = region_of(data.shape, rectangle, address)
            check_region(region, data.chunks, data.dtype, limits)
            if allow is not None and data.compression == "gzip":
                _check_inflation(data, region, limits)
            return np.asarray(data[region])


def _data_set(container: Any, address: Address, guarded: bool) -> Any:
    import h5py

    data = _followed(container, address) if guarded else container.get(address.inner or "/")
    if not isinstance(data, h5py.Dataset) or data.shape is None:
        raise ImageError(f"no data set {address.inner!r} in {address.path}")
    if guarded and (data.is_virtual or data.external):
        raise SourceNotAllowed(
            f"data set {address.inner!r} of {address.path} is made of other files, which this"
            " service does not follow"
        )
    return data


def _followed(container: Any, address: Address) -> Any:
    """The object that a path leads to, over links within the file alone."""
    import h5py

    parts = [part for part in address.inner.split("/") if part not in ("", ".")][::-1]
    at, links = container, 0
    while parts:
        part = parts.pop()
        link = at.get(part, getlink=True) if isinstance(at, h5py.Group) else None
        if isinstance(link, h5py.SoftLink) and links < _MOST_LINKS:
            links += 1
            if link.path.startswith("/"):
                at = container
            parts += [each for each in link.path.split("/") if each not in ("", ".")][::-1]
        elif isinstance(link, h5py.HardLink):
            at = at[part]
        elif link is None:
            return None
        else:
            raise SourceNotAllowed(
                f"data set {address.inner!r} of {address.path} is a link to another file, which"
                " this service does not follow"
            )
    return at


def _check_inflation(data: Any, region: Index, limits: DrawingLimits) -> None:
    """Refuse chunks of a region whose bytes inflate to more than may be decoded.

    The library makes room as the stream goes on, however large the chunk should be.
    """
    from itertools import product

    spans = []
    for part, side in zip(region, data.chunks, strict=True):
        start, stop = (part.start, part.stop) if isinstance(part, slice) else (part, part + 1)
        spans.append(range(start // side * side, stop, side))
    for place in product(*spans):
        if not data.id.get_num_chunks():
            return
        stored = data.id.get_chunk_info_by_coord(place)
        if stored.size * _INFLATION > limits.image_bytes and stored.byte_offset is not None:
            _, raw = data.id.read_direct_chunk(place)
            _check_deflated(raw, limits)


def _check_deflated(raw: bytes, limits: DrawingLimits) -> None:
    inflater, total, rest = zlib.decompressobj(), 0, raw
    while rest and not inflater.eof:
        try:
            total += len(inflater.decompress(rest, _PIECE))
        except zlib.error:
            return  # other filters come before: the library says what is wrong
        limits.check_image(total)
        rest = inflater.unconsumed_tail
