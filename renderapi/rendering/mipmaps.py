"""Mipmap files: the reduced levels of an image, made once and kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError, SpecError
from renderapi.files import atomic_path
from renderapi.rendering import formats, readers
from renderapi.rendering.masks import to_mask
from renderapi.rendering.pyramid import downsample
from renderapi.urls import path_to_url, url_scheme, url_to_path

FORMATS = ("tif", "png", "jpg")
JPEG_QUALITY = 0.85


def write_mipmaps(
    url: str,
    levels: Iterable[int],
    folder: str | Path,
    format: str = "tif",
    *,
    loader: str | None = None,
    slice: int | None = None,
    mask: bool = False,
    source_level: int = 0,
    overwrite: bool = False,
    convert: Callable[[NDArray], NDArray] | None = None,
    allow: Callable[[str], None] | None = None,
) -> dict[int, str]:
    """Write levels of an image by repeated 2 x 2 means.

    Parameters
    ----------
    url : str
        The source; it is read only if a file has to be made.
    levels : iterable of int
        Those to make, each above `source_level`.
    folder : path
        Level l of `/data/a.tif` becomes `folder/l/data/a.tif.tif`, the place where a stack's
        mipmapPathBuilder with this folder as its root looks.
    format : str
        tif (uncompressed), png or jpg (8 bit and RGB only).
    loader, slice
        imageLoaderType and imageSliceNumber of the source.
    mask : bool
        The source is a mask: written as 8 bit, never as jpg (png instead), since a mask must not
        be smeared. For `mask://` URLs nothing is written: they have levels of their own.
    source_level : int
        Level that the source itself is.
    overwrite : bool
        Make files anew that are there, newer than the source and readable.
    convert : callable, optional
        Makes of the pixels of a level those that are written; pixel types are kept without.

    Returns
    -------
    dict of level to `file://` URL

    Raises
    ------
    ImageError, SpecError
        Naming the source.
    """
    wanted = _reduced_levels(levels, source_level)
    extension = _extension(format, mask)
    if url_scheme(url) == "mask":
        return {level: f"{url}&level={level}" for level in wanted}
    paths = {level: mipmap_path(url, level, folder, extension, slice) for level in wanted}
    info = readers.read_info(url, loader, slice, allow)
    missing = wanted if overwrite else _outdated(paths, url, info, source_level)
    if missing:
        pixels = readers.read_image(url, loader, slice, allow)
        pixels = to_mask(pixels) if mask else pixels
        _write_levels(pixels, missing, paths, source_level, url, convert)
    return {level: path_to_url(path) for level, path in paths.items()}


def _reduced_levels(levels: Iterable[int], source_level: int) -> list[int]:
    wanted = sorted(set(levels))
    if wanted and wanted[0] <= source_level:
        raise SpecError(f"level {wanted[0]} cannot be made from an image of level {source_level}")
    return wanted


def mipmap_path(
    url: str, level: int, folder: str | Path, extension: str, slice: int | None = None
) -> Path:
    """File of a level: the whole path of the source below folder/level, with a second suffix."""
    path = url_to_path(url)
    if path is not None:
        relative = str(path.absolute()).lstrip("/")
    else:
        parts = urlsplit(url)
        relative = unquote(f"{parts.netloc.rpartition('@')[2]}{parts.path}").replace(":", "_")
    if ".." in Path(relative).parts:
        raise SpecError(f"a source path with '..' has no place for its mipmaps: {url}")
    plane = "" if slice is None else f".{slice:05d}"
    return Path(folder) / str(level) / f"{relative}{plane}.{extension}"


def _extension(format: str, mask: bool) -> str:
    extension = {"tiff": "tif", "jpeg": "jpg"}.get(format.lower(), format.lower())
    if extension not in FORMATS:
        raise SpecError(f"mipmaps are written as {', '.join(FORMATS)}, not {format!r}")
    return "png" if mask and extension == "jpg" else extension


def _outdated(
    paths: dict[int, Path], url: str, info: formats.ImageInfo, source_level: int
) -> list[int]:
    """Levels whose files are to be made."""
    size = (info.width, info.height)
    return [
        level
        for level, path in paths.items()
        if not _is_current(path, url, size, level - source_level)
    ]


def _is_current(path: Path, url: str, size: tuple[int, int], halvings: int) -> bool:
    """Whether a mipmap is there, not older than its source, readable, and of the right size."""
    try:
        written = path.stat()
        source = url_to_path(url)
        if source is not None and source.stat().st_mtime_ns > written.st_mtime_ns:
            return False
        pixels = formats.decode(path)
    except Exception:  # a file that does not open for whatever reason is made again
        return False
    return pixels.shape[1::-1] == (size[0] >> halvings, size[1] >> halvings)


def _write_levels(
    pixels: NDArray,
    missing: list[int],
    paths: dict[int, Path],
    level: int,
    url: str,
    convert: Callable[[NDArray], NDArray] | None = None,
) -> None:
    for wanted in missing:
        pixels, level = downsample(pixels, wanted - level), wanted
        if 0 in pixels.shape:
            raise ImageError(f"image {url} has no pixels left at level {wanted}: ask for less")
        with atomic_path(paths[wanted]) as temporary:
            write_pixels(temporary, pixels if convert is None else convert(pixels))


def write_pixels(path: Path, pixels: NDArray) -> None:
    """Write pixels to a tif, png or jpg file as its suffix says, keeping their type."""
    import imagecodecs

    suffix = path.suffix.lower()
    if suffix == ".tif":
        import tifffile

        photometric = "rgb" if pixels.ndim == 3 else "minisblack"
        tifffile.imwrite(path, pixels, photometric=photometric, metadata=None, software=False)
        return
    if pixels.dtype == np.float32 or (suffix == ".jpg" and pixels.dtype != np.uint8):
        raise ImageError(f"{suffix[1:]} files cannot hold {pixels.dtype} pixels: choose tif")
    pixels = np.ascontiguousarray(pixels)
    if suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(pixels, level=1))
    else:
        path.write_bytes(imagecodecs.jpeg8_encode(pixels, level=round(100 * JPEG_QUALITY)))
