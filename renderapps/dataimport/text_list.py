"""Read positions from a text list as TrakEM2 imports it: file, x, y and maybe z, no header."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.module.errors import RenderModuleException

_DELIMITERS = "\t;,"


def read_text_list(path: Path, image_directory: Path) -> list[AcquiredImage]:
    """Images of a text list, positions in pixels.

    Columns are separated by tabs, semicolons, commas or blanks, whichever the first line has first
    in this order. Lines that are empty or begin with # are skipped; columns after z are not read.

    Raises
    ------
    RenderModuleException
        Names the file and the line that cannot be understood.
    """
    images = []
    delimiter = None
    for number, line in numbered_lines(path):
        source = f"{path}, line {number}"
        if not images:
            delimiter = next((d for d in _DELIMITERS if d in line), None)
        cells = line.split() if delimiter is None else next(csv.reader([line], delimiter=delimiter))
        images.append(_image([cell.strip() for cell in cells], source, image_directory))
    if not images:
        raise RenderModuleException(f"{path} lists no images")
    return images


def numbered_lines(path: Path, encodings: Sequence[str] = ("utf-8-sig",)) -> list[tuple[int, str]]:
    """Lines of a text file with their numbers, without empty ones and comments.

    The first of the encodings that fits the file is taken.
    """
    try:
        lines = _decoded(path.read_bytes(), encodings).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RenderModuleException(f"cannot read {path}: {reason}") from None
    stripped = ((number, line.strip()) for number, line in enumerate(lines, 1))
    return [(number, line) for number, line in stripped if line and not line.startswith("#")]


def _decoded(data: bytes, encodings: Sequence[str]) -> str:
    for encoding in encodings[:-1]:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode(encodings[-1])


def numbers(cells: list[str], source: str) -> list[float]:
    """Cells as finite numbers."""
    try:
        values = [float(cell) for cell in cells]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise RenderModuleException(f"{source}: expected numbers, found {' '.join(cells)!r}")
    return values


def _image(cells: list[str], source: str, directory: Path) -> AcquiredImage:
    if len(cells) < 3 or not cells[0]:
        raise RenderModuleException(f"{source}: expected file, x and y, found {' '.join(cells)!r}")
    x, y, *rest = numbers(cells[1:4], source)
    return AcquiredImage(
        file=directory / cells[0], x=x, y=y, z=rest[0] if rest else None, source=source
    )
