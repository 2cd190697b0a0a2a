"""Cut a stack into a grid of column stacks: what split_stack and split_stack_2 have in common."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, ClassVar

from argschema.fields import Int, List, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Range

import renderapi
from renderapi.errors import RenderError
from renderapi.render import format_preamble
from renderapi.urls import path_to_url
from renderapi.utils import put_json
from renderapps.hierarchical_alignment.cells import CellGrid, grid_over, plain, tile_id
from renderapps.materialize.section_files import write_section_picture
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
from renderapps.module.derived_images import Source
from renderapps.module.mask_check import ignored_masks, masks_text
from renderapps.module.output_parameters import ReplacingParameters, WrittenStackParameters
from renderapps.module.render_module import is_local
from renderapps.module.report import SectionReport
from renderapps.module.stack_edit import ZSpellings
from renderapps.module.stacks import stack_metadata, version_of
from renderapps.module.tile_documents import Json, image_entries


class SplitStackParams(ReplacingParameters, WrittenStackParameters, ZSpellings, SectionParameters):
    """Parameters of both ways to split a stack."""

    input_stack = parameter(Str, "stack to cut, COMPLETE", aliases=["stack", "inputStack"])
    output_split_k = parameter(
        Int, "number of cells along the longer side of the stack", validate=Range(min=1)
    )
    output_size = parameter(
        Int, "pixels of the picture of a cell along its longer side, about", validate=Range(min=1)
    )
    image_directory = parameter(
        OutputDir,
        "folder to draw the pictures of the cells into, STACK/TILE_HASH.tif; "
        "needed with host local, which no web address leads to",
        default=None,
        default_text="none: the pictures are addresses of boxes of the service",
    )

    @validates_schema
    def pictures_can_be_found(self, data: dict[str, Any], **_: Any) -> None:
        """A service without a web address cannot be what images are read from."""
        host = (data.get("render") or {}).get("host")
        if data.get("image_directory") is None and is_local(host):
            raise ValidationError(
                "missing: host local has no web address for the pictures of the cells; name a "
                "folder for them, or serve the store (renderapps serve) and give its host and port",
                "image_directory",
            )


class SplitStackOutputParams(SectionReport):
    """The report of a split."""

    output_stacks = parameter(List, "the column stacks, row by row", Str())
    rows = parameter(Int, "number of rows of cells")
    cols = parameter(Int, "number of columns of cells")
    output_split_k = parameter(Int, "number of cells along the longer side")


class SplitStackModule(SectionModule):
    """Write one stack for each cell, with one tile in each section.

    Attributes
    ----------
    exact : bool
        See `CellGrid`.
    suffix : str
        What follows the name of the input and the number of the cell.
    """

    exact: ClassVar[bool] = False
    suffix: ClassVar[str] = ""

    def run(self) -> None:
        """Draw or address the pictures, write the stacks, and report."""
        zs = self.select_zs()
        self.grid = self.make_grid()
        self.stacks = [self.stack_name(cell.number) for cell in self.grid.cells]
        self.output(self.about_grid())
        outputs = [self.output_stack(name, zs) for name in self.stacks]
        with written(outputs, self.module_name()):
            sections, failed = self.map_sections(zs)
            self.output(self.about_grid() | self.report_of(sections, failed))
            self.raise_failures(failed, len(zs))
            for entry in sections:
                urls = entry.pop("urls")
                for cell, output, url in zip(self.grid.cells, outputs, urls, strict=True):
                    tile = self.grid.tile(cell, output.stack, entry["z"], url)
                    output.write(Section(entry["z"], [tile]))
        self.tell_places()
        self.output(self.about_grid() | self.report_of(sections, []))

    def tell_places(self) -> None:
        """Let each stack have in its hierarchical data which box of the input it shows."""
        for cell, stack in zip(self.grid.cells, self.stacks, strict=True):
            zs = renderapi.stack.get_z_values_for_stack(stack, render=self.render)
            data = self.grid.hierarchical_data(cell, self.identity(), (min(zs), max(zs)))
            url = f"{self.preamble(stack)}/hierarchicalData"
            put_json(self.render.session, url, data)

    def identity(self) -> Json:
        """Owner, project and name of the input."""
        render = self.render
        owner, project = render.DEFAULT_OWNER, render.DEFAULT_PROJECT
        return {"owner": owner, "project": project, "stack": self.args["input_stack"]}

    def make_grid(self) -> CellGrid:
        """The cells over the bounds of the input."""
        stack = self.args["input_stack"]
        state = stack_metadata(self.render, stack)["state"]
        if state == "LOADING":
            raise RenderModuleException(
                f"stack {stack} is LOADING and has no bounds: set it to COMPLETE first"
            )
        grid = grid_over(
            renderapi.stack.get_stack_bounds(stack, render=self.render),
            split_k=self.args["output_split_k"],
            output_size=self.args["output_size"],
            exact=self.exact,
        )
        if min(*grid.box_size, *grid.picture_size) < 1:
            raise RenderModuleException(
                f"the cells of stack {stack} would be {grid.cell_size[0]:g} x "
                f"{grid.cell_size[1]:g} pixels, drawn at scale {grid.scale:g}: choose a smaller "
                "output_split_k or a larger output_size"
            )
        return grid

    def stack_name(self, number: int) -> str:
        """Name of the stack of a cell."""
        return f"{self.args['input_stack']}_{number}{self.suffix}"

    def output_stack(self, name: str, zs: list[float]) -> OutputStack:
        """The stack of a cell, to be written."""
        source = self.args["input_stack"]
        return OutputStack(
            self.render,
            name,
            zs,
            version_of(self.render, source, f"{self.module_name()} from {source}"),
            existing=self.args["existing"],
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )

    def about_grid(self) -> Json:
        """What the report says of the cells."""
        return {
            "output_stacks": self.stacks,
            "rows": self.grid.rows,
            "cols": self.grid.columns,
            "output_split_k": self.args["output_split_k"],
        }

    def process_section(self, z: float) -> Json:
        """URLs of the pictures of all cells of a section, drawn where they are files."""
        if self.args["image_directory"] is None:
            return {"urls": [self.box_url(cell.x, cell.y, z) for cell in self.grid.cells]}
        tiles = section_tiles(self.render, self.args["input_stack"], z)
        stamps = _stamps(tiles)
        urls, drawn = [], 0
        for cell in self.grid.cells:
            window = Window(cell.x, cell.y, *self.grid.box_size, self.grid.scale)
            document = section_document(self.render, self.args["input_stack"], tiles, window, {})
            key = hashlib.sha256(json.dumps([document, stamps], sort_keys=True).encode())
            stack = self.stack_name(cell.number)
            name = f"{tile_id(cell, stack, z)}_{key.hexdigest()[:12]}.tif"
            path = Path(self.args["image_directory"]).absolute() / stack / name
            if not path.exists():
                write_section_picture(document, path, "tif")
                drawn += 1
            urls.append(path_to_url(path))
        report: Json = {"urls": urls, "images_made": drawn}
        if ignored := ignored_masks(tiles):
            self.logger.warning("z=%g: %s", z, masks_text(ignored))
            report["ignored_masks"] = ignored
        return report

    def box_url(self, x: float, y: float, z: float) -> str:
        """Address of the picture of a box; the name at its end lets ImageJ see a TIFF."""
        width, height = self.grid.box_size
        box = f"{plain(x)},{plain(y)},{width},{height},{plain(self.grid.scale)}"
        base = self.preamble(self.args["input_stack"])
        return f"{base}/z/{plain(z)}/box/{box}/tiff-image?name=z{plain(z)}.tif"

    def preamble(self, stack: str) -> str:
        """Address of a stack."""
        render = self.render
        return format_preamble(
            render.DEFAULT_HOST,
            render.DEFAULT_PORT,
            render.DEFAULT_OWNER,
            render.DEFAULT_PROJECT,
            stack,
        )


def _stamps(tiles: list[Json]) -> list[Json]:
    """What tells the images of tiles from themselves after a change."""
    try:
        return [
            Source.image(entry).identity()
            for tile in tiles
            for _, entry in image_entries(tile)
            if entry.get("imageUrl")
        ]
    except RenderError as error:
        raise RenderModuleException(str(error)) from error
