"""Read positions of images from a CSV, TSV or JSON table."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from renderapps.dataimport.acquired_image import AcquiredImage, listed
from renderapps.dataimport.mist_positions import is_mist, mist_images
from renderapps.dataimport.text_columns import (
    NumberStyle,
    TextTable,
    number_hint,
    number_style,
    read_text_table,
)
from renderapps.dataimport.text_files import (
    TILE_CONFIGURATION,
    in_folder,
    kind_of_text,
    read_text,
)
from renderapps.dataimport.tile_configuration import read_tile_configuration
from renderapps.module.errors import RenderModuleException

REQUIRED_FIELDS = ("file", "x", "y")
OPTIONAL_FIELDS = ("section", "channel", "row", "column", "z", "tile_id", "mask", "page")
FIELDS = REQUIRED_FIELDS + OPTIONAL_FIELDS
_LARGEST = 1e300
_NUMERIC = ("x", "y", "z", "row", "column", "page")
_OTHER_NAMES = {"filename": "file", "file name": "file", "file_name": "file"}
_PIXELS = re.compile(r"\s*[(\[][^)\]]*\b(px|pixels?)\b[^)\]]*[)\]]$")


def read_position_table(
    path: Path, image_directory: Path, columns: Mapping[str, str | None] | None = None
) -> list[AcquiredImage]:
    """Images listed in a table, in its order.

    Parameters
    ----------
    path : Path
        Table: `.json` is a list of objects, anything else text with a header line, separated by
        tabs, semicolons, bars, commas or blanks. Blank lines and lines starting with # are
        skipped. The global positions that MIST writes, and TileConfigurations, are read too.
    image_directory : Path
        Folder that relative file names are below.
    columns : mapping, optional
        Column that holds each of `FIELDS`. A field without a column here is read from the column
        of its own name when the table has one, whatever its case; `x (px)` is a name of x.

    Raises
    ------
    RenderModuleException
        One line that names the table and the line (or JSON entry): unreadable, a missing column,
        two columns of one name, a value that is no number, no rows at all.
    """
    named = {field: column for field, column in (columns or {}).items() if column}
    text = read_text(path, "the positions in")
    if is_mist(text):
        return mist_images(text, path, image_directory)
    if kind_of_text(text) == TILE_CONFIGURATION:
        return read_tile_configuration(path, image_directory)
    table = _table(path, text, named)
    chosen = [_columns_of(row, named, table.repeated, source) for source, row in table.rows]
    style = _style(table, chosen, path)
    images = []
    for (source, row), where in zip(table.rows, chosen, strict=True):
        cells = {field: row[column] for field, column in where.items()}
        images.append(_image(_Row(cells, where, style, source), image_directory))
    if not images:
        raise RenderModuleException(
            f"{path} has no rows: it must list at least one image below a line of names"
        )
    return images


def _table(path: Path, text: str, named: Mapping[str, str]) -> TextTable:
    if kind := kind_of_text(text):
        raise RenderModuleException(
            f"{path} is no table of positions but {kind}; a table has a line that names the "
            "columns file, x and y"
        )
    if path.suffix.lower() == ".json" or text.lstrip()[:1] in ("[", "{"):
        return _json_table(path, text)
    return read_text_table(text, str(path), partial(_suits, named))


def _json_table(path: Path, text: str) -> TextTable:
    try:
        entries = json.loads(text, object_pairs_hook=partial(_object, path))
    except ValueError as error:
        raise RenderModuleException(f"{path} is not JSON: {error}") from None
    if not isinstance(entries, list):
        raise RenderModuleException(f"{path} must be a JSON list of objects, one for each image")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise RenderModuleException(f"{path}, entry {number}: not an object")
    return TextTable([(f"{path}, entry {number}", row) for number, row in enumerate(entries, 1)])


def _object(path: Path, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise RenderModuleException(f"{path}: an object has a name twice: {listed(names, 30)}")
    return dict(pairs)


def _suits(named: Mapping[str, str], header: Sequence[str]) -> bool:
    own = {field for name in header if (field := _field_of(name))}
    return all(column in header for column in named.values()) and all(
        field in named or field in own for field in REQUIRED_FIELDS
    )


def _field_of(column: str) -> str | None:
    """The field that a column is named for: x for "x", "X" and "x (stage, px)"."""
    name = _PIXELS.sub("", column.strip().casefold())
    name = _OTHER_NAMES.get(name, name)
    return name if name in FIELDS else None


def _columns_of(
    row: Mapping[str, Any],
    named: Mapping[str, str],
    repeated: Mapping[str, list[int]],
    source: str,
) -> dict[str, str]:
    for field, column in named.items():
        if column not in row:
            raise RenderModuleException(
                f"{source}: no column {column!r} (for {field}); columns are {listed(row, 30)}"
            )
    chosen = _own_columns(row, named, source) | dict(named)
    for field, column in chosen.items():
        if column in repeated:
            raise RenderModuleException(
                f"{source}: columns {' and '.join(map(str, repeated[column]))} are both called "
                f"{column!r} (for {field}); give each a name of its own, and say in columns which "
                "one counts"
            )
    missing = [field for field in REQUIRED_FIELDS if field not in chosen]
    if missing:
        raise RenderModuleException(
            f"{source}: no column for {listed(missing)}; name them in columns, the table has "
            f"{listed(row, 30)}{_headless_hint(row)}"
        )
    return chosen


def _own_columns(row: Mapping[str, Any], named: Mapping[str, str], source: str) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for column in row:
        field = _field_of(column)
        if field is None or field in named:
            continue
        if field in chosen:
            raise RenderModuleException(
                f"{source}: columns {chosen[field]!r} and {column!r} may both be {field}; say in "
                "columns which one counts"
            )
        chosen[field] = column
    return chosen


def _headless_hint(row: Mapping[str, Any]) -> str:
    style = NumberStyle()
    if sum(not math.isnan(style.read(name)) for name in row) < 2:
        return ""
    return "; a list without a line of names is a text_list"


def _style(table: TextTable, chosen: Iterable[Mapping[str, str]], path: Path) -> NumberStyle:
    """How numbers are written: seen from all columns of numbers together."""
    texts = [
        row[where[field]]
        for (_, row), where in zip(table.rows, chosen, strict=True)
        for field in _NUMERIC
        if field in where and isinstance(row[where[field]], str)
    ]
    return number_style(texts, str(path))


@dataclass(frozen=True)
class _Row:
    """Cells of one image by field, with what is needed to read them."""

    cells: Mapping[str, Any]
    columns: Mapping[str, str]
    style: NumberStyle
    source: str

    def text(self, field: str) -> str | None:
        value = self.cells.get(field)
        text = "" if value is None else str(value).strip()
        return text or None

    def number(self, field: str) -> float:
        value = self.cells[field]
        if isinstance(value, str):
            number = self.style.read(value)
        else:
            real = isinstance(value, int | float) and not isinstance(value, bool)
            number = float(value) if real and abs(value) < _LARGEST else math.nan
        if not math.isfinite(number):
            hint = number_hint(str(value))
            raise RenderModuleException(f"{self._what(field)}, not a number{hint}")
        return number

    def number_or_none(self, field: str) -> float | None:
        return None if self.text(field) is None else self.number(field)

    def whole(self, field: str) -> int | None:
        value = self.number_or_none(field)
        if value is not None and value != int(value):
            raise RenderModuleException(f"{self._what(field)}, not a whole number")
        return None if value is None else int(value)

    def _what(self, field: str) -> str:
        return f"{self.source}: {self.columns[field]} is {self.cells[field]!r}"


def _image(row: _Row, directory: Path) -> AcquiredImage:
    file, mask = row.text("file"), row.text("mask")
    if file is None:
        raise RenderModuleException(f"{row.source}: the file name is empty")
    return AcquiredImage(
        file=in_folder(directory, file),
        x=row.number("x"),
        y=row.number("y"),
        source=row.source,
        section=row.text("section"),
        channel=row.text("channel"),
        row=row.whole("row"),
        column=row.whole("column"),
        z=row.number_or_none("z"),
        tile_id=row.text("tile_id"),
        mask=None if mask is None else in_folder(directory, mask),
        slice=row.whole("page"),
    )
