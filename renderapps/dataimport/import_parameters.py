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
from renderapps.module import RenderParameters
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

    rows = Int(required=True, validate=Range(min=1), metadata={"description": "rows of tiles"})
    columns = Int(
        required=True, validate=Range(min=1), metadata={"description": "columns of tiles"}
    )
    file_pattern = Str(
        required=True,
        metadata={
            "description": "path of a file below image_directory with fields in braces: {index} "
            "(or {p}), or {row} and {column}; also {section}, {channel}, {z}; a width as in "
            "{index:03d}; * for anything else"
        },
    )
    order = Str(
        load_default="row-major",
        validate=OneOf(("row-major", "column-major")),
        metadata={"description": "whether consecutive indices run along rows or down columns"},
    )
    snake = Boolean(
        load_default=False,
        metadata={"description": "whether every second row (or column) runs backwards"},
    )
    overlap = Float(
        load_default=0.1,
        validate=Range(0, 0.95),
        metadata={"description": "overlap of neighbours, as a fraction of the tile"},
    )
    overlap_x = Float(
        allow_none=True,
        load_default=None,
        validate=Range(0, 0.95),
        metadata={"description": "the same across, where it differs"},
    )
    overlap_y = Float(
        allow_none=True,
        load_default=None,
        validate=Range(0, 0.95),
        metadata={"description": "the same down, where it differs"},
    )
    first_index = Int(load_default=1, metadata={"description": "index of the first tile"})
    first_row = Int(load_default=0, metadata={"description": "number of the top row"})
    first_column = Int(load_default=0, metadata={"description": "number of the left column"})


