"""Which sections a stack has: sectionId and z of each, in one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import renderapi
from renderapi.errors import NotFoundError, RequestError
from renderapi.matching.neighbours import group_of
from renderapps.module.errors import RenderModuleException
from renderapps.module.stacks import missing_stack, stack_zs

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class SectionRow:
    """The tiles of one sectionId at one z.

    Attributes
    ----------
    section_id : str
        As matches have it (groupId); that of tiles without one is their z as text, "3.0".
    z : float
    box : (min x, min y, max x, max y), optional
        World pixels; None where the service does not say.
    """

    section_id: str
    z: float
    box: Box | None = None


@dataclass(frozen=True)
class SectionTable:
    """Sections of a stack: several may have one z (imaged again), and one may have several z."""

    rows: tuple[SectionRow, ...]

    @cached_property
    def zs(self) -> list[float]:
        """The z values, ascending."""
        return sorted({row.z for row in self.rows})

    @cached_property
    def zs_of(self) -> dict[str, list[float]]:
        """The z values of each sectionId, ascending."""
        found: dict[str, set[float]] = {}
        for row in self.rows:
            found.setdefault(row.section_id, set()).add(row.z)
        return {section: sorted(zs) for section, zs in found.items()}

    @cached_property
    def sections_at(self) -> dict[float, list[str]]:
        """The sectionIds at each z, in string order."""
        found: dict[float, set[str]] = {}
        for row in self.rows:
            found.setdefault(row.z, set()).add(row.section_id)
        return {z: sorted(sections) for z, sections in sorted(found.items())}

    def box_at(self, z: float) -> Box | None:
        """World box of what is at a z; None where the service does not say."""
        boxes = [row.box for row in self.rows if row.z == z and row.box]
        if not boxes:
            return None
        low_x, low_y, high_x, high_y = zip(*boxes, strict=True)
        return min(low_x), min(low_y), max(high_x), max(high_y)


def section_table(render: renderapi.Render, stack: str) -> SectionTable:
    """The sections of a stack.

    A stack that was never complete has no table at the service: it is read from its tiles then.

    Raises
    ------
    RenderModuleException
        There is no such stack, or it has no tiles.
    """
    try:
        found = renderapi.stack.get_stack_sectionData(stack, render=render)
        rows = [_row(entry) for entry in found if entry.get("sectionId") is not None]
    except NotFoundError as error:
        raise RenderModuleException(missing_stack(render, stack)) from error
    except RequestError:
        rows = []
    known = {row.z for row in rows}
    for z in stack_zs(render, stack):
        if z not in known:
            rows += _rows_of_tiles(render, stack, z)
    if not rows:
        raise RenderModuleException(f"stack {stack} has no tiles")
    return SectionTable(tuple(sorted(rows, key=lambda row: (row.z, row.section_id))))


def _row(entry: Mapping[str, Any]) -> SectionRow:
    sides = [entry.get(side) for side in ("minX", "minY", "maxX", "maxY")]
    return SectionRow(str(entry["sectionId"]), float(entry["z"]), _box(sides))


def _box(sides: Iterable[Any]) -> Box | None:
    known = [float(side) for side in sides if side is not None]
    return (known[0], known[1], known[2], known[3]) if len(known) == 4 else None


def _rows_of_tiles(render: renderapi.Render, stack: str, z: float) -> list[SectionRow]:
    tiles = renderapi.stack.get_tilebounds_for_z(stack, z, render=render)
    names = sorted({group_of(tile.get("sectionId"), z) for tile in tiles})
    return [SectionRow(name, z) for name in names]
