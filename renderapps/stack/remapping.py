"""Sections given another z or sectionId, and the tile spec files of what was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argschema.fields import Boolean
from argschema.schemas import DefaultSchema

from renderapi.files import atomic_write
from renderapi.utils import renderdumps
from renderapps.module import RenderModuleException, parameter
from renderapps.module.stack_edit import StackEditModule
from renderapps.module.tile_documents import Json, Section


class SectionIdParameters(DefaultSchema):
    """Whether the sectionId goes with z."""

    remap_sectionId = parameter(
        Boolean,
        "set the sectionId from the new z too; by default it stays, so that point matches still "
        "belong to it",
        default=False,
        aliases=["remap_sectionIds", "remap_section_ids"],
    )


def section_id_of(z: float) -> str:
    """sectionId that is derived from a z, exact for any z.

    >>> section_id_of(3484), section_id_of(1.04)
    ('3484.0', '1.04')
    """
    return str(float(z))


def set_section_id(tile: Json, section_id: str) -> bool:
    """Give a tile a sectionId, with a layout if it has none; whether that changed anything."""
    layout = tile.get("layout") or {}
    changed = layout.get("sectionId") != section_id
    tile["layout"] = {**layout, "sectionId": section_id}
    return changed


def move_section(section: Section, z: float, with_section_id: bool) -> Section:
    """Let a section be at another z."""
    section.z = z
    for tile in section.tiles:
        tile["z"] = z
        if with_section_id:
            set_section_id(tile, section_id_of(z))
    return section


def exact_z(z: float, digits: int = 4) -> str:
    """z in a file name: whole ones with leading zeros, others exact.

    >>> exact_z(7), exact_z(7.25)
    ('0007', '7.25')
    """
    return f"{int(z):0{digits}d}" if z == int(z) else repr(float(z))


def write_tile_specs(folder: str, name: str, section: Section) -> str:
    """Write the tile specs of a section to `folder`/`name`; the path."""
    path = Path(folder) / name
    atomic_write(path, renderdumps(section.tiles, indent=4))
    return str(path)


class RemapModule(StackEditModule):
    """Give sections another z: write `new_zs(zs)`.

    The report holds `mapping`, pairs of old and new z, and every section its `new_z`.
    """

    moves_tiles = False

    def new_zs(self, zs: Sequence[float]) -> list[float]:
        """New z of each of the sections that are worked on."""
        raise NotImplementedError(f"{type(self).__name__} has no new_zs()")

    def prepare(self) -> None:
        """Work out where every section goes."""
        zs = self.select_zs()
        new = self.new_zs(zs)
        doubles = sorted(z for z in set(new) if new.count(z) > 1)
        if doubles:
            raise RenderModuleException(f"two sections would both become z={doubles[0]:g}")
        self.mapping = dict(zip(zs, new, strict=True))

    def output_z(self, z: float) -> float:
        """The new z of a section."""
        return self.mapping[z]

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section at its new z."""
        (section,) = sections
        new_z = self.output_z(section.z)
        report: dict[str, Any] = {"new_z": new_z}
        move_section(section, new_z, self.args["remap_sectionId"])
        if self.args.get("output_directory"):
            name = f"tilespec_{exact_z(new_z)}.json"
            report["file"] = write_tile_specs(self.args["output_directory"], name, section)
        return section, report

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The mapping of z, in order."""
        return {"mapping": [[entry["z"], entry["new_z"]] for entry in sections]}
