"""Positions of images that were taken on a regular grid and are named by their place in it."""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from renderapps.dataimport.acquired_image import AcquiredImage, natural_key
from renderapps.module.errors import RenderModuleException

PLACE_FIELDS = {"index", "row", "column"}
GROUP_FIELDS = {"section", "channel", "z"}
Key = tuple[tuple[tuple[str, str], ...], tuple[tuple[str, int], ...]]
_ALIASES = {"p": "index", "i": "index", "r": "row", "c": "column", "col": "column"}


@dataclass(frozen=True)
class TileGrid:
    """A grid of tiles and the names of its files.

    Attributes
    ----------
    rows, columns : int
        Size of the grid.
    overlap_x, overlap_y : float
        Overlap of neighbours as a fraction of the tile's width and height.
    file_pattern : str
        Path of a file below the image folder, with fields in braces: `{index}` (or `{p}`) or
        `{row}` and `{column}`; and `{section}`, `{channel}`, `{z}` where the name holds them.
        Numbers may carry a width: `{index:03d}`. A `*` stands for whatever else a name holds.
    order : {"row-major", "column-major"}
        Whether consecutive indices run along a row or down a column.
    snake : bool
        Whether every second row (or column) runs backwards.
    first_index, first_row, first_column : int
        What the upper left tile is called.
    """

    rows: int
    columns: int
    overlap_x: float
    overlap_y: float
    file_pattern: str
    order: str = "row-major"
    snake: bool = False
    first_index: int = 1
    first_row: int = 0
    first_column: int = 0

    def index(self, row: int, column: int) -> int:
        """Number of a tile in the order of acquisition, from `first_index`."""
        if self.order == "row-major":
            line, along, length = row, column, self.columns
        else:
            line, along, length = column, row, self.rows
        if self.snake and line % 2:
            along = length - 1 - along
        return self.first_index + line * length + along

    def places(self) -> Iterator[tuple[int, int]]:
        """(row, column) of every tile, row by row."""
        return ((row, column) for row in range(self.rows) for column in range(self.columns))


def grid_images(
    grid: TileGrid, directory: Path, image_size: Callable[[Path], tuple[int, int]]
) -> tuple[list[AcquiredImage], list[Path]]:
    """Images of a grid, positions in pixels, and the files that look like tiles but have no place.

    Parameters
    ----------
    grid : TileGrid
        The grid; it is the same for every section and channel that the file names show.
    directory : Path
        Folder of the images.
    image_size : function
        (width, height) of an image in pixels; asked once, of the first tile found.

    Returns
    -------
    images : list of AcquiredImage
        One for every place of the grid in every section and channel found, whether its file
        exists or not.
    unused : list of Path
        Files that fit the pattern with a place outside the grid.
    """
    parts = _pattern_parts(grid.file_pattern)
    found = _matching_files(parts, directory)
    if not found:
        raise RenderModuleException(
            f"no file below {directory} fits the pattern {grid.file_pattern!r}; its first tile "
            f"would be {_file_name(parts, _place(grid, 0, 0), {})!r}"
        )
    files = _files_by_place(found)
    width, height = image_size(min(found, key=lambda path: natural_key(str(path))))
    step = (width * (1 - grid.overlap_x), height * (1 - grid.overlap_y))
    images = []
    for group in _groups(found.values()):
        for row, column in grid.places():
            place = _place(grid, row, column)
            name = _file_name(parts, place, group)
            file = files.get(_place_key(group, place, parts), directory / name)
            images.append(_grid_image(file, group, row, column, step))
    expected = {image.file for image in images}
    return images, sorted(path for path in found if path not in expected)


@dataclass(frozen=True)
class _Part:
    literal: str
    field: str | None
    spec: str


def _pattern_parts(pattern: str) -> list[_Part]:
    try:
        parsed = list(Formatter().parse(pattern))
    except ValueError as error:
        raise RenderModuleException(f"file_pattern {pattern!r}: {error}") from None
    parts = [
        _Part(literal, _ALIASES.get(field, field) if field is not None else None, spec or "")
        for literal, field, spec, _ in parsed
    ]
    fields = {part.field for part in parts if part.field is not None}
    unknown = fields - PLACE_FIELDS - GROUP_FIELDS
    if unknown:
        raise RenderModuleException(
            f"file_pattern {pattern!r}: unknown field {{{min(unknown)}}}; known are "
            f"{', '.join(sorted(PLACE_FIELDS | GROUP_FIELDS))}"
        )
    if "index" not in fields and not fields >= {"row", "column"}:
        raise RenderModuleException(
            f"file_pattern {pattern!r} must hold {{index}}, or {{row}} and {{column}}"
        )
    return parts


