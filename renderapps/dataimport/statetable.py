"""Read the statetable of an array tomography project: one line for each raw image file."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

from renderapps.dataimport.acquired_image import listed
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
    affine: tuple[float, float, float, float, float, float]
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
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise RenderModuleException(f"{path} has no column {listed(missing, 30)}")
            rows = [_row(line, f"{path}, line {reader.line_num}") for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise RenderModuleException(f"cannot read the statetable {path}: {error}") from None
    chosen = [row for row in rows if row.zstack == zstack]
    if not chosen:
        planes = sorted({row.zstack for row in rows})
        raise RenderModuleException(
            f"{path} has no rows of zstack {zstack}; it has {listed(planes) or 'no rows at all'}"
        )
    _refuse_doubles(chosen)
    return chosen


def _row(line: Mapping[str, str | None], source: str) -> StateRow:
    if None in line.values():
        raise RenderModuleException(f"{source}: fewer values than columns")
    whole = {name: _whole(line, name, source) for name in WHOLE}
    number = {name: _number(line, name, source) for name in NUMBERS}
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


def _whole(line: Mapping[str, str | None], column: str, source: str) -> int:
    """A whole number, also written as 4.0 or 1.04E+14: tile ids exceed what floats hold exactly."""
    text = str(line[column]).strip()
    try:
        value = Decimal(text)
        if value == value.to_integral_value():
            return int(value)
    except (InvalidOperation, OverflowError, ValueError):
        pass
    raise RenderModuleException(f"{source}: {column} is {text!r}, not a whole number")


def _number(line: Mapping[str, str | None], column: str, source: str) -> float:
    text = str(line[column]).strip()
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RenderModuleException(f"{source}: {column} is {text!r}, not a number")
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
