"""Parameters of modules that write volumes."""

from __future__ import annotations

import re
from typing import Any

from argschema.fields import Boolean, Dict, Float, Int, List, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

from renderapi.urls import url_scheme, url_to_path
from renderapps.materialize.formats import format_of, formats
from renderapps.materialize.volume_planes import GAPS
from renderapps.module import (
    ParallelParameters,
    RenderParameters,
    ZParameters,
    parameter,
)
from renderapps.module.display_range import DisplayRangeParameters
from renderapps.module.fields import check_new_file, check_output_folder

_COLOR = re.compile(r"[0-9A-Fa-f]{6}")


def refuse_memory_of_one(data: dict[str, Any], name: str) -> None:
    """The workers of a cluster do not see the memory of this process."""
    if data["dask_scheduler"] and url_scheme(data[name]) == "memory":
        raise ValidationError(
            "is in the memory of this process, which the workers of a cluster do not see", name
        )


class BoundsParameters(DefaultSchema):
    """A box of the world, in pixels of full scale."""

    minX = parameter(Int, "left side")
    maxX = parameter(Int, "right side")
    minY = parameter(Int, "upper side")
    maxY = parameter(Int, "lower side")

    @validates_schema
    def not_empty(self, data: dict[str, Any], **_: Any) -> None:
        """The box has an inside."""
        for low, high in (("minX", "maxX"), ("minY", "maxY")):
            if data[low] >= data[high]:
                raise ValidationError(f"must be less than {high}", low)


class ObjectStoreParameters(DefaultSchema):
    """How an object store is reached that a volume is written to."""

    aws_region = parameter(Str, "region of s3:// URLs", default=None)
    endpoint_url = parameter(Str, "server with the S3 protocol that is not Amazon's", default=None)
    storage_options = parameter(
        Dict, "further arguments of the fsspec file system of the URL", default=dict
    )


class ExportVolumeParameters(
    DisplayRangeParameters,
    ZParameters,
    ParallelParameters,
    ObjectStoreParameters,
    RenderParameters,
):
    """Parameters of export_volume."""

    input_stack = parameter(Str, "stack to write, COMPLETE")
    output_volume = parameter(
        Str,
        "folder, file or URL (s3://, gs://, memory://, any of fsspec) of the volume; its end "
        "chooses the format: NAME.ome.zarr, NAME.n5, NAME.precomputed, NAME.ome.tif, ...",
        is_path=True,
    )
    format = parameter(
        Str,
        "kind of volume",
        default=None,
        default_text="by the end of output_volume, else omezarr",
        validate=OneOf(list(formats())),
    )
    encoding = parameter(
        Str,
        "how pixels are compressed; each format has its own ways",
        default=None,
        default_text="the first of the format",
    )
    scale = parameter(
        Float,
        "pixels of level 0 for each pixel of the stack; below 1 they are means of what is drawn "
        "at full scale",
        default=1.0,
        validate=Range(0, 1, min_inclusive=False),
    )
    bounds = parameter(
        Nested,
        "part of the world to write",
        BoundsParameters,
        default=None,
        default_text="all tiles",
    )
    z_step = parameter(
        Float,
        "z from plane to plane; planes without a section are listed in the output",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )
    z_gaps = parameter(
        Str,
        "what a plane without a section shows: nothing (0), the nearest section, or the sections "
        "before and after mixed by how near they are",
        default="blank",
        validate=OneOf(GAPS),
    )
    channels = parameter(
        List, "channels to write", Str(), default=None, default_text="all", validate=Length(min=1)
    )
    channel_axis = parameter(
        Boolean,
        "keep an axis c for a single named channel; false writes z, y, x alone, as programs need "
        "that read three axes only (cloud-volume)",
        default=True,
    )
    channel_colors = parameter(
        List,
        "RRGGBB of each channel",
        Str(),
        default=None,
        default_text="white for one; green, magenta, cyan, yellow, red, blue for several",
    )
    dtype = parameter(
        Str,
        "pixel type: uint16 holds the values as they are, uint8 those of the display range",
        default=None,
        default_text="uint16 where the display range of a section ends above 255",
        validate=OneOf(("uint8", "uint16")),
    )
    chunk = parameter(
        List,
        "z, y and x size of what is compressed together",
        Int(validate=Range(min=1)),
        default=None,
        default_text="that of the format; 1 512 512 for Zarr",
        validate=Length(equal=3),
    )
    shard = parameter(
        List,
        "z, y and x size of what is drawn and written at once, one file where the volume is "
        "sharded: whole chunks; a process holds a few of them in memory",
        Int(validate=Range(min=1)),
        default=None,
        default_text="that of the format; 1 2048 2048 for Zarr",
        validate=Length(equal=3),
    )
    sharded = parameter(
        Boolean,
        "make one file of the chunks of a shard, where the format can",
        default=None,
        default_text="true for omezarr only",
    )
    levels = parameter(
        Int,
        "number of resolution levels, the full one included",
        default=None,
        default_text="until the larger side is at most 512; 1 for pages of TIFF and PNG",
        validate=Range(1, 32),
    )
    halve_z = parameter(Boolean, "halve z too from level to level", default=False)
    overwrite = parameter(
        Boolean, "let a finished volume take the place of one that is there", default=False
    )
    dry_run = parameter(
        Boolean,
        "report tasks, bytes, memory and the time that is to be expected; write nothing",
        default=False,
    )

    @validates_schema
    def place_can_be_written(self, data: dict[str, Any], **_: Any) -> None:
        """A folder or file of this machine can be made."""
        target = data["output_volume"]
        if not target.strip("/ "):
            raise ValidationError("names no volume", "output_volume")
        refuse_memory_of_one(data, "output_volume")
        path = url_to_path(target)
        if path is None:
            return
        is_file = format_of(target, data["format"]).is_file
        try:
            (check_new_file if is_file else check_output_folder)(str(path.absolute()))
        except ValidationError as error:
            raise ValidationError(error.messages, "output_volume") from None

    @validates_schema
    def shards_of_chunks(self, data: dict[str, Any], **_: Any) -> None:
        """A shard is a whole number of chunks."""
        chunk, shard = data["chunk"], data["shard"]
        if chunk and shard and any(s % c for s, c in zip(shard, chunk, strict=True)):
            raise ValidationError(f"must be multiples of chunk {chunk}", "shard")

    @validates_schema
    def colors_of_channels(self, data: dict[str, Any], **_: Any) -> None:
        """Colours are six digits each."""
        for color in data["channel_colors"] or ():
            if not _COLOR.fullmatch(color):
                raise ValidationError(f"{color!r} is not RRGGBB", "channel_colors")
