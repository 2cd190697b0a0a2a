"""A TrakEM2 project per section: EM tiles to be moved over LM tiles that stay, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from argschema.fields import Dict, Float, List
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

from renderapps.module import (
    RenderModule,
    RenderModuleException,
    Section,
    StackEditModule,
    parameter,
)
from renderapps.module.box import Box, box_of, read_box
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_metadata, stack_zs
from renderapps.TrakEM2.exporting import ProjectBuilder, require_inside, z_name
from renderapps.TrakEM2.importing import CorrectedProject, Correction, corrected
from renderapps.TrakEM2.side_car import FIXED, side_car_path

Json = dict[str, Any]

#: display ranges by what the name of a stack contains, the last that fits wins
USUAL_EM_RANGES = {"DAPI": [0.0, 6000.0]}
USUAL_LM_RANGES = {"PSD": [1500.0, 8000.0], "MBP": [0.0, 10000.0], "DAPI": [0.0, 4000.0]}


class OneProjectPerSection(DefaultSchema):
    """Projects of EM and LM are one per section already."""

    @validates_schema
    def there_are_no_chunks(self, data: dict[str, Any], **_: Any) -> None:
        """doChunk would have no effect."""
        if data.get("doChunk"):
            raise ValidationError("has no meaning here: each section is a project", "doChunk")


def _ranges(kind: str, usual: Mapping[str, Sequence[float]]) -> Dict:
    return parameter(
        Dict,
        f"display ranges of {kind} tiles in TrakEM2, [minimum, maximum] by a "
        "part of the name of the stack; of several that fit the last counts",
        default=lambda: dict(usual),
        values=List(Float(), validate=Length(equal=2)),
    )


class DisplayRangesParameters(DefaultSchema):
    """How tiles are shown in TrakEM2; others have the display range they have."""

    EM_display_ranges = _ranges("EM", USUAL_EM_RANGES)
    LM_display_ranges = _ranges("LM", USUAL_LM_RANGES)


class ProjectsModule(RenderModule):
    """Write the projects; a subclass has the schema.

    EM tiles are in the layer z=0, LM tiles in the layers z=1, 2, ...: those must not be moved.
    """

    def run(self) -> None:
        """Write a project for each section and report its tiles."""
        stack = self.args["inputStack"]
        zs, low, high = (self.args[name] for name in ("zs", "minZ", "maxZ"))
        zs = chosen_zs(stack_zs(self.render, stack), zs, low, high, f"stack {stack}")
        lm_stacks = lm_stacks_of(self.args)
        if stack in lm_stacks:
            raise RenderModuleException(f"stack {stack} is both EM and LM")
        for lm_stack in lm_stacks:
            stack_metadata(self.render, lm_stack)
        box = project_box(self)
        require_inside(self.render, stack, box)
        sections = [self.export(z, box, lm_stacks) for z in zs]
        self.output({"box": box._asdict(), "sections": sections})

    def export(self, z: float, box: Box, lm_stacks: Sequence[str]) -> Json:
        """Write the project of a section; its entry in the report."""
        stack = self.args["inputStack"]
        builder = ProjectBuilder(stack, box)
        em = builder.add_layer(
            read_box(self.render, stack, z, box),
            z=0.0,
            display=range_of(stack, self.args.get("EM_display_ranges") or {}),
        )
        lm = {}
        for number, lm_stack in enumerate(lm_stacks, 1):
            lm[lm_stack] = builder.add_layer(
                read_box(self.render, lm_stack, z, box),
                z=float(number),
                stack=lm_stack,
                role=FIXED,
                display=range_of(lm_stack, self.args.get("LM_display_ranges") or {}),
            )
        path = project_path(self.args, z)
        builder.write(path)
        files = {"project": str(path), "tiles_file": str(side_car_path(path))}
        return {"z": z, "EM_tiles": em, "LM_tiles": lm} | files


class EMImportModule(StackEditModule):
    """Bring the EM tiles back; a subclass has the schema.

    Their transforms stay, and what was done to a patch is appended as one affine. A project whose
    canvas was resized, or in which an LM tile was moved, is refused.
    """

    inputs = ("inputStack",)
    outputs = ("outputStack",)

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, Json]:
        """The section with its EM tiles where they are in the project."""
        (section,) = sections
        correction = self.correction(section.z)
        return corrected(section, correction), correction.report()

    def correction(self, z: float) -> Correction:
        """What the project of a section says."""
        project = open_project(self.args, z)
        stack = self.args["inputStack"]
        if project.side_car is None:
            box = project_box(self)
            section = read_box(self.render, stack, z, box)
            project.project.layers = [la for la in project.project.layers if la.z == 0.0]
            for layer in project.project.layers:
                layer.z = z
            return project.corrections_without_side_car({z: section}, box)[z]
        if project.side_car.stack != stack:
            raise RenderModuleException(
                f"{project.path} was made from stack {project.side_car.stack}"
            )
        return project.corrections(stack)[z]


class LMSubsetModule(StackEditModule):
    """Make a stack of the LM tiles that take part in the projects; a subclass has the schema.

    They are those that are in the projects and not hidden there. They stay as they are in the LM
    stack, whatever TrakEM2 has done to them.
    """

    inputs = ("LMstacks",)
    outputs = ("outputStack",)
    moves_tiles = False
    missing_ok = True

    @property
    def input_stacks(self) -> list[str]:
        """The LM stack that is meant."""
        return [lm_stacks_of(self.args)[self.args.get("LMstack_index") or 0]]

    @property
    def z_stack(self) -> str:
        """The EM stack: its sections have projects."""
        return str(self.args["inputStack"])

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, Json]:
        """The LM section with the tiles of the project."""
        (section,) = sections
        wanted = self.tiles_in_project(section.z)
        there = set(section.tile_ids)
        section.tiles = [tile for tile in section.tiles if tile["tileId"] in wanted]
        return section, {"not_in_the_LM_stack": sorted(wanted - there), "dropped_tiles": []}

    def tiles_in_project(self, z: float) -> set[str]:
        """tileIds of the LM tiles that the project of a section shows."""
        project, (stack,) = open_project(self.args, z), self.input_stacks
        layer_z = 1.0 + (self.args.get("LMstack_index") or 0)
        shown = {
            patch.oid: patch.title
            for layer in project.project.layers
            if layer.z == layer_z
            for patch in layer.patches
            if patch.visible
        }
        if project.side_car is None:
            return set(shown.values())
        return {
            tile.tileId
            for tile in project.side_car.tiles
            if tile.stack == stack and tile.oid in shown
        }


def lm_stacks_of(args: Mapping[str, Any]) -> list[str]:
    """The LM stacks of the parameters, one or several."""
    return [args["LMstack"]] if args.get("LMstack") else list(args["LMstacks"])


def project_box(module: RenderModule) -> Box:
    """The box of the projects: that of the parameters or of the stack, with the margin."""
    box = box_of(module.args, module.render, module.args["inputStack"])
    margin = module.args.get("buffersize") or 0
    return Box(box.min_x - margin, box.min_y - margin, box.max_x + margin, box.max_y + margin)


def project_path(args: Mapping[str, Any], z: float) -> Path:
    """The project file of a section."""
    return Path(args["outputXMLdir"]) / f"{z_name(z)}.xml"


def open_project(args: Mapping[str, Any], z: float) -> CorrectedProject:
    """The project of a section; an error that says which file is missing."""
    path = project_path(args, z)
    if not path.is_file():
        raise RenderModuleException(
            f"there is no project {path}: make it first, or choose sections with zs, minZ, maxZ"
        )
    return CorrectedProject(path)


def range_of(stack: str, ranges: Mapping[str, Sequence[float]]) -> tuple[float, float] | None:
    """Display range for a stack: the last whose key its name contains."""
    found = [tuple(pair) for part, pair in ranges.items() if part in stack]
    return (found[-1][0], found[-1][1]) if found else None
