"""Parameters of import_tiles."""

from __future__ import annotations

import re
from typing import Any

from argschema.fields import Boolean, Dict, Float, InputDir, InputFile, Int, List, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates, validates_schema
from marshmallow.validate import Length, OneOf, Range

from renderapps.dataimport.acquired_image import PATTERN_GROUPS, listed
from renderapps.dataimport.placement import ORIGINS, UNITS
from renderapps.dataimport.position_table import FIELDS
from renderapps.dataimport.serialem import PIECE_COORDINATES
from renderapps.module import RenderParameters, parameter
from renderapps.module.display_range import DisplayRangeParameters
from renderapps.module.output_parameters import WrittenStackParameters

SOURCES = (
    "positions_file",
    "grid",
    "tile_configuration",
    "text_list",
    "metadata_file",
    "mdoc_file",
    "piece_list",
    "ome_files",
)
Z_VALUES = ("ask", "as_listed", "one_section")
RANGES = ("auto", "data", "type", "dtype")


class GridParameters(DefaultSchema):
    """A regular grid of tiles whose files are named by their place in it."""

    rows = parameter(Int, "rows of tiles", validate=Range(min=1))
    columns = parameter(Int, "columns of tiles", validate=Range(min=1))
    file_pattern = parameter(
        Str,
        "path of a file below image_directory with fields in braces: {index} (or {p}), or {row} "
        "and {column}; also {section}, {channel}, {z}; a width as in {index:03d}; * for anything "
        "else",
    )
    order = parameter(
        Str,
        "whether consecutive indices run along rows or down columns",
        default="row-major",
        validate=OneOf(("row-major", "column-major")),
    )
    snake = parameter(Boolean, "whether every second row (or column) runs backwards", default=False)
    overlap = parameter(
        Float,
        "overlap of neighbours, as a fraction of the tile",
        default=0.1,
        validate=Range(0, 0.95),
    )
    overlap_x = parameter(
        Float, "the same across, where it differs", default=None, validate=Range(0, 0.95)
    )
    overlap_y = parameter(
        Float, "the same down, where it differs", default=None, validate=Range(0, 0.95)
    )
    first_index = parameter(Int, "index of the first tile", default=1)
    first_row = parameter(Int, "number of the top row", default=0)
    first_column = parameter(Int, "number of the left column", default=0)


