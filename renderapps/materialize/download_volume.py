"""Save a box of a stack as a series of images, one for each section."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Float, Int, OutputDir, Str
from marshmallow.validate import OneOf, Range

import renderapi
from renderapps.materialize.mask_check import ignored_masks, masks_text
from renderapps.materialize.section_files import SUFFIXES, write_section_picture
from renderapps.materialize.section_pictures import (
    Window,
    require_channel,
    section_document,
    section_tiles,
)
from renderapps.module import RenderModuleException, SectionModule, SectionParameters, parameter
from renderapps.module.display_range import ImportedRangeParameters, check_drawn
from renderapps.module.effort import IMAGES


class RenderStackParameters(ImportedRangeParameters, SectionParameters):
    """Parameters of download_volume."""

    stack = parameter(Str, "stack to draw, COMPLETE", aliases=["input_stack"])
    channel = parameter(
        Str, "name of the folder and of the files", default=None, default_text="stack"
    )
    render_channel = parameter(
        Str, "channel to draw, of tiles with several", default=None, default_text="the first"
    )
    minX = parameter(Int, "left edge of the box", default=None, default_text="of the stack")
    minY = parameter(Int, "upper edge of the box", default=None, default_text="of the stack")
    width = parameter(
        Int,
        "width of the box, world pixels",
        default=None,
        default_text="to the right edge of the stack",
        validate=Range(min=1),
    )
    height = parameter(
        Int,
        "height of the box, world pixels",
        default=None,
        default_text="to the lower edge of the stack",
        validate=Range(min=1),
    )
    scale = parameter(
        Float,
        "pixels of the images for each pixel of the stack",
        default=1.0,
        validate=Range(0, 16, min_inclusive=False),
    )
    maxIntensity = parameter(Float, "value shown white", default=65535.0)
    img_format = parameter(
        Str,
        "png, jpg and tif show the display range in 8 bit, png16 and tif16 hold the values",
        default="tif",
        validate=OneOf(tuple(SUFFIXES)),
    )
    volume_dir = parameter(OutputDir, "folder below which the images go, in CHANNEL")
    skip_existing = parameter(
        Boolean, "leave images that are there as they are; default: draw again", default=False
    )


class RenderStack(SectionModule):
    """Files are VOLUME_DIR/CHANNEL/CHANNEL_ZZZZZZ.tif; a fraction of z follows its six digits.

    Memory does not grow with the box.
    """

    default_schema = RenderStackParameters
    effort = IMAGES
    stack = "stack"

    def prepare(self) -> None:
        """The box, within which all sections are drawn."""
        args, stack = self.args, self.args["stack"]
        bounds = renderapi.stack.get_stack_bounds(stack, render=self.render)
        x, y = (int(bounds[k] if args[k] is None else args[k]) for k in ("minX", "minY"))
        far = int(bounds["maxX"] + 0.5), int(bounds["maxY"] + 0.5)
        width, height = args["width"] or far[0] - x, args["height"] or far[1] - y
        if width < 1 or height < 1:
            raise RenderModuleException(
                f"the box from ({x}, {y}) lies beyond stack {stack}, which ends at {far}: "
                "give another corner, or width and height"
            )
        self.box = Window(float(x), float(y), width, height, args["scale"])

    def process_section(self, z: float) -> dict[str, Any]:
        """Draw one section; its file."""
        args, stack = self.args, self.args["stack"]
        tiles = section_tiles(self.render, stack, z)
        require_channel(tiles, args["render_channel"], stack, z)
        check_drawn(tiles, args["render_channel"], args["minIntensity"], args["maxIntensity"])
        path = self.path(z)
        entry: dict[str, Any] = {"file": path, "image_size": self.box.size}
        if args["skip_existing"] and path.exists():
            return entry | {"written": False}
        if ignored := ignored_masks(tiles):
            self.logger.warning("z=%g: %s", z, masks_text(ignored))
            entry["ignored_masks"] = ignored
        query = {
            "channels": args["render_channel"],
            "minIntensity": args["minIntensity"],
            "maxIntensity": args["maxIntensity"],
        }
        document = section_document(self.render, stack, tiles, self.box, query)
        write_section_picture(document, path, args["img_format"])
        return entry | {"written": True}

    def path(self, z: float) -> Path:
        """File of the section at z."""
        name = self.args["channel"] or self.args["stack"]
        if "/" in name or name.startswith("."):
            raise RenderModuleException(f"channel {name!r} cannot be the name of a folder")
        number = f"{int(z):06d}" + ("" if z == int(z) else repr(abs(z) % 1)[1:])
        file = f"{name}_{number}.{SUFFIXES[self.args['img_format']]}"
        return Path(self.args["volume_dir"]).resolve() / name / file

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """The box that was drawn, and all files."""
        box = self.box
        return {
            "box": {"minX": box.x, "minY": box.y, "width": box.width, "height": box.height},
            "files": [entry["file"] for entry in sections],
        }


if __name__ == "__main__":
    RenderStack.main()
