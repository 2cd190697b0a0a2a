"""Add mipmaps to a stack, in a new one: small images in a folder parallel to the raw one."""

from __future__ import annotations

from argschema.fields import Int, Str
from marshmallow.validate import OneOf, Range

from renderapps.dataimport.downsampled_stack import DownSampleModule, DownSampleParameters
from renderapps.dataimport.reduced_images import FORMATS, LevelSpec
from renderapps.module import parameter


class AddDownSampleParameters(DownSampleParameters):
    """Parameters of add_downsample_to_render_project."""

    levels = parameter(
        Int,
        "make levels 1 to this one, as far as a tile has pixels for them",
        default=3,
        validate=Range(1, 30),
    )
    image_format = parameter(
        Str,
        "format of the reduced images; masks are png where images are jpg",
        default=None,
        default_text="jpg, or tif without convert_to_8bit",
        aliases=["imgformat"],
        validate=OneOf(FORMATS),
    )


class AddDownSample(DownSampleModule):
    """Level 2 of /lab/raw/data/c/a.tif is /lab/processed/downsampled_images/c/a_mip02.jpg.

    The output is COMPLETE when all its images are there. Masks are reduced too. Levels that the
    input has above 0 are replaced. generate_mipmaps does the same with other names.
    """

    default_schema = AddDownSampleParameters

    def levels(self) -> list[LevelSpec]:
        """Levels 1 to `levels`, all alike."""
        to_8_bit = self.args["convert_to_8bit"]
        image_format = self.args["image_format"] or ("jpg" if to_8_bit else "tif")
        numbers = range(1, self.args["levels"] + 1)
        return [LevelSpec(level, image_format, to_8_bit) for level in numbers]


if __name__ == "__main__":
    AddDownSample.main()
