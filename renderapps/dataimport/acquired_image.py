"""One image file as a microscope wrote it, and where its position was found.

The readers of position tables, grids and TileConfiguration files all give lists of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from renderapps.module import wording
from renderapps.module.errors import RenderModuleException

LISTED = 10


@dataclass(frozen=True)
class AcquiredImage:
    """A file and its position, x right and y down, in the unit of the source.

    Attributes
    ----------
    file : Path
        The image.
    x, y : float
        Position of the upper left pixel in the unit of the source (pixels or micrometres).
    source : str
        Where this was read, for messages: "positions.csv, line 4".
    section, channel : str or None
        Names, None where the source has none.
    row, column : int or None
        Place in the grid, None where unknown.
    z : float or None
        z of the section, None where it follows from the order of the sections.
    tile_id : str or None
        Tile id asked for by the source.
    mask : Path or None
        Image of the same size, 0 where the image is to be left out.
    slice : int or None
        Page of a file that holds several images, counted from 0.
    series : int or None
        Which of the images of a file, counted from 0; where `slice` says it, None.
    stage : (float, float) or None
        Position of the stage, for the layout, where x and y are not it.
    rotation : float
        Angle of the camera in degrees, for the layout.
    """

    file: Path
    x: float
    y: float
    source: str
    section: str | None = None
    channel: str | None = None
    row: int | None = None
    column: int | None = None
    z: float | None = None
    tile_id: str | None = None
    mask: Path | None = None
    slice: int | None = None
    series: int | None = None
    stage: tuple[float, float] | None = None
    rotation: float = 0.0


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key under which "S9" comes before "S10".

    >>> sorted(["S10", "S9", "S9b"], key=natural_key)
    ['S9', 'S9b', 'S10']
    """
    parts = re.split(r"(\d+)", text)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def listed(items: Iterable[object], limit: int = LISTED) -> str:
    """Items as text, the first few of them when they are many."""
    return wording.listed(items, limit)


def refuse_repeated_files(images: Sequence[AcquiredImage]) -> None:
    """Raise when a file is listed twice, naming both places."""
    seen: dict[tuple[Path, int | None, int | None], AcquiredImage] = {}
    for image in images:
        first = seen.setdefault((image.file, image.slice, image.series), image)
        if first is not image:
            raise RenderModuleException(
                f"{image.source}: {image.file.name} is listed twice, first in {first.source}"
            )


def fill_from_path(
    images: Sequence[AcquiredImage], pattern: re.Pattern[str], directory: Path
) -> list[AcquiredImage]:
    """Take section, channel, z, row or column from the file names.

    Parameters
    ----------
    images : sequence of AcquiredImage
        Images as the source lists them.
    pattern : compiled regular expression
        Searched in the path below `directory` (with forward slashes). Its named groups `section`,
        `channel`, `z`, `row`, `column` fill these fields; without named groups the first group
        is the section.
    directory : Path
        Folder of the images.

    Raises
    ------
    RenderModuleException
        A path does not match, or a number is none.
    """
    return [replace(image, **_path_fields(image, pattern, directory)) for image in images]


def _path_fields(image: AcquiredImage, pattern: re.Pattern[str], directory: Path) -> dict[str, Any]:
    path = image.file
    text = path.relative_to(directory).as_posix() if path.is_relative_to(directory) else str(path)
    match = pattern.search(text)
    if match is None:
        raise RenderModuleException(
            f"{image.source}: section_pattern {pattern.pattern!r} is not found in {text!r}"
        )
    found = match.groupdict() or {"section": match[1]}
    try:
        return {
            name: _CONVERTERS[name](value) for name, value in found.items() if value is not None
        }
    except ValueError as error:
        raise RenderModuleException(f"{image.source}: {text!r}: {error}") from None


_CONVERTERS = {"section": str, "channel": str, "z": float, "row": int, "column": int}
PATTERN_GROUPS = frozenset(_CONVERTERS)