def _matching_files(parts: list[_Part], directory: Path) -> dict[Path, dict[str, str]]:
    """Existing files that fit, with the text of each field."""
    wild = "".join(
        glob.escape(p.literal).replace("[*]", "*") + ("*" if p.field is not None else "")
        for p in parts
    )
    expression = re.compile(_regular_expression(parts))
    found = {}
    for path in sorted(directory.glob(wild)):
        if match := expression.fullmatch(path.relative_to(directory).as_posix()):
            found[path] = match.groupdict()
    return found


def _regular_expression(parts: list[_Part]) -> str:
    pieces: list[str] = []
    seen: set[str] = set()
    for part in parts:
        pieces.append(re.escape(part.literal).replace(r"\*", "[^/]*"))
        if part.field is None:
            continue
        if part.field in seen:
            pieces.append(f"(?P={part.field})")
            continue
        seen.add(part.field)
        pieces.append(f"(?P<{part.field}>{_field_expression(part)})")
    return "".join(pieces)


def _field_expression(part: _Part) -> str:
    numeric = part.field in PLACE_FIELDS or part.spec.endswith("d")
    if numeric:
        width = re.search(r"(\d+)d?$", part.spec)
        return rf"\d{{{int(width[1])},}}" if width else r"\d+"
    return r"[-+]?\d+(?:\.\d+)?" if part.field == "z" else "[^/]+?"


def _groups(fields: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """The distinct combinations of section, channel and z, in natural order."""
    distinct = {
        tuple((name, values[name]) for name in sorted(GROUP_FIELDS & values.keys()))
        for values in fields
    }
    return [
        dict(group)
        for group in sorted(distinct, key=lambda group: [natural_key(v) for _, v in group])
    ]


def _place(grid: TileGrid, row: int, column: int) -> dict[str, int]:
    return {
        "index": grid.index(row, column),
        "row": row + grid.first_row,
        "column": column + grid.first_column,
    }


def _files_by_place(found: dict[Path, dict[str, str]]) -> dict[Key, Path]:
    """Files by what their names say; two files of one place are refused."""
    files: dict[Key, Path] = {}
    for path, fields in found.items():
        group = {name: value for name, value in fields.items() if name in GROUP_FIELDS}
        place = {name: int(value) for name, value in fields.items() if name in PLACE_FIELDS}
        first = files.setdefault(_key(group, place), path)
        if first is not path:
            raise RenderModuleException(
                f"{first} and {path} are both the tile of one place: "
                "make the file_pattern more exact"
            )
    return files


def _place_key(group: dict[str, str], place: dict[str, int], parts: list[_Part]) -> Key:
    """Key of a place by those of its numbers that the pattern holds."""
    named = {part.field for part in parts}
    return _key(group, {name: value for name, value in place.items() if name in named})


def _key(group: dict[str, str], place: dict[str, int]) -> Key:
    return tuple(sorted(group.items())), tuple(sorted(place.items()))


def _file_name(parts: list[_Part], values: dict[str, int], group: dict[str, str]) -> str:
    """Name of a file of a place, with * where the pattern leaves it open."""
    name = []
    for part in parts:
        name.append(part.literal)
        if part.field in PLACE_FIELDS:
            name.append(format(values[part.field], part.spec or "d"))
        elif part.field is not None:
            name.append(group.get(part.field, "*"))
    return "".join(name)


def _grid_image(
    file: Path, group: dict[str, str], row: int, column: int, step: tuple[float, float]
) -> AcquiredImage:
    return AcquiredImage(
        file=file,
        x=column * step[0],
        y=row * step[1],
        source=f"grid row {row}, column {column}",
        section=group.get("section"),
        channel=group.get("channel"),
        row=row,
        column=column,
        z=float(group["z"]) if "z" in group else None,
    )