class ImportTilesParameters(DisplayRangeParameters, WrittenStackParameters, RenderParameters):
    """Parameters of import_tiles."""

    output_stack = Str(
        required=True,
        metadata={
            "description": "stack to make; with {channel} in its name each channel gets a stack "
            "of its own, without it several channels go into the tiles of one stack"
        },
    )
    image_directory = InputDir(
        required=True, metadata={"description": "folder that the file names are below"}
    )
    positions_file = InputFile(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "table of positions: CSV, TSV or JSON (a list of objects), or the "
            "global positions that MIST writes"
        },
    )
    columns = Dict(
        keys=Str(validate=OneOf(FIELDS)),
        values=Str(),
        load_default=dict,
        metadata={
            "description": f"column of the table that holds each of {', '.join(FIELDS)} (of a TIFF "
            "file, or section of an MRC file, from 0); a field that is not named here is read from "
            "the column of its own name if there is one",
            "default_text": "{}",
        },
    )
    grid = Nested(
        GridParameters,
        allow_none=True,
        load_default=None,
        metadata={"description": "positions from a regular grid, instead of a table"},
    )
    tile_configuration = InputFile(
        allow_none=True,
        load_default=None,
        metadata={"description": "positions from a TileConfiguration.txt of Fiji, instead"},
    )
    text_list = InputFile(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "positions from a text file without a header as TrakEM2 reads it: file, "
            "x, y in pixels and, where there are several sections, z on each line; what follows "
            "(width, height, ...) is taken from the images"
        },
    )
    metadata_file = InputFile(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "positions of one section from the metadata JSON of a TEM camera array: "
            "stage positions, turned by the angle of the camera",
            "aliases": ["metafile"],
        },
    )
    mdoc_file = InputFile(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "positions from the piece coordinates (y upwards) of a SerialEM .mdoc "
            "file, of single images or of the sections of an MRC or TIFF file; where it has none, "
            "from the stage positions"
        },
    )
    piece_list = InputFile(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "positions from a piece list of IMOD: x, y (upwards), z on each line, "
            "in the order of the images"
        },
    )
    piece_images = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "images of piece_list below image_directory: an MRC or TIFF file with "
            "a section for each line, or a name with {index}, as in piece_{index:04d}.tif, counted "
            "from 0"
        },
    )
    ome_files = Str(
        allow_none=True,
        load_default=None,
        validate=Length(min=1),
        metadata={
            "description": "positions from the OME-XML of OME-TIFF files (Plane PositionX or "
            "StageLabel, PhysicalSizeX): which files below image_directory, as in *.ome.tif"
        },
    )
    z_values = Str(
        load_default=Z_VALUES[0],
        validate=OneOf(Z_VALUES),
        metadata={
            "description": "what the z of a source means: the section (as_listed), nothing "
            "(one_section: all tiles are at z_start, unless they name their section), or the "
            "section unless nearly every one of tiles that lie side by side has a z of its own, "
            "which is refused (TileConfiguration) or warned of (ask)"
        },
    )
    piece_coordinates = Str(
        load_default=PIECE_COORDINATES[0],
        validate=OneOf(PIECE_COORDINATES),
        metadata={
            "description": "for mdoc_file: where the pieces were to be, where SerialEM has "
            "aligned them to, or where the stage was"
        },
    )
    stage_rotation = Float(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "for stage positions of mdoc_file: degrees from the x axis of the "
            "images to that of the stage, counterclockwise; flip_x and flip_y come after it",
            "default_text": "RotationAngle + 90, or 0 where the file has none",
        },
    )
    sectionId = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "name of the section, where the source has none",
            "default_text": "its z",
        },
    )
    position_unit = Str(
        load_default=UNITS[0],
        validate=OneOf(UNITS),
        metadata={"description": "unit of the positions in the table"},
    )
    pixel_size_nm = List(
        Float(validate=Range(min=0, min_inclusive=False)),
        allow_none=True,
        load_default=None,
        validate=Length(equal=3),
        metadata={
            "description": "width and height of a pixel and distance of the sections, in "
            "nanometres: the resolution of the stack",
            "default_text": "as the microscope has noted it, else the stack has none",
        },
    )
    mask_file = InputFile(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "mask of every image (0: left out) that has none in the table's column "
            "mask; a relative name in the table is below image_directory"
        },
    )
    section_pattern = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "regular expression searched in each file's path below "
            "image_directory; its first group is the section, or groups named "
            f"{', '.join(sorted(PATTERN_GROUPS))} give these"
        },
    )
    channels = List(
        Str(),
        allow_none=True,
        load_default=None,
        validate=Length(min=1),
        metadata={
            "description": "channels to import; the first is the one shown and matched by default",
            "default_text": "all, in the order of the table",
        },
    )
    flip_x = Boolean(
        load_default=False, metadata={"description": "x of the stage grows to the left"}
    )
    flip_y = Boolean(load_default=False, metadata={"description": "y of the stage grows upwards"})
    origin = Str(
        allow_none=True,
        load_default=None,
        validate=OneOf(ORIGINS),
        metadata={
            "description": "what becomes world (0, 0): the least x and y of each section, those "
            "of all sections (stack), or nothing is moved (table)",
            "default_text": "section for micrometres, metadata and pieces, table for other pixels",
        },
    )
    z_start = Float(
        load_default=0.0,
        metadata={"description": "z of the first section, where the table has no z"},
    )
    z_step = Float(
        load_default=1.0,
        metadata={"description": "z from section to section, where the table has no z"},
    )
    intensity_range = Str(
        load_default=RANGES[0],
        validate=OneOf(RANGES),
        metadata={
            "description": "display range of the tiles: what the pixels of some files of the "
            "channel span (data: 0.1 to 99.9 % of the finite ones), all that the pixel type holds "
            "(type, or dtype), or the type's for 8 bit images, which are then drawn as they are, "
            "and the data's for others (auto)"
        },
    )
    minIntensity = Float(
        allow_none=True,
        load_default=None,
        metadata={"description": "display minimum", "default_text": "see intensity_range"},
    )
    maxIntensity = Float(
        allow_none=True,
        load_default=None,
        metadata={"description": "display maximum", "default_text": "see intensity_range"},
    )
    scope = Str(
        allow_none=True, load_default=None, metadata={"description": "microscope, for the layout"}
    )
    camera = Str(
        allow_none=True, load_default=None, metadata={"description": "camera, for the layout"}
    )
    skip_missing = Boolean(
        load_default=False,
        metadata={
            "description": "leave out files that are missing or unreadable, and list them in the "
            "output, instead of failing"
        },
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
