"""Add mipmaps to a stack, in a new one: small images in a folder parallel to the raw one."""

from __future__ import annotations

from argschema.fields import Int, Str
from marshmallow.validate import OneOf, Range

from renderapps.dataimport.downsampled_stack import DownSampleModule, DownSampleParameters
from renderapps.dataimport.reduced_images import FORMATS, LevelSpec


class AddDownSampleParameters(DownSampleParameters):
    """Parameters of add_downsample_to_render_project."""

    levels = Int(
        load_default=3,
        validate=Range(1, 30),
        metadata={"description": "make levels 1 to this one, as far as a tile has pixels for them"},
    )
    image_format = Str(
        allow_none=True,
        load_default=None,
        validate=OneOf(FORMATS),
        metadata={
            "description": "format of the reduced images; masks are png where images are jpg",
            "default_text": "jpg, or tif without convert_to_8bit",
            "aliases": ["imgformat"],
        },
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
