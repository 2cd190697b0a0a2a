"""URLs of images and masks -> pixels, through the loader that a tile names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, RenderError, SourceNotAllowed
from renderapi.rendering import formats, volumes
from renderapi.rendering.formats import ImageInfo
from renderapi.rendering.limits import OWN, DrawingLimits, DrawingStopped
from renderapi.rendering.mrc import HEADER_BYTES
from renderapi.rendering.opening import Address, Allow, address_of, ask, open_file
from renderapi.urls import url_scheme

DEFAULT_LOADER = "IMAGEJ_DEFAULT"
LOADERS = {
    DEFAULT_LOADER,
    "IMAGEJ_TIFF_STACK",
    "IMAGEJ_COMPOSITE",
    "DYNAMIC_MASK",
    *volumes.LOADERS,
}
WEB_SCHEMES = ("http", "https", "http+local")
LONGEST_DOCUMENT = 1 << 28
Stamp = tuple[int, int]
Value = TypeVar("Value")


def read_image(
    url: str,
    loader: str | None = None,
    slice: int | None = None,  # the key of the tile spec is imageSliceNumber
    allow: Allow | None = None,
    limits: DrawingLimits = OWN,
) -> NDArray:
    """Read an image.

    Parameters
    ----------
    url : str
        A path, or a file, http(s), http+local, s3 (any fsspec scheme) or mask URL.
    loader : str, optional
        `imageLoaderType` of the tile; IMAGEJ_DEFAULT when absent.
    slice : int, optional
        `imageSliceNumber`: page of a multi-page TIFF, section of an MRC file or z of a volume,
        counted from 0.
    allow : callable, optional
        Called with the URL of whatever is opened, of a file that of its path with links resolved;
        raises SourceNotAllowed to refuse it.
    limits : DrawingLimits
        How large an image may be, and how long it may take to come.

    Returns
    -------
    (h, w) uint8, uint16 or float32, or (h, w, 3) uint8

    Raises
    ------
    ImageError
        One line naming the URL.
    """
    return _reported(url, lambda: _read(url, _loader_name(loader), slice, allow, limits))


def read_info(
    url: str,
    loader: str | None = None,
    slice: int | None = None,
    allow: Allow | None = None,
    limits: DrawingLimits = OWN,
) -> ImageInfo:
    """Size and pixel type of an image: of a local file from its header, else by reading it."""

    def info() -> ImageInfo:
        name = _loader_name(loader)
        address = address_of(url, name)
        if address.path is not None and name in (DEFAULT_LOADER, "IMAGEJ_TIFF_STACK"):
            with _open(address, allow) as stream:
                return formats.read_info(stream, slice, limits)
        pixels = _read(url, name, slice, allow, limits)
        height, width = pixels.shape[:2]
        return ImageInfo(width, height, pixels.dtype, 3 if pixels.ndim == 3 else 1)

    return _reported(url, info)


def image_size_and_dtype(path: str | os.PathLike[str]) -> tuple[int, int, np.dtype[Any]]:
    """Width, height and pixel type of a file, from its header only (uint8 for RGB)."""
    width, height, dtype, _ = read_info(os.fspath(path))
    return width, height, dtype


def check_source(url: str, loader: str | None = None, allow: Allow | None = None) -> Stamp | None:
    """Refuse a local file that is missing, unreadable or empty; other URLs are not looked at.

    Returns
    -------
    (modification time, size) of a local file, so that caches notice a change
    """
    address = address_of(url, _loader_name(loader))
    ask(address, allow)
    path = address.path
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(f"cannot find image {url}: {error.strerror}") from None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise ImageError(f"image {url} is not a regular file")
    if not os.access(path, os.R_OK):
        raise ImageError(f"cannot read image {url}: no permission")
    if status.st_size == 0 and stat.S_ISREG(status.st_mode):
        raise ImageError(f"image {url} is an empty file")
    return status.st_mtime_ns, status.st_size


def read_bytes(url: str, allow: Allow | None = None, limits: DrawingLimits = OWN) -> bytes:
    """Content of a file or URL, for documents that are not images."""

    def read() -> bytes:
        address = address_of(url)
        if address.path is None:
            return _fetched(address, allow, limits)
        with _open(address, allow) as stream:
            data = stream.read(LONGEST_DOCUMENT + 1)
        if len(data) > LONGEST_DOCUMENT:
            raise ImageError(f"{url} holds more than {LONGEST_DOCUMENT} bytes")
        return data

    return _reported(url, read)


def dynamic_mask(url: str, limits: DrawingLimits = OWN) -> NDArray[np.uint8]:
    """Make the mask that a `mask://outside-box?minX=...` URL describes: 255 in the box, 0 outside.

    Returns
    -------
    (height, width) uint8, halved `level` times
    """
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ImageError(f"{url!r} is no mask URL: {error}") from None
    if parts.scheme != "mask" or (parts.netloc or parts.path.strip("/")) != "outside-box":
        raise ImageError(f"the only dynamic masks are mask://outside-box?...: {url}")
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    try:
        values = [int(query[k]) for k in ("minX", "minY", "maxX", "maxY", "width", "height")]
        level = int(query.get("level", 0))
    except (KeyError, ValueError):
        raise ImageError(
            f"a mask URL needs whole minX, minY, maxX, maxY, width and height: {url}"
        ) from None
    if min(*values, level) < 0 or level > 31:
        raise ImageError(f"numbers out of range in the mask URL {url}")
    limits.check_image(values[4], values[5])
    min_x, min_y, max_x, max_y, width, height = values
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[min_y : max(max_y, min_y), min_x : max(max_x, min_x)] = 255
    from renderapi.rendering.pyramid import downsample

    return downsample(mask, level)


def _read(
    url: str, loader: str, number: int | None, allow: Allow | None, limits: DrawingLimits
) -> NDArray:
    if loader == "DYNAMIC_MASK" or url_scheme(url) == "mask":
        return dynamic_mask(url, limits)
    address = address_of(url, loader)
    if loader in volumes.LOADERS:
        ask(address, allow)
        return volumes.read_slice(address, loader, number, allow, limits)
    decode = formats.composite if loader == "IMAGEJ_COMPOSITE" else None
    if address.path is not None:
        with _open(address, allow) as stream:
            return decode(stream, limits) if decode else formats.decode(stream, number, limits)
    if address.scheme not in WEB_SCHEMES and decode is None:
        ask(address, allow)
        return _decode_remote(address, number, limits)
    data = _fetched(address, allow, limits)
    return decode(data, limits) if decode else formats.decode(data, number, limits)


def _open(address: Address, allow: Allow | None) -> Any:
    """The file of an address, permission asked before and after it is opened."""
    ask(address, allow)
    return open_file(address.opened, allow)


def _decode_remote(address: Address, number: int | None, limits: DrawingLimits) -> NDArray:
    """Image of an object store; of an MRC file only the section that is wanted is fetched."""
    from renderapi.rendering.downloads import object_stream, read_whole

    with object_stream(address.url) as stream:
        head = stream.read(HEADER_BYTES)
        if header := formats.mrc_header(head):
            return formats.decode_mrc(stream, header, number, limits)
        return formats.decode(head + read_whole(stream, limits), number, limits)


def _fetched(address: Address, allow: Allow | None, limits: DrawingLimits) -> bytes:
    from renderapi.rendering import downloads

    ask(address, allow)
    if address.scheme in WEB_SCHEMES:
        return downloads.fetch(address.url, allow, limits)
    with downloads.object_stream(address.url) as stream:
        return downloads.read_whole(stream, limits)


def _loader_name(loader: str | None) -> str:
    name = loader or DEFAULT_LOADER
    if name not in LOADERS:
        raise ImageError(f"unknown loader type {name!r}; known: {', '.join(sorted(LOADERS))}")
    return name


def _reported(url: str, read: Callable[[], Value]) -> Value:
    """Run a reader; whatever a file does to it becomes one line that names the file."""
    try:
        return read()
    except (SourceNotAllowed, DrawingStopped, MemoryError):
        raise
    except RenderError as error:
        text = str(error)
        raise ImageError(text if url in text else f"cannot read image {url}: {text}") from error
    except FileNotFoundError:
        raise ImageError(f"cannot find image {url}") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        if type(error).__name__ == "UnidentifiedImageError":  # it names an object in memory
            reason = "it is not an image of a known format, or damaged"
        raise ImageError(f"cannot read image {url}: {reason}") from error


def local_stamp(url: str, loader: str | None = None) -> Stamp | None:
    """Modification time and size of a local file, so that caches notice a change."""
    path = address_of(url, loader).path
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None
