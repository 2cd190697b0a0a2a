"""Make a stack of one reduced image for each section, where the section is: for rough alignment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, OutputDir, Str
from marshmallow.validate import OneOf, Range

from renderapi.files import atomic_write
from renderapi.rendering.readers import read_info
from renderapi.transform.specs import affine_spec
from renderapi.urls import path_to_url
from renderapps.materialize.mask_check import ignored_masks, masks_text
from renderapps.materialize.section_files import SUFFIXES, section_path, write_section_picture
from renderapps.materialize.section_pictures import Window, section_document, section_tiles
from renderapps.module import (
    OutputStack,
    RenderModuleException,
    Section,
    SectionModule,
    SectionParameters,
    parameter,
    written,
)
from renderapps.module.effort import IMAGES
from renderapps.module.fields import NewFile
from renderapps.module.output_parameters import EXISTING, WrittenStackParameters
from renderapps.module.report import StackReport
from renderapps.module.result import to_json
from renderapps.module.stacks import version_of
from renderapps.rough_align.low_resolution import RenderedFrom

Json = dict[str, Any]


class MakeDownsampleSectionStackParameters(WrittenStackParameters, SectionParameters):
    """Parameters of make_downsample_image_stack."""

    input_stack = parameter(Str, "stack to reduce, COMPLETE", aliases=["stack"])
    output_stack = parameter(Str, "stack of one tile for each section; not input_stack")
    image_directory = parameter(
        OutputDir,
        "folder below which images and tile specs go, in PROJECT/STACK/sections_at_SCALE",
    )
    scale = parameter(
        Float,
        "pixels of an image for each pixel of the stack",
        default=0.01,
        validate=Range(0, 1, min_inclusive=False),
    )
    numsectionsfile = parameter(NewFile, "text file that gets the number of sections")
    img_format = parameter(
        Str, "format of the images", default="tif", validate=OneOf(("png", "tif"))
    )
    force_redo = parameter(
        Boolean, "draw images again that are there; default: take them", default=False
    )
    tile_id_prefix = parameter(
        Str, "text before the tileIds, which are those of the first tile of a section", default=""
    )
    existing = parameter(
        Str,
        "what to do with an output stack that has tiles: replace it when the new one is complete, "
        "overwrite_z of this run and keep its others, or fail",
        default="replace",
        validate=OneOf(EXISTING),
    )


class MakeDownsampleSectionStack(SectionModule):
    """New z values are 0, 1, 2, ... in the order of z.

    A tile lies in the world of input_stack where its picture is: scaled by 1 / scale, then moved to
    the corner of the section. Its labels record scale, corner and z, which ApplyLowRes2HighRes
    reads.
    """

    default_schema = MakeDownsampleSectionStackParameters
    effort = IMAGES
    default_output_schema = StackReport

    def run(self) -> None:
        """Draw the sections, write the count and the tile specs, and the stack."""
        stack, name = self.args["input_stack"], self.args["output_stack"]
        if stack == name:
            raise RenderModuleException(f"stack {stack} is also the input: name another one")
        zs = self.select_zs()
        output = OutputStack(
            self.render,
            name,
            [float(k) for k in range(len(zs))],
            version_of(self.render, stack, f"{self.module_name()} from {stack}"),
            existing=self.args["existing"],
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )
        with written([output], self.module_name()):
            sections, failed = self.map_sections(zs)
            if failed:
                self.output({"sections": sections, "failed_sections": failed, **output.report()})
                self.raise_failures(failed, len(zs))
            for new_z, entry in enumerate(sections):
                tile = entry.pop("tile") | {"z": float(new_z)}
                entry["new_z"] = float(new_z)
                entry["tilespec_file"] = self.tilespec_file(entry["z"], zs)
                atomic_write(entry["tilespec_file"], to_json([tile]))
                output.write(Section(float(new_z), [tile]))
            atomic_write(self.args["numsectionsfile"], f"{len(zs)}")
        count = {"sections_in_stack": len(zs)}
        self.output({"sections": sections, "failed_sections": [], **output.report(), **count})

    def process_section(self, z: float) -> Json:
        """Draw one section, unless it is there; its file and its tile."""
        stack, scale = self.args["input_stack"], self.args["scale"]
        tiles = section_tiles(self.render, stack, z)
        low = [min(tile[side] for tile in tiles) for side in ("minX", "minY")]
        high = [max(tile[side] for tile in tiles) for side in ("maxX", "maxY")]
        width, height = (int(b - a + 0.5) for a, b in zip(low, high, strict=True))
        window = Window(low[0], low[1], width, height, scale)
        path = self.image_path(z)
        entry: Json = {"file": path, "image_size": window.size, "minX": low[0], "minY": low[1]}
        entry["written"] = self.args["force_redo"] or not path.exists()
        if ignored := ignored_masks(tiles):
            self.logger.warning("z=%g: %s", z, masks_text(ignored))
            entry["ignored_masks"] = ignored
        if entry["written"]:
            document = section_document(self.render, stack, tiles, window, {"filter": True})
            write_section_picture(document, path, self.args["img_format"])
        found = read_info(path_to_url(path))
        if (found.width, found.height) != window.size:
            raise RenderModuleException(
                f"{path} has {found.width} x {found.height} pixels and the section "
                f"{window.size[0]} x {window.size[1]}: give force_redo to draw it again"
            )
        return entry | {"tile": self.tile(tiles[0], path, window, z)}

    def tile(self, first: Json, path: Path, window: Window, z: float) -> Json:
        """The tile of a section's picture."""
        matrix = np.array([[1 / window.scale, 0, window.x], [0, 1 / window.scale, window.y]])
        tile: Json = {
            "tileId": self.args["tile_id_prefix"] + first["tileId"],
            "width": float(window.size[0]),
            "height": float(window.size[1]),
            "minIntensity": 0,
            "maxIntensity": 255,
            "mipmapLevels": {"0": {"imageUrl": path_to_url(path)}},
            "transforms": {"type": "list", "specList": [affine_spec(matrix)]},
            "labels": RenderedFrom(window.scale, window.x, window.y, z).labels,
        }
        return tile | ({"layout": first["layout"]} if first.get("layout") else {})

    def image_path(self, z: float) -> Path:
        """File of a section's picture, as the section client of render names it."""
        project, stack = self.render.DEFAULT_PROJECT, self.args["input_stack"]
        suffix = SUFFIXES[self.args["img_format"]]
        root = Path(self.args["image_directory"]).resolve()
        return section_path(root, project, stack, self.args["scale"], z, suffix)

    def tilespec_file(self, z: float, zs: list[float]) -> Path:
        """File of the tile of a section."""
        number = f"{int(z):04d}" + ("" if z == int(z) else repr(abs(z) % 1)[1:])
        folder = self.image_path(z).parents[2] / f"tilespecs_{zs[0]:g}_{zs[-1]:g}"
        return folder / f"tilespec_{number}.json"


if __name__ == "__main__":
    MakeDownsampleSectionStack.main()
