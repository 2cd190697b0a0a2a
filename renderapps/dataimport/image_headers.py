"""Size and pixel type of many image files, from their headers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from renderapi.errors import ImageError
from renderapps.dataimport.acquired_image import AcquiredImage, listed
from renderapps.module.errors import RenderModuleException
from renderapps.module.tasks import TaskFailure

THREADS = 8

Plane = tuple[Path, int | None]
Mapped = Callable[[Callable[[Any], Any], list[Any]], Iterable[Any]]


class ImageHeader(NamedTuple):
    """Width, height and pixel type of an image file."""

    width: int
    height: int
    dtype: np.dtype[Any]


def read_headers(files: Sequence[Path]) -> tuple[dict[Path, ImageHeader], dict[Path, str]]:
    """Headers of the files, and the reason for each that cannot be read."""
    headers: dict[Path, ImageHeader] = {}
    unreadable: dict[Path, str] = {}
    with ThreadPoolExecutor(THREADS) as pool:
        for file, header in zip(files, pool.map(_header_or_reason, files), strict=True):
            if isinstance(header, str):
                unreadable[file] = header
            else:
                headers[file] = header
    return headers, unreadable


def _header_or_reason(file: Path) -> ImageHeader | str:
    from renderapi.rendering.sources import image_size_and_dtype

    if not file.exists():
        return "no such file"
    try:
        return ImageHeader(*image_size_and_dtype(file))
    except ImageError as error:
        return str(error)


def read_plane_headers(
    planes: Sequence[Plane], threads: int = THREADS, elsewhere: Mapped | None = None
) -> tuple[dict[Plane, ImageHeader], dict[Plane, str]]:
    """Headers of planes of files, each file opened once, and why some cannot be read.

    A section that its MRC file does not hold to the last pixel cannot be read. `elsewhere` maps a
    function over the files instead of the threads of this process: `map_tasks` of a module.
    """
    by_file: dict[Path, list[int | None]] = {}
    for file, plane in planes:
        by_file.setdefault(file, []).append(plane)
    headers: dict[Plane, ImageHeader] = {}
    unreadable: dict[Plane, str] = {}
    with ThreadPoolExecutor(threads) as pool:
        found = (elsewhere or pool.map)(_headers_or_reasons, list(by_file.items()))
        for (file, numbers), results in zip(by_file.items(), found, strict=True):
            if isinstance(results, TaskFailure):
                results = [results.reason] * len(numbers)
            for number, result in zip(numbers, results, strict=True):
                if isinstance(result, str):
                    unreadable[file, number] = result
                else:
                    headers[file, number] = result
    return headers, unreadable


def _headers_or_reasons(entry: tuple[Path, Sequence[int | None]]) -> Sequence[ImageHeader | str]:
    return _plane_headers(*entry)


def _plane_headers(file: Path, planes: Sequence[int | None]) -> Sequence[ImageHeader | str]:
    if len(planes) == 1 and planes[0] is None:
        return [_header_or_reason(file)]
    import tifffile

    from renderapi.rendering.formats import read_infos

    if not file.exists():
        return ["no such file"] * len(planes)
    try:
        infos = read_infos(file, planes)
    except (OSError, ImageError, tifffile.TiffFileError) as error:
        return [f"cannot read image {file}: {error}"] * len(planes)
    return [
        f"cannot read image {file}: {info}"
        if isinstance(info, ImageError)
        else ImageHeader(*info[:3])
        for info in infos
    ]


def plane_name(plane: Plane) -> str:
    """A file, and which of its pages where that was asked for."""
    file, number = plane
    return str(file) if number is None else f"{file}, page {number}"


def unreadable_text(unreadable: dict[Plane, str], total: int) -> str:
    """One line that names the files which cannot be imported, and why."""
    entries = listed(f"{plane_name(plane)} ({reason})" for plane, reason in unreadable.items())
    return (
        f"{len(unreadable)} of {total} files cannot be imported: {entries}; "
        "correct the positions, or give skip_missing to leave them out"
    )


def check_pages(images: Sequence[AcquiredImage]) -> None:
    """Refuse pages (sections) that files do not have; bad files are reported with all others."""
    counts: dict[Path, int | None] = {}
    for image in images:
        if image.slice is None or not image.file.is_file():
            continue
        if image.file not in counts:
            counts[image.file] = page_count(image.file)
        count = counts[image.file]
        if count is not None and not 0 <= image.slice < count:
            raise RenderModuleException(
                f"{image.source}: {image.file} has {count} sections, none for index {image.slice}"
            )


def page_count(file: Path) -> int | None:
    """Pages of a TIFF file, sections of an MRC file, 1 for others; None for a bad file."""
    import tifffile

    from renderapi.rendering.formats import count_planes

    try:
        return count_planes(file)
    except (OSError, ImageError, tifffile.TiffFileError):
        return None


def image_size(file: Path) -> tuple[int, int]:
    """(width, height) of an image file, from its header."""
    from renderapi.rendering.sources import image_size_and_dtype

    width, height, _ = image_size_and_dtype(file)
    return width, height


def pixels(image: AcquiredImage) -> np.ndarray:
    """Pixels of an image."""
    from renderapi.rendering.sources import read_image

    return read_image(str(image.file), slice=image.slice)
