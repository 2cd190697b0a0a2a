"""Which tile of one stack is the same as which tile of another: a table for each section.

Tiles correspond one to one. A tile that none, or more than one, corresponds to is left out on both
sides, and named with the reason.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from argschema.fields import Int, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

from renderapps.module.errors import RenderModuleException
from renderapps.module.fields import parameter
from renderapps.module.tile_documents import first_level

Json = Mapping[str, Any]
Key = Callable[[Json], Hashable]

AUTO = "auto"
RULES = ("tileId", "frame", "row_column", "numeric_id", "file_name")
AUTO_ORDER = ("numeric_id", "frame", "row_column")
FRAME = re.compile(r"(?:^|_)F(\d+)")


@dataclass(frozen=True)
class Rule:
    """What tiles have in common that correspond.

    Attributes
    ----------
    by : str
        tileId: the same id. frame: the frameId, or the frame number in the name of the image.
        row_column: imageRow and imageCol of the layout. numeric_id: ids are whole numbers that
        differ by the same amount throughout the section. file_name: what the groups of
        `file_pattern` find in the name of the image. auto: the first of numeric_id, frame and
        row_column by which a tile of the section has a partner.
    frame_pattern : str, optional
        Regular expression whose last match in the file name has the frame number as its group; by
        default the number after F, else that in the last part but one between underscores.
    file_pattern : str, optional
    tolerance : int
        Ids of numeric_id differ by less than this.
    offset : int, optional
        What is added to ids of numeric_id; by default found for each section.
    """

    by: str = "tileId"
    frame_pattern: str | None = None
    file_pattern: str | None = None
    tolerance: int = 10
    offset: int | None = None


@dataclass(frozen=True)
class Correspondence:
    """Tiles of a section that correspond.

    Attributes
    ----------
    partners : mapping of tileId to the tile of the other stack
    missing : mapping of tileId to the reason, for tiles without one
    unused : mapping of tileId to the reason, for tiles of the other stack without one
    by : str
        The rule that was used.
    """

    partners: dict[str, Json]
    missing: dict[str, str] = field(default_factory=dict)
    unused: dict[str, str] = field(default_factory=dict)
    by: str = ""


class CorrespondenceParameters(DefaultSchema):
    """How tiles of two stacks are recognised as the same. Mix into the schema of a module."""

    match_by = parameter(
        Str,
        "what tiles of the same section have in common that are the same: tileId; frame (frameId, "
        "or the number in the name of the image); row_column (imageRow and imageCol); numeric_id "
        "(ids are whole numbers that differ by the same amount throughout the section, less than "
        "id_tolerance); file_name (what the groups of file_pattern find in the name of the "
        "image); auto is the first of numeric_id, frame and row_column by which a tile has a "
        "partner",
        default=AUTO,
        validate=OneOf((AUTO, *RULES)),
    )
    frame_pattern = parameter(
        Str,
        "regular expression whose last match in the name of the image file has the frame number "
        "as its group",
        default=None,
        default_text="the number after F, else that in the last part but one between underscores",
    )
    file_pattern = parameter(
        Str,
        "with match_by file_name: regular expression; tiles are the same where its groups find "
        "the same in the names of their images",
        default=None,
    )
    id_tolerance = parameter(
        Int,
        "with match_by numeric_id: ids differ by less than this",
        default=10,
        validate=Range(1, 10_000),
    )
    id_offset = parameter(
        Int,
        "with match_by numeric_id: what is added to the ids of one stack to give those of the "
        "other",
        default=None,
        default_text="found for each section",
    )

    @validates_schema
    def patterns_have_groups(self, data: dict[str, Any], **_: Any) -> None:
        """Patterns are given where they are needed, and find something."""
        for name, groups in (("frame_pattern", 1), ("file_pattern", None)):
            if data.get(name) is None:
                continue
            try:
                found = re.compile(data[name]).groups
            except re.error as error:
                raise ValidationError(f"not a regular expression: {error}", name) from error
            if found == 0 or groups not in (None, found):
                raise ValidationError(f"needs {'one group' if groups else 'groups'}", name)
        if (data.get("match_by") == "file_name") != (data.get("file_pattern") is not None):
            raise ValidationError("goes with match_by file_name", "file_pattern")


def rule_of(args: Mapping[str, Any]) -> Rule:
    """The rule that parameters of a module describe."""
    names = ("match_by", "frame_pattern", "file_pattern", "id_tolerance", "id_offset")
    return Rule(*(args[name] for name in names))


def correspond(tiles: Sequence[Json], others: Sequence[Json], rule: Rule) -> Correspondence:
    """Partners of tiles (JSON objects of a section) among the tiles of another stack.

    Raises
    ------
    RenderModuleException
        With numeric_id: several offsets fit equally well.
    """
    if rule.by != AUTO:
        return _by(tiles, others, rule, rule.by)
    found = Correspondence({})
    for by in AUTO_ORDER:
        if by == "numeric_id" and not all(_number(t) is not None for t in (*tiles, *others)):
            continue
        found = _by(tiles, others, rule, by)
        if found.partners:
            break
    return found


def _by(tiles: Sequence[Json], others: Sequence[Json], rule: Rule, by: str) -> Correspondence:
    key: Key
    if by == "numeric_id":
        offset = rule.offset
        if offset is None:
            offset = id_offset(tiles, others, rule.tolerance)
        key = _number
        return _joined(tiles, others, lambda tile: _shifted(tile, offset), key, by)
    if by == "frame":
        pattern = re.compile(rule.frame_pattern) if rule.frame_pattern else None
        key = lambda tile: frame_of(tile, pattern)  # noqa: E731
    elif by == "row_column":
        key = _row_column
    elif by == "file_name":
        files = re.compile(rule.file_pattern or "(.*)")
        key = lambda tile: _in_name(tile, files)  # noqa: E731
    else:
        key = _tile_id
    return _joined(tiles, others, key, key, by)


def _joined(
    tiles: Sequence[Json], others: Sequence[Json], key: Key, other_key: Key, by: str
) -> Correspondence:
    here, there = _by_key(tiles, key), _by_key(others, other_key)
    partners: dict[str, Json] = {}
    lacking: tuple[dict[str, str], dict[str, str]] = ({}, {})
    for lacks, mine, theirs in ((lacking[0], here, there), (lacking[1], there, here)):
        for value, some in mine.items():
            reason = _reason(value, some, theirs.get(value, []), by)
            if reason is not None:
                lacks.update((tile["tileId"], reason) for tile in some)
            elif mine is here:
                partners[some[0]["tileId"]] = theirs[value][0]
    return Correspondence(partners, *lacking, by)


def _by_key(tiles: Sequence[Json], key: Key) -> dict[Hashable, list[Json]]:
    found: dict[Hashable, list[Json]] = {}
    for tile in tiles:
        found.setdefault(key(tile), []).append(tile)
    return found


def _reason(value: Hashable, mine: list[Json], theirs: list[Json], by: str) -> str | None:
    """Why tiles with the same value have no partner."""
    what = f"{by} {value}"
    if value is None:
        return f"it has no {by}"
    if not theirs:
        return f"the other stack has no tile with {what}"
    for some, where in ((mine, "its stack"), (theirs, "the other stack")):
        if len(some) > 1:
            names = " and ".join(tile["tileId"] for tile in some[:2])
            return f"tiles {names} of {where} both have {what}"
    return None


def _tile_id(tile: Json) -> str:
    return str(tile["tileId"])


def _row_column(tile: Json) -> tuple[int, int] | None:
    layout = tile.get("layout") or {}
    row, column = layout.get("imageRow"), layout.get("imageCol")
    return None if row is None or column is None else (int(row), int(column))


def _number(tile: Json) -> int | None:
    name = str(tile["tileId"])
    return int(name) if name.isascii() and name.isdecimal() else None


def _shifted(tile: Json, offset: int | None) -> int | None:
    number = _number(tile)
    return None if number is None or offset is None else number + offset


def id_offset(tiles: Sequence[Json], others: Sequence[Json], tolerance: int) -> int | None:
    """What is added to the ids of tiles to give those of their partners; None where nothing does.

    Of all offsets below the tolerance the one that gives most tiles a partner.

    Raises
    ------
    RenderModuleException
        Several do equally well.
    """
    numbers = {n for tile in tiles if (n := _number(tile)) is not None}
    there = {n for tile in others if (n := _number(tile)) is not None}
    offsets = range(1 - tolerance, tolerance)
    counts = Counter({step: sum(n + step in there for n in numbers) for step in offsets})
    best = max(counts.values(), default=0)
    if not best:
        return None
    found = [step for step in offsets if counts[step] == best]
    if len(found) > 1:
        raise RenderModuleException(
            f"ids of tiles such as {min(numbers)} have partners at offsets "
            f"{', '.join(map(str, found))} alike: give id_offset, or another match_by"
        )
    return found[0]


def image_name(tile: Json) -> str:
    """Name of the image file of a tile, "" where it has none."""
    level = first_level(dict(tile))
    return PurePosixPath(unquote(level[1]["imageUrl"])).name if level else ""


def frame_of(tile: Json, pattern: re.Pattern[str] | None = None) -> int | None:
    """Frame number of a tile: its frameId if that is a number, else that in its image's name.

    In the name the last match of the pattern counts. Without a pattern it is the number after F,
    else that after the first character of the last part but one between underscores
    (x_A0012_Z01.tif: 12). None where there is none.
    """
    given = str(tile.get("frameId", ""))
    if given.isdecimal():
        return int(given)
    name = image_name(tile)
    found = (pattern or FRAME).findall(name)
    parts = name.split("_")
    if not found and pattern is None and len(parts) > 1:
        found = [parts[-2][1:]]
    return int(found[-1]) if found and str(found[-1]).isdecimal() else None


def _in_name(tile: Json, pattern: re.Pattern[str]) -> tuple[Any, ...] | None:
    found = pattern.search(image_name(tile))
    return found.groups() if found else None
