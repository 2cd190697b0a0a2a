"""Read positions from a text list as TrakEM2 imports it: file, x, y and maybe z, no header."""

from __future__ import annotations

import math
from pathlib import Path

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.dataimport.text_columns import (
    NumberStyle,
    number_style,
    separator_of_list,
    split_cells,
    without_trailing,
)
from renderapps.dataimport.text_files import in_folder, kind_of_text, numbered_lines, read_text
from renderapps.module.errors import RenderModuleException

_HEADERS = ("file", "filename", "file name", "file_name", "image", "name")


def read_text_list(path: Path, image_directory: Path) -> list[AcquiredImage]:
    """Images of a text list, positions in pixels.

    Columns are separated by tabs, semicolons, bars, commas or blanks: the first of these under
    which every line has a file and two numbers. Lines that are empty or begin with # are skipped;
    columns after z are not read.

    Raises
    ------
    RenderModuleException
        Names the file and the line that cannot be understood.
    """
    if kind := kind_of_text(read_text(path)):
        raise RenderModuleException(f"{path} is no list of file, x and y but {kind}")
    lines = numbered_lines(path)
    separator = separator_of_list((line for _, line in lines), _fits)
    rows = [
        (f"{path}, line {number}", without_trailing(split_cells(line, separator)))
        for number, line in lines
    ]
    style = number_style((cell for _, cells in rows for cell in cells[1:4]), str(path))
    images = [_image(cells, style, source, image_directory) for source, cells in rows]
    if not images:
        raise RenderModuleException(f"{path} lists no images")
    return images


def _fits(cells: list[str]) -> bool:
    styles = (NumberStyle(), NumberStyle(decimal_comma=True))
    return len(cells) > 2 and any(
        not math.isnan(style.read(cells[1]) + style.read(cells[2])) for style in styles
    )


def _image(cells: list[str], style: NumberStyle, source: str, directory: Path) -> AcquiredImage:
    if len(cells) < 3 or not cells[0]:
        raise RenderModuleException(f"{source}: expected file, x and y, found {' '.join(cells)!r}")
    found = [style.read(cell) for cell in cells[1:4]]
    if any(map(math.isnan, found)):
        header = (
            "; a table with a line of names is a positions_file"
            if cells[0].casefold() in _HEADERS
            else ""
        )
        raise RenderModuleException(
            f"{source}: expected numbers, found {' '.join(cells[1:4])!r}{header}"
        )
    x, y, *rest = found
    return AcquiredImage(in_folder(directory, cells[0]), x, y, source, z=rest[0] if rest else None)
