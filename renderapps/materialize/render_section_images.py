"""Draw each section of a stack as one image file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Float, Nested, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapps.materialize.mask_check import ignored_masks, masks_text
from renderapps.materialize.section_files import SUFFIXES, section_path, write_section_picture
from renderapps.materialize.section_pictures import (
    Window,
    require_channel,
    section_document,
    section_tiles,
)
from renderapps.materialize.volume_parameters import BoundsParameters
from renderapps.module import RenderModuleException, SectionModule, SectionParameters, parameter
from renderapps.module.display_range import DisplayRangeParameters, check_drawn
from renderapps.module.effort import IMAGES


class RenderSectionImagesParameters(DisplayRangeParameters, SectionParameters):
    """Parameters of render_section_images."""

    input_stack = parameter(Str, "stack to draw, COMPLETE", aliases=["stack"])
    image_directory = parameter(
        OutputDir,
        "folder below which the images go, in PROJECT/STACK/sections_at_SCALE/NNN/N/Z.FORMAT",
        aliases=["rootDirectory"],
    )
    scale = parameter(
        Float,
        "pixels of the image for each pixel of the stack",
        default=0.02,
        validate=Range(0, 16, min_inclusive=False),
    )
    image_format = parameter(
        Str,
        "png, jpg and tif show the display range in 8 bit, png16 and tif16 hold the values",
        default="png",
        aliases=["format", "imgformat"],
        validate=OneOf(tuple(SUFFIXES)),
    )
    channel = parameter(Str, "channel to draw", default=None, default_text="the first")
    bounds = parameter(
        Nested,
        "part of the world to draw",
        BoundsParameters,
        default=None,
        default_text="the bounds of each section",
    )
    use_stack_bounds = parameter(
        Boolean,
        "draw the bounds of the stack in every section, so that all images are of one size",
        default=False,
        aliases=["useStackBounds"],
    )
    doFilter = parameter(Boolean, "apply the filters of the service", default=False)
    filterListName = parameter(Str, "named list of filters to apply", default=None)
    fillWithNoise = parameter(
        Boolean, "fill what masks leave open with noise instead of black", default=False
    )
    custom_output_folder = parameter(
        Str,
        "folder below image_directory to use instead of PROJECT/STACK/...",
        default=None,
        aliases=["customOutputFolder"],
    )
    custom_sub_folder = parameter(
        Str, "folder below custom_output_folder", default=None, aliases=["customSubFolder"]
    )
    pad_file_names_with_zeros = parameter(
        Boolean,
        "name the files by z as five digits (00301) instead of 301.0; z must be whole",
        default=False,
        aliases=["padFileNamesWithZeros"],
    )
    skip_existing = parameter(
        Boolean, "leave images that are there as they are; default: draw again", default=False
    )

    @validates_schema
    def one_window(self, data: dict[str, Any], **_: Any) -> None:
        """There is one choice of the window, and a sub-folder is below something."""
        if data.get("bounds") is not None and data.get("use_stack_bounds"):
            raise ValidationError("give bounds or use_stack_bounds, not both", "bounds")
        if data.get("custom_sub_folder") and not data.get("custom_output_folder"):
            raise ValidationError("needs custom_output_folder", "custom_sub_folder")


class RenderSectionImages(SectionModule):
    """Draw each section of a stack as one image file."""

    default_schema = RenderSectionImagesParameters
    effort = IMAGES

    def select_zs(self) -> list[float]:
        """The z values asked for; whole ones where they are written as whole numbers."""
        zs = super().select_zs()
        broken = [z for z in zs if z != int(z)]
        if broken and self.args["pad_file_names_with_zeros"]:
            raise RenderModuleException(
                f"pad_file_names_with_zeros cannot name z={broken[0]:g}: leave it out"
            )
        return zs

    def prepare(self) -> None:
        """The window that all sections share, if they do."""
        self.shared_bounds = self.args["bounds"]
        if self.args["use_stack_bounds"]:
            stack = self.args["input_stack"]
            self.shared_bounds = renderapi.stack.get_stack_bounds(stack, render=self.render)

    def process_section(self, z: float) -> dict[str, Any]:
        """Draw one section; where it is in the world, and its file."""
        stack, channel = self.args["input_stack"], self.args["channel"]
        tiles = section_tiles(self.render, stack, z)
        require_channel(tiles, channel, stack, z)
        check_drawn(tiles, channel, self.args["minIntensity"], self.args["maxIntensity"])
        window = self.window(tiles)
        path = self.path(z)
        entry = {
            "file": path,
            "minX": window.x,
            "minY": window.y,
            "width": window.width,
            "height": window.height,
            "image_size": window.size,
        }
        if self.args["skip_existing"] and path.exists():
            return entry | {"written": False}
        if ignored := ignored_masks(tiles):
            self.logger.warning("z=%g: %s", z, masks_text(ignored))
            entry["ignored_masks"] = ignored
        document = section_document(self.render, stack, tiles, window, self.query())
        write_section_picture(document, path, self.args["image_format"])
        return entry | {"written": True}

    def window(self, tiles: list[dict[str, Any]]) -> Window:
        """The world that is drawn: what all sections share, else the bounds of this one."""
        box = self.shared_bounds or {
            "minX": min(tile["minX"] for tile in tiles),
            "minY": min(tile["minY"] for tile in tiles),
            "maxX": max(tile["maxX"] for tile in tiles),
            "maxY": max(tile["maxY"] for tile in tiles),
        }
        width, height = (int(box[f"max{a}"] - box[f"min{a}"] + 0.5) for a in "XY")
        return Window(box["minX"], box["minY"], width, height, self.args["scale"])

    def path(self, z: float) -> Path:
        """File of the section at z."""
        return section_path(
            Path(self.args["image_directory"]).resolve(),
            self.render.DEFAULT_PROJECT,
            self.args["input_stack"],
            self.args["scale"],
            z,
            SUFFIXES[self.args["image_format"]],
            (self.args["custom_output_folder"], self.args["custom_sub_folder"]),
            self.args["pad_file_names_with_zeros"],
        )

    def query(self) -> dict[str, Any]:
        """Query parameters of the picture, as a request to the service would have them."""
        named = {"channels": self.args["channel"], "filter": self.args["doFilter"]}
        same = ("minIntensity", "maxIntensity", "filterListName", "fillWithNoise")
        return named | {name: self.args[name] for name in same}


if __name__ == "__main__":
    RenderSectionImages.main()
