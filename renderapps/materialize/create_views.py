"""Write one picture per section, all of one size, as frames of a movie."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Float, Int, Nested, OutputDir, Str
from marshmallow import ValidationError, validates, validates_schema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapps.materialize.mask_check import ignored_masks, masks_text
from renderapps.materialize.section_files import SUFFIXES
from renderapps.materialize.section_pictures import Window, section_document, section_tiles
from renderapps.materialize.volume_parameters import BoundsParameters
from renderapps.module import RenderModuleException, SectionModule, SectionParameters, parameter
from renderapps.module.effort import IMAGES


class CreateViewsParameters(SectionParameters):
    """Parameters of create_views."""

    input_stack = parameter(Str, "stack to draw, COMPLETE", aliases=["inputStack", "stack"])
    output_directory = parameter(OutputDir, "folder for the pictures", aliases=["outputDirectory"])
    scale = parameter(
        Float,
        "pixels of the picture for each pixel of the stack",
        validate=Range(0, 16, min_inclusive=False),
    )
    minZ = parameter(Float, "lowest z to draw", default=None, aliases=["firstz"])
    maxZ = parameter(Float, "highest z to draw", default=None, aliases=["lastz"])
    skip = parameter(
        Float,
        "step in z, from firstz or else the lowest z: only sections at whole steps are drawn",
        default=None,
        default_text="all sections are drawn",
        validate=Range(min=0, min_inclusive=False),
    )
    bounds = parameter(
        Nested,
        "part of the world to draw",
        BoundsParameters,
        default=None,
        default_text="the bounds of the stack",
    )
    image_format = parameter(
        Str,
        "kind of the pictures",
        default="jpg",
        aliases=["format"],
        validate=OneOf(tuple(SUFFIXES)),
    )
    name_template = parameter(
        Str, "names of the files without suffix; {z} stands for z", default="Section_z_{z}"
    )
    name_digits = parameter(Int, "digits of z in the file names", default=4, validate=Range(1, 12))

    @validates("name_template")
    def every_section_has_a_name(self, value: str, **_: Any) -> None:
        """The names differ, and are names."""
        if "{z}" not in value or "/" in value:
            raise ValidationError("must hold {z} and no /")

    @validates_schema
    def one_choice_of_zs(self, data: dict[str, Any], **_: Any) -> None:
        """A step is for a range."""
        if data["zs"] is not None and data["skip"] is not None:
            raise ValidationError("give zs, or skip, not both", "skip")


class CreateViews(SectionModule):
    """Every section is drawn in the same window; a section that cannot be drawn is an error."""

    default_schema = CreateViewsParameters
    effort = IMAGES

    def select_zs(self) -> list[float]:
        """The sections at whole steps from the first."""
        zs = super().select_zs()
        if self.args["skip"] is None:
            return zs
        first = zs[0] if self.args["minZ"] is None else self.args["minZ"]
        steps = [(z - first) / self.args["skip"] for z in zs]
        chosen = [z for z, step in zip(zs, steps, strict=True) if abs(step - round(step)) < 1e-9]
        if not chosen:
            raise RenderModuleException(
                f"stack {self.z_stack} has no section at steps of {self.args['skip']:g} from "
                f"z={first:g}"
            )
        return chosen

    def prepare(self) -> None:
        """The window of all pictures."""
        box = self.args["bounds"] or renderapi.stack.get_stack_bounds(
            self.args["input_stack"], render=self.render
        )
        width, height = (int(box[f"max{a}"] - box[f"min{a}"] + 0.5) for a in "XY")
        self.window = Window(box["minX"], box["minY"], width, height, self.args["scale"])

    def process_section(self, z: float) -> dict[str, Any]:
        """Draw one section."""
        from renderapi.rendering import write_image

        stack = self.args["input_stack"]
        tiles = section_tiles(self.render, stack, z)
        document = section_document(self.render, stack, tiles, self.window, {})
        path = self.path(z)
        written = {"jpg": "jpeg", "tif": "tiff", "tif16": "tiff16"}
        kind = self.args["image_format"]
        write_image(document, path, written.get(kind, kind))
        entry: dict[str, Any] = {"file": path, "image_size": self.window.size}
        if ignored := ignored_masks(tiles):
            self.logger.warning("z=%g: %s", z, masks_text(ignored))
            entry["ignored_masks"] = ignored
        return entry

    def path(self, z: float) -> Path:
        """File of the section at z."""
        digits = self.args["name_digits"]
        exact = f"{int(z):0{digits}d}" if z == int(z) else repr(z)
        suffix = SUFFIXES[self.args["image_format"]]
        name = self.args["name_template"].replace("{z}", exact)
        return Path(self.args["output_directory"]).resolve() / f"{name}.{suffix}"


if __name__ == "__main__":
    CreateViews.main()
