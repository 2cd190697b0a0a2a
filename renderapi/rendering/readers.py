"""URLs of images and masks -> pixels, through the loader that a tile names."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qs, urljoin, urlsplit

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, RenderError, SourceNotAllowed
from renderapi.rendering import formats, volumes
from renderapi.rendering.formats import ImageInfo
from renderapi.rendering.mrc import HEADER_BYTES
from renderapi.urls import url_scheme, url_to_path

DEFAULT_LOADER = "IMAGEJ_DEFAULT"
LOADERS = {
    DEFAULT_LOADER,
    "IMAGEJ_TIFF_STACK",
    "IMAGEJ_COMPOSITE",
    "DYNAMIC_MASK",
    *volumes.LOADERS,
}
WEB_SCHEMES = ("http", "https", "http+local")
LONGEST_REDIRECTION = 5
Allow = Callable[[str], None]
Stamp = tuple[int, int]
Value = TypeVar("Value")


def read_image(
    url: str,
    loader: str | None = None,
    slice: int | None = None,  # the key of the tile spec is imageSliceNumber
    allow: Allow | None = None,
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
        Called with every URL before it is opened; raises SourceNotAllowed to refuse it.

    Returns
    -------
    (h, w) uint8, uint16 or float32, or (h, w, 3) uint8

    Raises
    ------
    ImageError
        One line naming the URL.
    """
    return _reported(url, lambda: _read(url, _loader_name(loader), slice, allow))


def read_info(
    url: str, loader: str | None = None, slice: int | None = None, allow: Allow | None = None
) -> ImageInfo:
    """Size and pixel type of an image: of a local file from its header, else by reading it."""

    def info() -> ImageInfo:
        path = url_to_path(url)
        if path is not None and _loader_name(loader) in (DEFAULT_LOADER, "IMAGEJ_TIFF_STACK"):
            _ask(allow, url)
            return formats.read_info(path, slice)
        pixels = _read(url, _loader_name(loader), slice, allow)
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
    if url_scheme(url) == "mask":
        return None
    _ask(allow, url)
    is_volume = _loader_name(loader) in volumes.LOADERS
    path = volumes.slice_address(url).path if is_volume else url_to_path(url)
    if path is None:
        return None
    try:
        status = path.stat()
    except OSError as error:
        raise ImageError(f"cannot find image {url}: {error.strerror}") from None
    if not os.access(path, os.R_OK):
        raise ImageError(f"cannot read image {url}: no permission")
    if status.st_size == 0 and path.is_file():
        raise ImageError(f"image {url} is an empty file")
    return status.st_mtime_ns, status.st_size


def read_bytes(url: str, allow: Allow | None = None) -> bytes:
    """Content of a file or URL, for documents that are not images."""

    def read() -> bytes:
        _ask(allow, url)
        path = url_to_path(url)
        return path.read_bytes() if path is not None else _download(url, allow)

    return _reported(url, read)


def dynamic_mask(url: str) -> NDArray[np.uint8]:
    """Make the mask that a `mask://outside-box?minX=...` URL describes: 255 in the box, 0 outside.

    Returns
    -------
    (height, width) uint8, halved `level` times
    """
    parts = urlsplit(url)
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
    if min(*values, level) < 0 or values[4] * values[5] > formats.MOST_PIXELS or level > 31:
        raise ImageError(f"numbers out of range in the mask URL {url}")
    min_x, min_y, max_x, max_y, width, height = values
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[min_y : max(max_y, min_y), min_x : max(max_x, min_x)] = 255
    from renderapi.rendering.pyramid import downsample

    return downsample(mask, level)


def _read(url: str, loader: str, number: int | None, allow: Allow | None) -> NDArray:
    if loader == "DYNAMIC_MASK" or url_scheme(url) == "mask":
        return dynamic_mask(url)
    _ask(allow, url)
    if loader in volumes.LOADERS:
        return volumes.read_slice(url, loader, number)
    path = url_to_path(url)
    if path is None and url_scheme(url) not in WEB_SCHEMES and loader != "IMAGEJ_COMPOSITE":
        return _decode_remote(url, number)
    source = path if path is not None else _download(url, allow)
    if loader == "IMAGEJ_COMPOSITE":
        return formats.composite(source)
    return formats.decode(source, number)


def _decode_remote(url: str, number: int | None) -> NDArray:
    """Image of an object store; of an MRC file only the section that is wanted is fetched."""
    import fsspec

    with fsspec.open(url, "rb") as stream:
        head = stream.read(HEADER_BYTES)
        if header := formats.mrc_header(head):
            return formats.decode_mrc(stream, header, number)
        return formats.decode(head + stream.read(), number)


def _download(url: str, allow: Allow | None) -> bytes:
    if url_scheme(url) not in WEB_SCHEMES:
        import fsspec

        with fsspec.open(url, "rb") as stream:
            return stream.read()
    from renderapi.session import new_session

    with new_session(with_token=False) as session:
        for _ in range(LONGEST_REDIRECTION):
            answer = session.get(url, allow_redirects=False)
            if not answer.is_redirect:
                answer.raise_for_status()
                return answer.content
            # followed by hand, so that a permitted host cannot lead to one that is not
            url = urljoin(url, answer.headers["location"])
            _ask(allow, url)
    raise ImageError(f"more than {LONGEST_REDIRECTION} redirections")


def _ask(allow: Allow | None, url: str) -> None:
    if allow is not None:
        allow(url)


def _loader_name(loader: str | None) -> str:
    name = loader or DEFAULT_LOADER
    if name not in LOADERS:
        raise ImageError(f"unknown loader type {name!r}; known: {', '.join(sorted(LOADERS))}")
    return name


def _reported(url: str, read: Callable[[], Value]) -> Value:
    """Run a reader; whatever a file does to it becomes one line that names the file."""
    try:
        return read()
    except SourceNotAllowed:
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


def local_stamp(url: str) -> Stamp | None:
    """Modification time and size of a local file, so that caches notice a change."""
    path: Path | None = url_to_path(url)
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None
