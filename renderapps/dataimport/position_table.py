"""Read positions of images from a CSV, TSV or JSON table."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from renderapps.dataimport.acquired_image import AcquiredImage, listed
from renderapps.module.errors import RenderModuleException

REQUIRED_FIELDS = ("file", "x", "y")
OPTIONAL_FIELDS = ("section", "channel", "row", "column", "z", "tile_id", "mask", "page")
FIELDS = REQUIRED_FIELDS + OPTIONAL_FIELDS
_DELIMITERS = ",\t;"

Row = tuple[str, dict[str, Any]]


def read_position_table(
    path: Path, image_directory: Path, columns: Mapping[str, str | None] | None = None
) -> list[AcquiredImage]:
    """Images listed in a table, in its order.

    Parameters
    ----------
    path : Path
        Table: `.json` is a list of objects, anything else text with a header line, separated by
        commas, tabs, semicolons or blanks. Blank lines and lines starting with # are skipped.
    image_directory : Path
        Folder that relative file names are below.
    columns : mapping, optional
        Column that holds each of `FIELDS`. A field without a column here is read from the column
        of its own name when the table has one.

    Raises
    ------
    RenderModuleException
        One line that names the table and the line (or JSON entry): unreadable, a missing column,
        a value that is no number, no rows at all.
    """
    named = {field: column for field, column in (columns or {}).items() if column}
    images = []
    for source, row in _rows(path):
        chosen = _columns_of(row, named, source)
        images.append(_image(row, chosen, source, image_directory))
    if not images:
        raise RenderModuleException(f"{path} has no rows: it must list at least one image")
    return images


def _rows(path: Path) -> Iterator[Row]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise RenderModuleException(f"cannot read the positions in {path}: {reason}") from None
    return _json_rows(path, text) if path.suffix.lower() == ".json" else _text_rows(path, text)


def _json_rows(path: Path, text: str) -> Iterator[Row]:
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise RenderModuleException(f"{path} is not JSON: {error}") from None
    if not isinstance(entries, list):
        raise RenderModuleException(f"{path} must be a JSON list of objects, one for each image")
    for number, entry in enumerate(entries, 1):
        source = f"{path}, entry {number}"
        if not isinstance(entry, dict):
            raise RenderModuleException(f"{source}: not an object")
        yield source, entry


def _text_rows(path: Path, text: str) -> Iterator[Row]:
    lines = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        return
    header_line = lines[0][1]
    delimiter = max(_DELIMITERS, key=header_line.count)
    separated = delimiter in header_line
    header = _cells(header_line, delimiter if separated else None)
    for number, line in lines[1:]:
        cells = _cells(line, delimiter if separated else None)
        if len(cells) != len(header):
            raise RenderModuleException(
                f"{path}, line {number}: {len(cells)} values where the header has {len(header)}"
            )
        yield f"{path}, line {number}", dict(zip(header, cells, strict=True))


def _cells(line: str, delimiter: str | None) -> list[str]:
    if delimiter is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter))]


def _columns_of(row: Mapping[str, Any], named: Mapping[str, str], source: str) -> dict[str, str]:
    chosen = {field: field for field in FIELDS if field in row} | dict(named)
    for field, column in chosen.items():
        if column not in row:
            raise RenderModuleException(
                f"{source}: no column {column!r} (for {field}); columns are {listed(row, 30)}"
            )
    missing = [field for field in REQUIRED_FIELDS if field not in chosen]
    if missing:
        raise RenderModuleException(
            f"{source}: no column for {listed(missing)}; name them in columns, the table has "
            f"{listed(row, 30)}"
        )
    return chosen


def _image(
    row: Mapping[str, Any], chosen: Mapping[str, str], source: str, directory: Path
) -> AcquiredImage:
    cells = {field: row[column] for field, column in chosen.items()}
    file = str(cells["file"]).strip()
    if not file or cells["file"] is None:
        raise RenderModuleException(f"{source}: the file name is empty")
    mask = _text(cells.get("mask"))
    return AcquiredImage(
        file=directory / file,
        x=_number(cells, chosen, "x", source),
        y=_number(cells, chosen, "y", source),
        source=source,
        section=_text(cells.get("section")),
        channel=_text(cells.get("channel")),
        row=_whole(cells, chosen, "row", source),
        column=_whole(cells, chosen, "column", source),
        z=None if _text(cells.get("z")) is None else _number(cells, chosen, "z", source),
        tile_id=_text(cells.get("tile_id")),
        mask=None if mask is None else directory / mask,
        slice=_whole(cells, chosen, "page", source),
    )


def _text(value: Any) -> str | None:
    text = "" if value is None else str(value).strip()
    return text or None


def _number(cells: Mapping[str, Any], chosen: Mapping[str, str], field: str, source: str) -> float:
    value = cells[field]
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise RenderModuleException(f"{source}: {chosen[field]} is {value!r}, not a number")
    return number


def _whole(
    cells: Mapping[str, Any], chosen: Mapping[str, str], field: str, source: str
) -> int | None:
    if _text(cells.get(field)) is None:
        return None
    number = _number(cells, chosen, field, source)
    if number != int(number):
        raise RenderModuleException(
            f"{source}: {chosen[field]} is {cells[field]!r}, not a whole number"
        )
    return int(number)
