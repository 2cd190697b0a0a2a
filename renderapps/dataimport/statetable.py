"""Read the statetable of an array tomography project: one line for each raw image file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from renderapps.dataimport.acquired_image import listed
from renderapps.dataimport.text_columns import NumberStyle, number_style, read_text_table
from renderapps.dataimport.text_files import is_number, read_text
from renderapps.module.errors import RenderModuleException

WHOLE = ("ribbon", "session", "section", "frame", "zstack", "width", "height")
NUMBERS = ("z", "scale_x", "xstage", "ystage", "a00", "a01", "a02", "a10", "a11", "a12")
TEXTS = ("full_path", "ch_name", "tileID")
COLUMNS = (*TEXTS, *WHOLE, *NUMBERS)


@dataclass(frozen=True)
class StateRow:
    """One image: a channel of a frame of a section of a ribbon, in one focal plane.

    Attributes
    ----------
    path : Path
        The raw image.
    tile_id : str
        Decimal digits.
    affine : (a00, a01, a02, a10, a11, a12)
        Nominal place: x' = a00 x + a01 y + a02, y' = a10 x + a11 y + a12, in pixels.
    scale : float
        Micrometres of a pixel.
    stage : (float, float)
        Micrometres.
    source : str
        File and line, for messages.
    """

    path: Path
    channel: str
    tile_id: str
    ribbon: int
    session: int
    section: int
    frame: int
    zstack: int
    width: int
    height: int
    z: float
    scale: float
    stage: tuple[float, float]
    affine: tuple[float, ...]
    source: str

    @property
    def folders(self) -> Path:
        """Ribbon, session and channel: the last three folders of the image."""
        return Path(*self.path.parts[-4:-1])


def read_statetable(path: Path, zstack: int = 0) -> list[StateRow]:
    """Rows of one focal plane, in the order of the file.

    Raises
    ------
    RenderModuleException
        Names the file, line and column: a column is missing, a value is no number, no such plane.
    """
    table = read_text_table(read_text(path, "the statetable"), str(path), _suits)
    for source, line in table.rows[:1]:
        if missing := [name for name in COLUMNS if name not in line]:
            raise RenderModuleException(
                f"{path} has no column {listed(missing, 30)}; it has {listed(line, 30)} ({source})"
            )
    if repeated := [name for name in COLUMNS if name in table.repeated]:
        raise RenderModuleException(f"{path} has two columns {listed(repeated)}")
    style = number_style((line[name] for _, line in table.rows for name in NUMBERS), str(path))
    rows = [_row(line, style, source) for source, line in table.rows]
    chosen = [row for row in rows if row.zstack == zstack]
    if not chosen:
        planes = sorted({row.zstack for row in rows})
        raise RenderModuleException(
            f"{path} has no rows of zstack {zstack}; it has {listed(planes) or 'no rows at all'}"
        )
    _refuse_doubles(chosen)
    return chosen


def _suits(header: Sequence[str]) -> bool:
    return all(name in header for name in COLUMNS)


def _row(line: Mapping[str, str], style: NumberStyle, source: str) -> StateRow:
    whole = {name: _whole(line, name, source) for name in WHOLE}
    number = {name: _number(line, name, style, source) for name in NUMBERS}
    channel, path = str(line["ch_name"]).strip(), Path(str(line["full_path"]).strip())
    if not channel:
        raise RenderModuleException(f"{source}: ch_name is empty")
    if not path.is_absolute() or len(path.parts) < 5:
        raise RenderModuleException(
            f"{source}: full_path {path} is not an absolute path with the folders of ribbon, "
            "session and channel"
        )
    if number["scale_x"] <= 0:
        raise RenderModuleException(f"{source}: scale_x is {number['scale_x']:g}, not positive")
    return StateRow(
        path=path,
        channel=channel,
        tile_id=str(_whole(line, "tileID", source)),
        **whole,
        z=number["z"],
        scale=number["scale_x"],
        stage=(number["xstage"], number["ystage"]),
        affine=tuple(number[name] for name in ("a00", "a01", "a02", "a10", "a11", "a12")),
        source=source,
    )


def _whole(line: Mapping[str, str], column: str, source: str) -> int:
    """A whole number, also written as 4.0 or 1.04E+14: tile ids exceed what floats hold exactly."""
    text = line[column].strip()
    if is_number(text) and (value := Decimal(text)) == value.to_integral_value():
        return int(value)
    raise RenderModuleException(f"{source}: {column} is {text!r}, not a whole number")


def _number(line: Mapping[str, str], column: str, style: NumberStyle, source: str) -> float:
    value = style.read(line[column])
    if math.isnan(value):
        raise RenderModuleException(f"{source}: {column} is {line[column]!r}, not a number")
    return value


def _refuse_doubles(rows: list[StateRow]) -> None:
    """A channel of a frame is there once."""
    seen: dict[tuple[object, ...], StateRow] = {}
    for row in rows:
        key = (row.ribbon, row.session, row.section, row.frame, row.channel)
        known = seen.setdefault(key, row)
        if known is not row:
            raise RenderModuleException(
                f"{row.source}: channel {row.channel} of ribbon {row.ribbon}, session "
                f"{row.session}, section {row.section}, frame {row.frame} is also in {known.source}"
            )
