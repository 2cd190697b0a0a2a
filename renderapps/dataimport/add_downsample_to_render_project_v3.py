"""Add mipmaps to a stack, in a new one, with a method and a compression for each level."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Int, List, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates, validates_schema
from marshmallow.validate import Length, OneOf, Range

from renderapps.dataimport.downsampled_stack import DownSampleModule, DownSampleParameters
from renderapps.dataimport.reduced_images import METHODS, LevelSpec
from renderapps.module import parameter

FORMAT_OF = {"None": "tif", "LZW": "tif", "PNG": "png", "JPEG": "jpg"}


class PNGOptions(DefaultSchema):
    """How png files are written."""

    compress_level = parameter(
        Int, "0 is quick and large, 9 slow and small", default=6, validate=Range(0, 9)
    )


class MipMapCreationParameter(DefaultSchema):
    """How one level is made."""

    level = parameter(Int, "level to make", validate=Range(1, 30))
    convert_to_8bit = parameter(
        Boolean, "make this level 8 bit also where convert_to_8bit is false", default=False
    )
    downsample_option = parameter(
        Str,
        "means of 2 x 2 pixels from level to level, or Pillow's bicubic resampling of the image "
        "itself",
        default=METHODS[0],
        validate=OneOf(METHODS),
    )
    compression = parameter(
        Str,
        "None and LZW give tif files, PNG png, JPEG (8 bit only) jpg",
        allow_none=True,
        validate=OneOf((None, *FORMAT_OF)),
    )
    png_options = parameter(
        Nested, "with compression PNG: how hard to compress", PNGOptions, default=None
    )

    @validates_schema
    def png_options_are_for_png(self, data: dict[str, Any], **_: Any) -> None:
        """Options of a format that is not written do nothing."""
        if data["png_options"] is not None and data["compression"] != "PNG":
            raise ValidationError("only with compression PNG", "png_options")


class AddDownSampleParameters(DownSampleParameters):
    """Parameters of add_downsample_to_render_project_v3."""

    mipmapspecs = parameter(
        List,
        "one entry for each level to make",
        Nested(MipMapCreationParameter),
        validate=Length(min=1),
    )

    @validates("mipmapspecs")
    def levels_are_made_once(self, value: list[dict[str, Any]], **_: Any) -> None:
        """A level has one file."""
        levels = [spec["level"] for spec in value]
        if len(set(levels)) < len(levels):
            raise ValidationError("a level is listed twice")

    @validates_schema
    def jpg_holds_8_bit(self, data: dict[str, Any], **_: Any) -> None:
        """16 bit images cannot be JPEG; images that are 8 bit anyway can, with convert_to_8bit."""
        for spec in data["mipmapspecs"]:
            if spec["compression"] == "JPEG" and not (
                spec["convert_to_8bit"] or data["convert_to_8bit"]
            ):
                raise ValidationError(
                    f"level {spec['level']}: JPEG holds 8 bit only; give convert_to_8bit",
                    "mipmapspecs",
                )


class AddDownSample(DownSampleModule):
    """As add_downsample_to_render_project, level by level; files are named in the same way."""

    default_schema = AddDownSampleParameters

    def levels(self) -> list[LevelSpec]:
        """The levels of `mipmapspecs`."""
        return [self.level(spec) for spec in self.args["mipmapspecs"]]

    def level(self, spec: dict[str, Any]) -> LevelSpec:
        """One level."""
        compression = spec["compression"] or "None"
        png = spec["png_options"]
        return LevelSpec(
            spec["level"],
            FORMAT_OF[compression],
            spec["convert_to_8bit"] or self.args["convert_to_8bit"],
            spec["downsample_option"],
            lzw=compression == "LZW",
            png_level=1 if png is None else png["compress_level"],
        )


if __name__ == "__main__":
    AddDownSample.main()
