"""One slice of an N5, Zarr or HDF5 volume as an image.

The URL says where: `file:///path/volume.n5?dataSet=D&x=&y=&z=&w=&h=`; x, y (offsets), z (the
slice), w and h (size) are optional. N5 axes are x, y, z (, ...); Zarr and HDF5 axes are
(..., z,) y, x.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.rendering.formats import as_pixels
from renderapi.rendering.limits import OWN, DrawingLimits
from renderapi.rendering.opening import SLICE_LOADERS, Address, Allow, address_of

LOADERS = SLICE_LOADERS
_READABLE = ("uint8", "uint16", "int16", "float32")
Index = tuple[int | slice, ...]


class Rectangle(NamedTuple):
    """A rectangle of one z; width and height are None where it reaches to the border."""

    x: int
    y: int
    z: int
    width: int | None
    height: int | None


def rectangle_of(address: Address, number: int | None = None) -> Rectangle:
    """What the URL of a slice asks for; `number` (imageSliceNumber) gives z where it does not."""
    query = address.query
    try:
        x, y = (int(float(query.get(key, 0))) for key in ("x", "y"))
        z = int(float(query.get("z", number or 0)))
        width, height = (int(float(query[key])) if key in query else None for key in ("w", "h"))
    except (ValueError, OverflowError):
        raise ImageError(
            f"x, y, z, w and h of a volume slice must be numbers: {address.url}"
        ) from None
    return Rectangle(x, y, z, width, height)


def read_slice(
    source: str | Address,
    loader: str,
    number: int | None = None,
    allow: Allow | None = None,
    limits: DrawingLimits = OWN,
) -> NDArray:
    """Read a slice.

    Parameters
    ----------
    source : str or Address
        URL of the slice; permission for it was asked.
    loader : str
        N5_SLICE, ZARR_SLICE or H5_SLICE.
    number : int, optional
        z where the URL does not give it.
    allow : callable, optional
        Asked for every file that is opened on the way.
    limits : DrawingLimits
        The slice and a chunk of the volume may take so many bytes.

    Returns
    -------
    (h, w) uint8, uint16 or float32; int16 is read as its 16 bits.
    """
    address = address_of(source, loader) if isinstance(source, str) else source
    rectangle = rectangle_of(address, number)
    if loader == "H5_SLICE":
        from renderapi.rendering.hdf5_slices import read_hdf5 as read
    else:
        from renderapi.rendering.chunked_slices import read_chunked as read
    return _checked(read(address, rectangle, allow, limits))


def region_of(shape: tuple[int, ...], rectangle: Rectangle, address: Address) -> Index:
    """Index of the rectangle in an array of axes (..., z, y, x)."""
    if len(shape) < 2:
        raise ImageError(f"data set {address.inner!r} of {address.path} is not a volume")
    height, width = shape[-2:]
    x, y, z = rectangle[:3]
    stop_x = width if rectangle.width is None else x + rectangle.width
    stop_y = height if rectangle.height is None else y + rectangle.height
    inside = 0 <= x < stop_x <= width and 0 <= y < stop_y <= height
    if not inside or (len(shape) > 2 and not 0 <= z < shape[-3]):
        raise ImageError(
            f"slice {tuple(rectangle)} of {address.url} lies outside of the volume of shape {shape}"
        )
    plane = (slice(y, stop_y), slice(x, stop_x))
    if len(shape) == 2:
        return plane
    return (*[0] * (len(shape) - 3), z, *plane)


def check_region(
    region: Index, chunk: tuple[int, ...] | None, dtype: np.dtype, limits: DrawingLimits
) -> None:
    """Refuse a slice, or the chunks it is stored in, of more bytes than may be decoded."""
    if dtype.name not in _READABLE:
        raise ImageError(f"volume pixels must be one of {', '.join(_READABLE)}, not {dtype}")
    sides = [part.stop - part.start for part in region if isinstance(part, slice)]
    limits.check_image(*sides, dtype.itemsize)
    if chunk is not None:
        limits.check_image(*chunk, dtype.itemsize)


def _checked(array: NDArray) -> NDArray:
    return as_pixels(array.view(np.uint16) if array.dtype == np.int16 else array)
