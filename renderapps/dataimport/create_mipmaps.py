"""Write reduced copies (mipmaps) of one image."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from argschema import ArgSchema
from argschema.fields import Boolean, Float, InputFile, Int, List, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

from renderapi.urls import path_to_url
from renderapps.dataimport.reduced_images import (
    FORMATS,
    LevelSpec,
    fitting,
    level_name,
    write_levels,
)
from renderapps.module import RenderModuleException, parameter
from renderapps.module.derived_images import Source
from renderapps.module.display_range import DisplayRangeParameters
from renderapps.module.file_module import FileModule


class CreateMipMapsParameters(DisplayRangeParameters, ArgSchema):
    """Parameters of create_mipmaps, which needs no render web service."""

    inputImage = parameter(InputFile, "image to reduce")
    outputDirectory = parameter(
        OutputDir,
        "folder of the reduced copies: level 2 of a.tif is a_mip02.jpg, or a_mip02_DIGITS.jpg "
        "where that file is there with other content",
        default=None,
        default_text="that of the image",
    )
    mipmaplevels = parameter(
        List,
        "levels to make; those at which a side has no pixel are left out",
        Int(validate=Range(1, 30)),
        default=lambda: [1, 2, 3],
        default_text="1 2 3",
        validate=Length(min=1),
    )
    outputformat = parameter(
        Str, "format of the copies; jpg holds 8 bit only", default="jpg", validate=OneOf(FORMATS)
    )
    convertTo8bit = parameter(
        Boolean, "make 16 bit images 8 bit; 8 bit images are kept as they are", default=True
    )
    minIntensity = parameter(
        Float,
        "value that becomes 0 in 8 bit",
        default=None,
        default_text="16 bit is divided by 256",
    )
    maxIntensity = parameter(Float, "value that becomes 255", default=None)
    overwrite = parameter(
        Boolean,
        "make every file again; else those are kept that were made of the same image with the "
        "same settings",
        default=False,
        aliases=["force_redo"],
    )
    verbose = parameter(Boolean, "log every file", default=False)

    @validates_schema
    def window_is_whole(self, data: dict[str, Any], **_: Any) -> None:
        """A window has two ends."""
        low, high = data["minIntensity"], data["maxIntensity"]
        if (low is None) != (high is None):
            raise ValidationError("give minIntensity and maxIntensity, or neither", "minIntensity")


def create_mipmaps(
    inputImage: str | os.PathLike[str],
    outputDirectory: str | os.PathLike[str] = ".",
    mipmaplevels: Sequence[int] = (1, 2, 3),
    outputformat: str = "jpg",
    convertTo8bit: bool = True,
    *,
    window: tuple[float, float] | None = None,
    overwrite: bool = True,
) -> dict[int, str]:
    """Write reduced copies of an image: `NAME_mipLL.FORMAT` in a folder, which is made if needed.

    A file of that name with other content stays, and the copy gets a longer name.

    Parameters
    ----------
    mipmaplevels : sequence of int
        Level L has floor(size / 2^L) pixels a side, by repeated 2 x 2 means; levels without pixels
        are left out.
    convertTo8bit : bool
        16 bit becomes 8 bit, divided by 256 or through `window`; 8 bit is kept.
    window : (float, float), optional
        Values that become 0 and 255.
    overwrite : bool
        Make files again that are there.

    Returns
    -------
    dict of level to `file://` URL

    Raises
    ------
    ImageError
        The image cannot be read, or not written in that format (16 bit as jpg).
    """
    if outputformat not in FORMATS:
        raise RenderModuleException(
            f"mipmaps are written as {', '.join(FORMATS)}, not {outputformat!r}"
        )
    source = Source(path_to_url(inputImage))
    width, height, _ = source.info()
    chosen = [LevelSpec(level, outputformat, convertTo8bit) for level in set(mipmaplevels)]
    stem = Path(inputImage).stem
    targets = {
        spec: Path(outputDirectory) / level_name(stem, spec.level, outputformat)
        for spec in fitting(chosen, width, height)
    }
    paths, _ = write_levels(source, targets, window, overwrite)
    return {spec.level: path_to_url(path) for spec, path in paths.items()}


class CreateMipMaps(FileModule):
    """The images of a whole stack are reduced by generate_mipmaps."""

    default_schema = CreateMipMapsParameters

    def run(self) -> None:
        """Write the files and report their URLs by level."""
        if self.args["verbose"]:
            self.logger.setLevel(logging.INFO)
        image = Path(self.args["inputImage"])
        low, high = self.args["minIntensity"], self.args["maxIntensity"]
        mipmaps = create_mipmaps(
            image,
            self.args["outputDirectory"] or image.absolute().parent,
            self.args["mipmaplevels"],
            self.args["outputformat"],
            self.args["convertTo8bit"],
            window=None if low is None else (low, high),
            overwrite=self.args["overwrite"],
        )
        for level, url in mipmaps.items():
            self.logger.info("level %d: %s", level, url)
        left_out = sorted(set(self.args["mipmaplevels"]) - set(mipmaps))
        self.output({"mipmaps": mipmaps, "levels_left_out": left_out})


if __name__ == "__main__":
    CreateMipMaps.main()
