"""Make a stack with the places of a TrakEM2 project and the images of a stack."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from argschema.fields import InputFile, Str

from renderapps.module import (
    OutputStack,
    RenderModule,
    RenderModuleException,
    Section,
    parameter,
    written,
)
from renderapps.module.output_parameters import ReplacingParameters, WrittenStackParameters
from renderapps.module.report import ReportSchema
from renderapps.module.stacks import stack_zs, version_of
from renderapps.module.tile_documents import read_section
from renderapps.TrakEM2.exporting import flattened
from renderapps.TrakEM2.file_matching import by_image, tile_key
from renderapps.TrakEM2.parameters import RenderTrakEM2Parameters
from renderapps.TrakEM2.patches import patch_tile
from renderapps.TrakEM2.placement import patch_name
from renderapps.TrakEM2.project import Project
from renderapps.TrakEM2.reader import read_project

Json = dict[str, Any]
ByImage = Mapping[tuple[str, Any], Sequence[Mapping[str, Any]]]


class CreateRenderStackFromTrakEM2Parameters(WrittenStackParameters, RenderTrakEM2Parameters):
    """Parameters of create_render_stack_from_trakem2."""

    input_stack = parameter(Str, "stack with the same images: tileIds, layouts, display ranges")
    output_stack = parameter(Str, "stack to make")
    tem2project = parameter(InputFile, "TrakEM2 project, .xml or .xml.gz")
    existing = ReplacingParameters._declared_fields["existing"]


class CreateRenderStackFromTrakEM2(RenderModule):
    """z and transforms are those of the project, all else is that of the tile with the same image.

    Tiles are found by the names of their image files, cut at `_flip`; where several sections have
    one, the section with the z of the layer counts. Hidden patches are left out and named.
    """

    default_schema = CreateRenderStackFromTrakEM2Parameters
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Read the project, match its patches, and write the stack."""
        stack, path = self.args["input_stack"], Path(self.args["tem2project"])
        if stack == self.args["output_stack"]:
            raise RenderModuleException(f"stack {stack} is also the input: name another one")
        project = read_project(path)
        known = by_image(
            flattened(tile, section.transforms)
            for z in stack_zs(self.render, stack)
            for section in [read_section(self.render, stack, z)]
            for tile in section.tiles
        )
        sections, left_out = placed_tiles(project, known, path.absolute().parent)
        if not any(section.tiles for section in sections):
            raise RenderModuleException(
                f"no patch of {path} has the image of a tile of stack {stack}"
            )
        output = OutputStack(
            self.render,
            self.args["output_stack"],
            [section.z for section in sections],
            version_of(self.render, stack, f"{self.module_name()} from {path.name}"),
            existing=self.args["existing"] or "replace",
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )
        with written([output], self.module_name()):
            for section in sections:
                output.write(section)
        self.output(
            {
                **output.report(),
                "sections": [{"z": s.z, "tiles": len(s.tiles)} for s in sections],
                **left_out,
            }
        )


def placed_tiles(
    project: Project, known: ByImage, folder: Path
) -> tuple[list[Section], dict[str, list[str]]]:
    """Tiles of a stack with the places that their images have in a project.

    Parameters
    ----------
    project : Project
    known : tiles by `tile_key`, flattened
    folder : path
        Of the project.

    Returns
    -------
    sections : by z; layers of one z together
    left_out : dict
        hidden_patches, unmatched_patches, ambiguous_patches, doubled_patches: their names.
    """
    left_out: dict[str, list[str]] = {
        f"{why}_patches": [] for why in ("hidden", "unmatched", "ambiguous", "doubled")
    }
    sections: dict[float, Section] = {}
    taken: set[str] = set()
    for layer in project.layers:
        section = sections.setdefault(layer.z, Section(layer.z))
        for patch in layer.patches:
            if not patch.visible:
                left_out["hidden_patches"].append(patch_name(patch))
                continue
            place = patch_tile(patch, layer.z, folder)
            candidates = known.get(tile_key(place), [])
            if len(candidates) > 1:
                candidates = [tile for tile in candidates if tile["z"] == layer.z]
                if len(candidates) != 1:
                    left_out["ambiguous_patches"].append(patch_name(patch))
                    continue
            if not candidates:
                left_out["unmatched_patches"].append(patch_name(patch))
            elif candidates[0]["tileId"] in taken:
                left_out["doubled_patches"].append(patch_name(patch))
            else:
                taken.add(candidates[0]["tileId"])
                section.tiles.append(moved_to(candidates[0], place))
    return [sections[z] for z in sorted(sections) if sections[z].tiles], left_out


def moved_to(tile: Mapping[str, Any], place: Mapping[str, Any]) -> Json:
    """Copy of a tile with z, size and transforms of another."""
    moved = copy.deepcopy(dict(tile))
    for key in ("z", "width", "height", "transforms"):
        moved[key] = place[key]
    for key in ("minX", "minY", "maxX", "maxY"):
        moved.pop(key, None)
    return moved


if __name__ == "__main__":
    CreateRenderStackFromTrakEM2.main()
