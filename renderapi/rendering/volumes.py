"""One slice of an N5, Zarr or HDF5 volume as an image.

The URL says where: `file:///path/volume.n5?dataSet=D&x=&y=&z=&w=&h=`; x, y (offsets), z (the
slice), w and h (size) are optional. N5 axes are x, y, z (, ...); Zarr and HDF5 axes are
(..., z,) y, x.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.rendering.formats import as_pixels
from renderapi.urls import url_to_path

LOADERS = {"N5_SLICE", "ZARR_SLICE", "H5_SLICE"}
_READABLE = ("uint8", "uint16", "int16", "float32")


class SliceAddress(NamedTuple):
    """A rectangle of one z of one data set of a container."""

    path: Path
    data_set: str
    x: int
    y: int
    z: int
    width: int | None
    height: int | None


def slice_address(url: str, number: int | None = None) -> SliceAddress:
    """Take a slice URL apart; `number` (imageSliceNumber) gives z where the URL does not."""
    parts = urlsplit(url)
    path = url_to_path(url.split("?", 1)[0])
    if path is None:
        raise ImageError(f"volume slices are read from local disk only: {url}")
    query = dict(parse_qsl(parts.query))
    try:
        x, y = (int(float(query.get(key, 0))) for key in ("x", "y"))
        z = int(float(query.get("z", number or 0)))
        width, height = (int(float(query[key])) if key in query else None for key in ("w", "h"))
    except ValueError:
        raise ImageError(f"x, y, z, w and h of a volume slice must be numbers: {url}") from None
    return SliceAddress(path, query.get("dataSet", "").strip("/"), x, y, z, width, height)


def read_slice(url: str, loader: str, number: int | None = None) -> NDArray:
    """Read a slice.

    Returns
    -------
    (h, w) uint8, uint16 or float32; int16 is read as its 16 bits.
    """
    address = slice_address(url, number)
    if loader == "H5_SLICE":
        return _read_hdf5(address)
    import tensorstore

    spec = _store_spec(address)
    store = tensorstore.open(spec, read=True).result()
    columns_first = spec["driver"] == "n5"
    # as (..., z, y, x), whatever the container's own order is
    ordered = store.T if columns_first else store
    region = _region(ordered.shape, address)
    return _checked(np.asarray(ordered[region].read().result()))


def _store_spec(address: SliceAddress) -> dict[str, Any]:
    folder = address.path / address.data_set if address.data_set else address.path
    for marker, driver in (("zarr.json", "zarr3"), (".zarray", "zarr"), ("attributes.json", "n5")):
        if (folder / marker).is_file():
            return {"driver": driver, "kvstore": {"driver": "file", "path": f"{folder}/"}}
    raise ImageError(f"no N5 or Zarr array in {folder}")


def _region(shape: tuple[int, ...], address: SliceAddress) -> tuple[Any, ...]:
    """Index of the rectangle in an array of axes (..., z, y, x)."""
    if len(shape) < 2:
        raise ImageError(f"data set {address.data_set!r} of {address.path} is not a volume")
    height, width = shape[-2:]
    stop_x = width if address.width is None else address.x + address.width
    stop_y = height if address.height is None else address.y + address.height
    inside = 0 <= address.x < stop_x <= width and 0 <= address.y < stop_y <= height
    if not inside or (len(shape) > 2 and not 0 <= address.z < shape[-3]):
        raise ImageError(f"slice {address} lies outside of the volume of shape {shape}")
    rectangle = (slice(address.y, stop_y), slice(address.x, stop_x))
    if len(shape) == 2:
        return rectangle
    return (*[0] * (len(shape) - 3), address.z, *rectangle)


def _read_hdf5(address: SliceAddress) -> NDArray:
    try:
        import h5py
    except ImportError:
        raise ImageError(
            f"reading {address.path} needs h5py: pip install render-python-apps[hdf5]"
        ) from None
    with h5py.File(address.path, "r") as container:
        if address.data_set not in container:
            raise ImageError(f"no data set {address.data_set!r} in {address.path}")
        data = container[address.data_set]
        return _checked(np.asarray(data[_region(data.shape, address)]))


def _checked(array: NDArray) -> NDArray:
    if array.dtype.name not in _READABLE:
        raise ImageError(f"volume pixels must be one of {', '.join(_READABLE)}, not {array.dtype}")
    return as_pixels(array.view(np.uint16) if array.dtype == np.int16 else array)
