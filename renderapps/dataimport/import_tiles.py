"""Make a stack of image files and the positions at which a microscope took them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Dict, Float, InputDir, InputFile, Int, List, Nested, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates, validates_schema
from marshmallow.validate import Length, OneOf, Range

import renderapi
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapps.dataimport.acquired_image import (
    PATTERN_GROUPS,
    AcquiredImage,
    fill_from_path,
    listed,
    refuse_repeated_files,
)
from renderapps.dataimport.acquired_tiles import (
    CHANNEL_FIELD,
    TilePosition,
    TileSettings,
    channel_order,
    check_channel_names,
    data_range,
    dtype_range,
    group_positions,
    lacking_channels,
    only_channel,
    tile_specs,
)
from renderapps.dataimport.image_headers import (
    ImageHeader,
    image_size,
    pixels,
    read_headers,
    unreadable_text,
)
from renderapps.dataimport.placement import ORIGINS, UNITS, PlacementRules, place_images
from renderapps.dataimport.position_table import FIELDS, read_position_table
from renderapps.dataimport.tile_configuration import read_tile_configuration
from renderapps.dataimport.tile_grid import TileGrid, grid_images
from renderapps.module import RenderModule, RenderModuleException, RenderParameters
from renderapps.module.stack_target import EXISTING, stack_state, write_section

SOURCES = ("positions_file", "grid", "tile_configuration")


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


class ImportTilesParameters(RenderParameters):
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
        metadata={"description": "table of positions: CSV, TSV or JSON (a list of objects)"},
    )
    columns = Dict(
        keys=Str(validate=OneOf(FIELDS)),
        values=Str(),
        load_default=dict,
        metadata={
            "description": f"column of the table that holds each of {', '.join(FIELDS)}; a field "
            "that is not named here is read from the column of its own name if there is one",
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
            "default_text": "1 1 1, and the stack has no physical size",
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
            "default_text": "section for micrometres, table for pixels",
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
        load_default="dtype",
        validate=OneOf(("dtype", "data")),
        metadata={
            "description": "display range of the tiles: all that the pixel type holds, or what "
            "the pixels of some files of the channel span (0.1 to 99.9 %)"
        },
    )
    minIntensity = Float(
        allow_none=True, load_default=None, metadata={"description": "display minimum instead"}
    )
    maxIntensity = Float(
        allow_none=True, load_default=None, metadata={"description": "display maximum instead"}
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
    existing = Str(
        load_default=EXISTING[0],
        validate=OneOf(EXISTING),
        metadata={
            "description": "what to do with an output stack that has tiles: overwrite_z replaces "
            "the sections that are written and keeps the others, replace empties it first, "
            "fail refuses"
        },
    )
    close_stack = Boolean(
        load_default=True, metadata={"description": "set the stack to COMPLETE at the end"}
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
        if data["position_unit"] == "micrometer" and given != ["positions_file"]:
            raise ValidationError(f"positions of {given[0]} are in pixels", "position_unit")


class ImportTiles(RenderModule):
    """Make a stack of image files and the positions at which a microscope took them."""

    default_schema = ImportTilesParameters

    def run(self) -> None:
        """Read the positions and the headers, then write the stacks."""
        images, unused = self.acquired_images()
        channels = channel_order(images, self.args["channels"])
        check_channel_names(channels, self.args["output_stack"])
        images = [image for image in images if image.channel in channels]
        headers, unreadable = _read_all(images)
        if unreadable and not self.args["skip_missing"]:
            raise RenderModuleException(unreadable_text(unreadable, len(images)))
        images = [image for image in images if image.file not in unreadable]
        if not images:
            raise RenderModuleException(unreadable_text(unreadable, len(unreadable)))
        placed = place_images(images, self.placement_rules())
        positions = group_positions(placed, channels)
        incomplete = self.incomplete(positions, channels)
        stacks = [
            self.write_stack(name, some, headers, names)
            for name, some, names in self.outputs(positions, channels)
        ]
        self.output(
            {
                "output_stacks": stacks,
                "skipped_files": [{"file": f, "reason": r} for f, r in unreadable.items()],
                "incomplete_tiles": incomplete,
                "unused_files": unused,
            }
        )

    def acquired_images(self) -> tuple[list[AcquiredImage], list[Path]]:
        """The images of whichever source is given, and files of a grid that have no place in it."""
        directory = Path(self.args["image_directory"]).resolve()
        unused: list[Path] = []
        if self.args["positions_file"]:
            table = Path(self.args["positions_file"])
            images = read_position_table(table, directory, self.args["columns"])
        elif self.args["tile_configuration"]:
            images = read_tile_configuration(Path(self.args["tile_configuration"]), directory)
        else:
            images, unused = grid_images(tile_grid(self.args["grid"]), directory, image_size)
        refuse_repeated_files(images)
        if self.args["section_pattern"]:
            pattern = re.compile(self.args["section_pattern"])
            images = fill_from_path(images, pattern, directory)
        if self.args["mask_file"]:
            mask = Path(self.args["mask_file"]).resolve()
            images = [i if i.mask else replace(i, mask=mask) for i in images]
        return images, unused

    def placement_rules(self) -> PlacementRules:
        """How the positions become world pixels."""
        unit = self.args["position_unit"]
        size = self.args["pixel_size_nm"] or (1000.0, 1000.0, 1000.0)
        return PlacementRules(
            unit=unit,
            pixel_size_um=(size[0] / 1000, size[1] / 1000),
            flip_x=self.args["flip_x"],
            flip_y=self.args["flip_y"],
            origin=self.args["origin"] or ("table" if unit == "pixel" else "section"),
            z_start=self.args["z_start"],
            z_step=self.args["z_step"],
        )

    def incomplete(
        self, positions: Sequence[TilePosition], channels: Sequence[str | None]
    ) -> list[dict[str, Any]]:
        """Tiles that lack a channel; an error unless they are to be skipped or stand alone."""
        if CHANNEL_FIELD in self.args["output_stack"]:
            return []
        incomplete = lacking_channels(positions, channels)
        if incomplete and not self.args["skip_missing"]:
            first = incomplete[0]
            raise RenderModuleException(
                f"{len(incomplete)} tiles lack a channel, first {first['file']} has no "
                f"{listed(first['missing_channels'])} at its position; complete the table, put "
                "{channel} into output_stack, or give skip_missing"
            )
        return incomplete

    def outputs(
        self, positions: list[TilePosition], channels: Sequence[str | None]
    ) -> list[tuple[str, list[TilePosition], list[str | None]]]:
        """Name, tiles and channels of each stack to write."""
        name = self.args["output_stack"]
        if CHANNEL_FIELD not in name:
            return [(name, positions, list(channels))]
        return [
            (name.replace(CHANNEL_FIELD, str(c)), only_channel(positions, c), [c]) for c in channels
        ]

    def write_stack(
        self,
        stack: str,
        positions: list[TilePosition],
        headers: dict[Path, ImageHeader],
        channels: list[str | None],
    ) -> dict[str, Any]:
        """Write one stack section by section; its entry in the report."""
        ranges = {channel: self.display_range(positions, headers, channel) for channel in channels}
        tiles = tile_specs(positions, headers, self.tile_settings(ranges))
        self.open_stack(stack)
        sections = []
        for z, group in groupby(tiles, key=lambda tile: tile.z):
            section: list[TileSpec] = list(group)
            write_section(self.render, stack, z, ResolvedTiles(tilespecs=section))
            sections.append(
                {"z": z, "sectionId": section[0].layout.sectionId, "tiles": len(section)}
            )
            self.logger.info("stack %s: z=%s, %d tiles", stack, z, len(section))
        if self.args["close_stack"]:
            renderapi.stack.set_stack_state(stack, "COMPLETE", render=self.render)
        return {
            "stack": stack,
            "channels": [
                {"name": name, "minIntensity": low, "maxIntensity": high}
                for name, (low, high) in ranges.items()
            ],
            "tiles": len(tiles),
            "sections": sections,
        }

    def tile_settings(self, ranges: dict[str | None, tuple[float, float]]) -> TileSettings:
        """What all tiles have in common."""
        size = self.args["pixel_size_nm"]
        in_pixels = self.args["position_unit"] == "pixel"
        return TileSettings(
            ranges=ranges,
            pixel_size_um=size[0] / 1000 if size else None,
            stage_unit_um=size[0] / 1000 if size and in_pixels else 1.0,
            scope=self.args["scope"],
            camera=self.args["camera"],
        )

    def display_range(
        self,
        positions: Sequence[TilePosition],
        headers: dict[Path, ImageHeader],
        channel: str | None,
    ) -> tuple[float, float]:
        """Display range of a channel, as the parameters say."""
        files = [position.first.image.file for position in only_channel(positions, channel)]
        dtypes = {headers[file].dtype for file in files}
        if len(dtypes) > 1:
            name = "" if channel is None else f" of channel {channel}"
            raise RenderModuleException(
                f"images{name} are of several pixel types ({listed(sorted(map(str, dtypes)))}); "
                "import them into stacks of their own"
            )
        (dtype,) = dtypes
        low, high = self.args["minIntensity"], self.args["maxIntensity"]
        if low is None or high is None:
            by_type = dtype_range(dtype) if self.args["intensity_range"] == "dtype" else None
            found = by_type or data_range(files, dtype, pixels)
            low = found[0] if low is None else low
            high = found[1] if high is None else high
        return low, high

    def open_stack(self, stack: str) -> None:
        """Make the stack, or open the one there is, as `existing` says."""
        state = stack_state(self.render, stack)
        if state in ("READ_ONLY", "OFFLINE"):
            raise RenderModuleException(
                f"stack {stack} is {state}: set it to COMPLETE first, or name another output"
            )
        if state is not None and self.args["existing"] != EXISTING[0]:
            occupied = renderapi.stack.get_z_values_for_stack(stack, render=self.render)
            if occupied and self.args["existing"] == "fail":
                raise RenderModuleException(
                    f"stack {stack} has tiles: name another one, "
                    "or give existing overwrite_z or replace"
                )
            renderapi.stack.delete_stack(stack, render=self.render)
        x, y, z = self.args["pixel_size_nm"] or (1.0, 1.0, 1.0)
        renderapi.stack.create_stack(
            stack,
            stackResolutionX=x,
            stackResolutionY=y,
            stackResolutionZ=z,
            versionNotes=f"imported from {self.args['image_directory']}",
            render=self.render,
        )


def tile_grid(grid: dict[str, Any]) -> TileGrid:
    """Grid of the parameters; the overlap of an axis is the common one unless it is given."""
    own = {name: grid[name] for name in grid if not name.startswith("overlap")}
    both = {
        name: grid["overlap"] if grid[name] is None else grid[name]
        for name in ("overlap_x", "overlap_y")
    }
    return TileGrid(**own | both)


def _read_all(
    images: Sequence[AcquiredImage],
) -> tuple[dict[Path, ImageHeader], dict[Path, str]]:
    """Headers of images and masks, and why an image cannot be imported."""
    files = dict.fromkeys(f for i in images for f in (i.file, i.mask) if f is not None)
    headers, reasons = read_headers(list(files))
    unreadable = {i.file: reasons[i.file] for i in images if i.file in reasons}
    for image in images:
        if image.mask in reasons and image.file not in unreadable:
            unreadable[image.file] = f"its mask {image.mask}: {reasons[image.mask]}"
    return headers, unreadable


if __name__ == "__main__":
    ImportTiles.main()
