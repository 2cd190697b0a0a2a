"""Bring the places that were corrected in TrakEM2 back into a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean

from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.module.box import Box
from renderapps.module.tile_documents import read_section
from renderapps.TrakEM2.create_trakem2_subvolume_from_render import (
    chunks_of,
    project_path,
)
from renderapps.TrakEM2.exporting import Chunk, central_chunk
from renderapps.TrakEM2.importing import CorrectedProject, Correction, corrected
from renderapps.TrakEM2.parameters import TEM2ProjectTransfer


class ReImportTrakEM2ToRenderParameters(TEM2ProjectTransfer, StackEditParameters):
    """Parameters of reimport_trakem2_to_render."""

    carry_outside = parameter(
        Boolean, "also write the tiles of the sections that were not exported", default=False
    )


class ReImportTrakEM2ToRender(StackEditModule):
    """The transforms of a tile stay; what was done to its patch is appended as one affine.

    A patch that was not touched adds nothing. Tiles that were hidden or deleted in TrakEM2 are left
    out and named. With doChunk each section comes from the project in which it is most central.
    """

    default_schema = ReImportTrakEM2ToRenderParameters
    inputs = ("inputStack",)
    outputs = ("outputStack",)

    def prepare(self) -> None:
        """Read the projects."""
        zs = self.select_zs()
        chunks = chunks_of(self.args, zs)
        wanted: dict[Chunk, list[float]] = {}
        for z in zs:
            if (chunk := central_chunk(chunks, z)) is not None:
                wanted.setdefault(chunk, []).append(z)
        self.corrections: dict[float, Correction] = {}
        for chunk, inside in wanted.items():
            self.corrections |= self.read_project(project_path(self.args, chunk), inside)

    def read_project(self, path: Path, zs: list[float]) -> dict[float, Correction]:
        """What a project says of the sections that are taken from it."""
        stack, box = self.args["inputStack"], Box.of(self.args)
        if not path.is_file():
            raise RenderModuleException(
                f"there is no project {path}: export it first, or give the parameters it was "
                "exported with"
            )
        project = CorrectedProject(path)
        if project.side_car is None:
            self.logger.warning(
                "%s has no list of tiles beside it: tiles are found by number or title, and stack "
                "%s is taken to be what was exported",
                path,
                stack,
            )
            sections = {z: read_section(self.render, stack, z) for z in zs}
            return project.corrections_without_side_car(sections, box)
        exported = project.side_car
        if exported.stack != stack:
            raise RenderModuleException(f"{path} was exported from stack {exported.stack}")
        if exported.shift != (-box.min_x, -box.min_y):
            raise RenderModuleException(
                f"{path} was exported with minX {-exported.shift[0]:g} and minY "
                f"{-exported.shift[1]:g}: give these"
            )
        found = project.corrections(stack)
        missing = [z for z in zs if z not in found]
        if missing:
            raise RenderModuleException(f"{path} was exported without section z={missing[0]:g}")
        return {z: found[z] for z in zs}

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with its tiles where they are in the project."""
        (section,) = sections
        correction = self.corrections[section.z]
        return (
            corrected(section, correction, self.args["carry_outside"]),
            correction.report(),
        )


if __name__ == "__main__":
    ReImportTrakEM2ToRender.main()