class ImportTilesParameters(DisplayRangeParameters, WrittenStackParameters, RenderParameters):
    """Parameters of import_tiles."""

    output_stack = parameter(
        Str,
        "stack to make; with {channel} in its name each channel gets a stack of its own, without "
        "it several channels go into the tiles of one stack",
    )
    image_directory = parameter(InputDir, "folder that the file names are below")
    positions_file = parameter(
        InputFile,
        "table of positions: CSV, TSV or JSON (a list of objects), or the global positions that "
        "MIST writes",
        default=None,
    )
    columns = parameter(
        Dict,
        f"column of the table that holds each of {', '.join(FIELDS)} (of a TIFF "
        "file, or section of an MRC file, from 0); a field that is not named here is read from "
        "the column of its own name if there is one",
        default=dict,
        default_text="{}",
        keys=Str(validate=OneOf(FIELDS)),
        values=Str(),
    )
    grid = parameter(
        Nested, "positions from a regular grid, instead of a table", GridParameters, default=None
    )
    tile_configuration = parameter(
        InputFile, "positions from a TileConfiguration.txt of Fiji, instead", default=None
    )
    text_list = parameter(
        InputFile,
        "positions from a text file without a header as TrakEM2 reads it: file, x, y in pixels "
        "and, where there are several sections, z on each line; what follows (width, height, ...) "
        "is taken from the images",
        default=None,
    )
    metadata_file = parameter(
        InputFile,
        "positions of one section from the metadata JSON of a TEM camera array: stage positions, "
        "turned by the angle of the camera",
        default=None,
        aliases=["metafile"],
    )
    mdoc_file = parameter(
        InputFile,
        "positions from the piece coordinates (y upwards) of a SerialEM .mdoc file, of single "
        "images or of the sections of an MRC or TIFF file; where it has none, from the stage "
        "positions",
        default=None,
    )
    piece_list = parameter(
        InputFile,
        "positions from a piece list of IMOD: x, y (upwards), z on each line, in the order of the "
        "images",
        default=None,
    )
    piece_images = parameter(
        Str,
        "images of piece_list below image_directory: an MRC or TIFF file with a section for each "
        "line, or a name with {index}, as in piece_{index:04d}.tif, counted from 0",
        default=None,
    )
    ome_files = parameter(
        Str,
        "positions from the OME-XML of OME-TIFF files (Plane PositionX or StageLabel, "
        "PhysicalSizeX): which files below image_directory, as in *.ome.tif",
        default=None,
        validate=Length(min=1),
    )
    z_values = parameter(
        Str,
        "what the z of a source means: the section (as_listed), nothing (one_section: all tiles "
        "are at z_start, unless they name their section), or the section unless nearly every one "
        "of tiles that lie side by side has a z of its own, which is refused (TileConfiguration) "
        "or warned of (ask)",
        default=Z_VALUES[0],
        validate=OneOf(Z_VALUES),
    )
    piece_coordinates = parameter(
        Str,
        "for mdoc_file: where the pieces were to be, where SerialEM has aligned them to, or where "
        "the stage was",
        default=PIECE_COORDINATES[0],
        validate=OneOf(PIECE_COORDINATES),
    )
    stage_rotation = parameter(
        Float,
        "for stage positions of mdoc_file: degrees from the x axis of the images to that of the "
        "stage, counterclockwise; flip_x and flip_y come after it",
        default=None,
        default_text="RotationAngle + 90, or 0 where the file has none",
    )
    sectionId = parameter(
        Str, "name of the section, where the source has none", default=None, default_text="its z"
    )
    position_unit = parameter(
        Str, "unit of the positions in the table", default=UNITS[0], validate=OneOf(UNITS)
    )
    pixel_size_nm = parameter(
        List,
        "width and height of a pixel and distance of the sections, in nanometres: the resolution "
        "of the stack",
        Float(validate=Range(min=0, min_inclusive=False)),
        default=None,
        default_text="as the microscope has noted it, else the stack has none",
        validate=Length(equal=3),
    )
    mask_file = parameter(
        InputFile,
        "mask of every image (0: left out) that has none in the table's column mask; a relative "
        "name in the table is below image_directory",
        default=None,
    )
    section_pattern = parameter(
        Str,
        "regular expression searched in each file's path below "
        "image_directory; its first group is the section, or groups named "
        f"{', '.join(sorted(PATTERN_GROUPS))} give these",
        default=None,
    )
    channels = parameter(
        List,
        "channels to import; the first is the one shown and matched by default",
        Str(),
        default=None,
        default_text="all, in the order of the table",
        validate=Length(min=1),
    )
    flip_x = parameter(Boolean, "x of the stage grows to the left", default=False)
    flip_y = parameter(Boolean, "y of the stage grows upwards", default=False)
    origin = parameter(
        Str,
        "what becomes world (0, 0): the least x and y of each section, those of all sections "
        "(stack), or nothing is moved (table)",
        default=None,
        default_text="section for micrometres, metadata and pieces, table for other pixels",
        validate=OneOf(ORIGINS),
    )
    z_start = parameter(Float, "z of the first section, where the table has no z", default=0.0)
    z_step = parameter(Float, "z from section to section, where the table has no z", default=1.0)
    intensity_range = parameter(
        Str,
        "display range of the tiles: what the pixels of some files of the channel span (data: 0.1 "
        "to 99.9 % of the finite ones), all that the pixel type holds (type, or dtype), or the "
        "type's for 8 bit images, which are then drawn as they are, and the data's for others "
        "(auto)",
        default=RANGES[0],
        validate=OneOf(RANGES),
    )
    minIntensity = parameter(
        Float, "display minimum", default=None, default_text="see intensity_range"
    )
    maxIntensity = parameter(
        Float, "display maximum", default=None, default_text="see intensity_range"
    )
    scope = parameter(Str, "microscope, for the layout", default=None)
    camera = parameter(Str, "camera, for the layout", default=None)
    skip_missing = parameter(
        Boolean,
        "leave out files that are missing or unreadable, and list them in the output, instead of "
        "failing",
        default=False,
    )

    @validates("section_pattern")
    def pattern_has_groups(self, value: str | None, **_: Any) -> None:
        """The pattern compiles, and says what it finds."""
        if value is None:
            return
        try:
            pattern = re.compile(value)
        except re.error as error:
            raise ValidationError(f"not a regular expression: {error}") from None
        unknown = sorted(set(pattern.groupindex) - PATTERN_GROUPS)
        if unknown:
            raise ValidationError(
                f"unknown group {listed(unknown)}; known are {', '.join(sorted(PATTERN_GROUPS))}"
            )
        if not pattern.groups:
            raise ValidationError("needs a group in parentheses, which is the section")

    @validates_schema
    def one_source(self, data: dict[str, Any], **_: Any) -> None:
        """Positions come from one place, and micrometres need the size of a pixel."""
        given = [name for name in SOURCES if data.get(name) is not None]
        if len(given) != 1:
            said = f"not {' and '.join(given)}" if given else "none is given"
            raise ValidationError(f"give one of {', '.join(SOURCES)}; {said}", "positions_file")
        if data["position_unit"] == "micrometer" and data.get("pixel_size_nm") is None:
            raise ValidationError("needed where position_unit is micrometer", "pixel_size_nm")
        if data["position_unit"] == "micrometer" and given == ["ome_files"]:
            raise ValidationError("ome_files name the unit themselves", "position_unit")
        if data["position_unit"] == "micrometer" and given != ["positions_file"]:
            raise ValidationError(f"positions of {given[0]} are in pixels", "position_unit")
        if (data["piece_list"] is None) != (data["piece_images"] is None):
            raise ValidationError("piece_list and piece_images go together", "piece_images")
        if data["stage_rotation"] is not None and data["mdoc_file"] is None:
            raise ValidationError("turns stage positions of mdoc_file", "stage_rotation")
