"""The words of a command line that say which tiles to import and where they are."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

TABLES = re.compile(r"(?i)\.(csv|tsv|mdoc)$|tileconfiguration[^/]*\.txt$")
"""Names of files that are taken for tables of positions."""


def add_position_words(parser: Any) -> None:
    """Add --positions, --columns, --unit and --pixel-size-nm to a parser, or a group of one."""
    parser.add_argument(
        "--positions",
        type=Path,
        metavar="FILE",
        help="positions of the tiles: CSV, TSV or JSON table, TileConfiguration.txt or .mdoc "
        "(default: the one in the folder of the tiles)",
    )
    parser.add_argument(
        "--columns",
        nargs="+",
        default=[],
        metavar="FIELD=COLUMN",
        help="columns of the table for file, x, y, section, channel, row, column, z "
        "(default: columns of these names)",
    )
    parser.add_argument(
        "--unit", choices=("pixel", "micrometer"), default="pixel", help="of the positions"
    )
    parser.add_argument(
        "--pixel-size-nm",
        nargs=3,
        type=float,
        metavar=("X", "Y", "Z"),
        help="size of a pixel and distance of the sections, nanometres",
    )


def import_parameters(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Parameters of dataimport.import_tiles for the tiles in a folder.

    Raises
    ------
    RenderModuleException
        There is no such folder, not one table in it, or a column is not given as FIELD=COLUMN.
    """
    from renderapps.module.errors import RenderModuleException

    if not folder.is_dir():
        raise RenderModuleException(f"{folder} is not a folder")
    table = (options.positions or positions_in(folder)).resolve()
    source = _source(table)
    given: dict[str, Any] = {"image_directory": str(folder.resolve()), source: str(table)}
    columns = _columns(options.columns)
    given["position_unit"] = options.unit
    if columns:
        given["columns"] = columns
    if options.pixel_size_nm:
        given["pixel_size_nm"] = list(options.pixel_size_nm)
    return given


def positions_in(folder: Path) -> Path:
    """The one table of positions in a folder.

    Raises
    ------
    RenderModuleException
        There is none, or more than one.
    """
    from renderapps.module.errors import RenderModuleException

    found = sorted(path for path in folder.iterdir() if TABLES.search(path.name))
    if len(found) != 1:
        said = ", ".join(path.name for path in found) or "none"
        raise RenderModuleException(
            f"tables of positions in {folder}: {said}; say which one with --positions"
        )
    return found[0]


def _source(table: Path) -> str:
    """Parameter of import_tiles that takes a file like this one."""
    suffix = table.suffix.lower()
    if suffix == ".mdoc":
        return "mdoc_file"
    if suffix != ".txt" or not table.is_file():
        return "positions_file"
    with table.open(errors="ignore") as file:
        return "tile_configuration" if "dim" in file.read(2000) else "positions_file"


def _columns(words: list[str]) -> dict[str, str]:
    from renderapps.module.errors import RenderModuleException

    found = {}
    for text in words:
        field, _, column = text.partition("=")
        if not (field and column):
            raise RenderModuleException(f"--columns {text}: give FIELD=COLUMN")
        found[field] = column
    return found
