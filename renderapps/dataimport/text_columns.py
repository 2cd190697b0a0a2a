"""Text with columns: what separates them, what they are called, and what their numbers look like.

One reader for every table and list of text. Nothing is taken for granted that the text does not
show: the separator is the one under which the lines agree, a comma inside numbers is a decimal
comma only where it cannot be anything else, and a name that stands over two columns is no name.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from renderapps.dataimport.text_files import is_number, lines_of
from renderapps.module.errors import RenderModuleException

SEPARATORS = ("\t", ";", "|", ",", None)
_THOUSANDS = re.compile(r"[-+]?[1-9][0-9]{0,2}(,[0-9]{3})+")
_EXCEL = re.compile(r"sep=(.)", re.I)
_MINUS = "\u2212"

Cells = list[str]


@dataclass(frozen=True)
class TextTable:
    """Rows of a table, each with its place for messages.

    Attributes
    ----------
    rows : list of (str, dict)
        Place ("positions.csv, line 4") and cells by column.
    repeated : dict
        Columns that have one name, by that name: their numbers, counted from 1.
    """

    rows: list[tuple[str, dict[str, Any]]]
    repeated: dict[str, list[int]] = field(default_factory=dict)


def read_text_table(text: str, path: str, suits: Callable[[Sequence[str]], bool]) -> TextTable:
    """Rows of a text with a header line.

    Parameters
    ----------
    text : str
    path : str
        For messages.
    suits : function
        Whether a header has the columns that are needed: decides between separators.

    Raises
    ------
    RenderModuleException
        A line has more or fewer values than the header.
    """
    lines = lines_of(text)
    fixed = _EXCEL.fullmatch(lines[0][1].strip()) if lines else None
    lines = lines[1:] if fixed else lines
    if not lines:
        return TextTable([])
    separator = fixed[1] if fixed else _separator_of_table([line for _, line in lines], suits)
    header = without_trailing(split_cells(lines[0][1], separator))
    rows = []
    for number, line in lines[1:]:
        source = f"{path}, line {number}"
        cells = _fitting(split_cells(line, separator), len(header), source, separator)
        row: dict[str, Any] = {}
        for name, cell in zip(header, cells, strict=True):
            row.setdefault(name, cell)
        rows.append((source, row))
    return TextTable(rows, _repeated(header))


def split_cells(line: str, separator: str | None) -> Cells:
    """Cells of a line; None separates at blanks. Quotes keep a cell together."""
    if separator is None:
        return line.split()
    return [cell.strip() for cell in next(csv.reader([line], delimiter=separator), [])]


def without_trailing(cells: Cells) -> Cells:
    """Cells up to the last one that is not empty: what precedes a trailing separator."""
    last = max((k for k, cell in enumerate(cells) if cell), default=-1)
    return cells[: last + 1]


def _separator_of_table(lines: list[str], suits: Callable[[Sequence[str]], bool]) -> str | None:
    """The separator under which the header has what is needed, and most lines as many cells."""

    def merit(separator: str | None) -> tuple[bool, float, int]:
        header = without_trailing(split_cells(lines[0], separator))
        sample = lines[1:1000]
        widths = [len(without_trailing(split_cells(line, separator))) for line in sample]
        agreeing = sum(width == len(header) for width in widths) / max(len(sample), 1)
        return suits(header), agreeing if len(header) > 1 else 0.0, min(len(header), 2)

    return max(SEPARATORS, key=merit)


def separator_of_list(lines: Iterable[str], fits: Callable[[Cells], bool]) -> str | None:
    """The first separator under which every line of a text without a header fits.

    Where there is none, the first one that the first line has.
    """
    lines = list(lines)
    for separator in SEPARATORS:
        if lines and all(fits(split_cells(line, separator)) for line in lines):
            return separator
    return next((s for s in SEPARATORS if s and lines and s in lines[0]), None)


def _fitting(cells: Cells, width: int, source: str, separator: str | None) -> Cells:
    """As many cells as the header has; empty ones after them are of a trailing separator."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != width:
        more = separator == "," and len(cells) > width
        hint = "; decimal commas need quotes, or another separator of columns" if more else ""
        raise RenderModuleException(
            f"{source}: {len(cells)} values where the header has {width}{hint}"
        )
    return cells


def _repeated(header: Cells) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for number, name in enumerate(header, 1):
        places.setdefault(name, []).append(number)
    return {name: numbers for name, numbers in places.items() if len(numbers) > 1}


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of one text are written: with a decimal point, or with a decimal comma."""

    decimal_comma: bool = False

    def read(self, text: str) -> float:
        """A number; nan where the text is none."""
        plain = text.strip().replace(_MINUS, "-")
        if self.decimal_comma and plain.count(",") == 1:
            plain = plain.replace(",", ".")
        return float(plain) if is_number(plain) else math.nan


def number_style(texts: Iterable[str], path: str) -> NumberStyle:
    """Style of the numbers of a text, seen from all of them.

    A comma is a decimal comma where no number has a point, none has two commas, and at least one
    cannot be read with commas between thousands.

    Raises
    ------
    RenderModuleException
        Every number with a comma could be thousands: 1,234.
    """
    texts = [text.strip() for text in texts]
    commas = [text for text in texts if "," in text]
    if not commas or any("." in text or text.count(",") > 1 for text in texts):
        return NumberStyle()
    if all(_THOUSANDS.fullmatch(text) for text in commas):
        raise RenderModuleException(
            f"{path}: {commas[0]!r} may be {commas[0].replace(',', '.')} or "
            f"{commas[0].replace(',', '')}; write a decimal point, or no comma at all"
        )
    return NumberStyle(decimal_comma=True)


def number_hint(text: str) -> str:
    """What to give instead of a text that is no number; empty where there is nothing to say."""
    if "," in text:
        return "; write numbers with a decimal point and nothing between thousands"
    if "_" in text:
        return "; digits are not grouped by underscores"
    return ""
