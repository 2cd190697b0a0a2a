"""Make a stack of image files and the positions at which a microscope took them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from renderapps.dataimport.acquired_image import (
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
    plane_of,
    tile_specs,
)
from renderapps.dataimport.image_headers import (
    ImageHeader,
    Plane,
    check_pages,
    image_size,
    pixels,
    read_plane_headers,
    unreadable_text,
)
from renderapps.dataimport.image_planes import chosen_planes
from renderapps.dataimport.import_parameters import ImportTilesParameters
from renderapps.dataimport.mdoc import Mdoc, parse_mdoc
from renderapps.dataimport.ome import OmeImages, ome_images
from renderapps.dataimport.own_z import scattered
from renderapps.dataimport.placement import PlacedImage, PlacementRules, place_images
from renderapps.dataimport.position_table import read_position_table
from renderapps.dataimport.serialem import mdoc_images, read_piece_list
from renderapps.dataimport.temca_metadata import CameraArray, read_camera_array
from renderapps.dataimport.text_list import read_text_list
from renderapps.dataimport.tile_configuration import read_tile_configuration
from renderapps.dataimport.tile_grid import TileGrid, grid_images
from renderapps.dataimport.tile_upload import Upload, sections_of
from renderapps.module import RenderModule, RenderModuleException, Section
from renderapps.module.display_range import checked_range

BY_SECTION = ("metadata_file", "mdoc_file", "piece_list", "ome_files")


class ImportTiles(RenderModule):
    """Make a stack of image files and the positions at which a microscope took them."""

    default_schema = ImportTilesParameters
    array = CameraArray()
    mdoc: Mdoc | None = None
    ome: OmeImages | None = None

    def run(self) -> None:
        """Read the positions and the headers, then write the stacks."""
        images, unused = self.acquired_images()
        if any(image.channel is not None for image in images):
            images = self.of_channels(images, channel_order(images, self.args["channels"]))
        images, partly_used = chosen_planes(images)
        channels = channel_order(images, self.args["channels"])
        check_channel_names(channels, self.args["output_stack"])
        images = self.of_channels(images, channels)
        headers, unreadable = _read_all(images)
        if unreadable and not self.args["skip_missing"]:
            raise RenderModuleException(unreadable_text(unreadable, len(images)))
        images = [image for image in images if plane_of(image) not in unreadable]
        if not images:
            raise RenderModuleException(unreadable_text(unreadable, len(unreadable)))
        placed = place_images(images, self.placement_rules())
        warnings = self.warnings(placed, headers, partly_used)
        positions = group_positions(placed, channels)
        incomplete = self.incomplete(positions, channels)
        outputs = self.outputs(positions, channels)
        entries = [self.entry(name, some, headers, names) for name, some, names in outputs]
        stacks = {entry["stack"]: (sections, self.version()) for entry, sections in entries}
        upload = Upload(self.render, stacks, self.args)
        for (entry, _), written in zip(entries, upload.write(self.module_name()), strict=True):
            entry["kept_zs"] = written["kept_zs"]
        self.output(
            {
                "output_stacks": [entry for entry, _ in entries],
                "pixel_size_nm": self.pixel_size,
                "skipped_files": [_skipped(*entry) for entry in unreadable.items()],
                "incomplete_tiles": incomplete,
                "unused_files": unused,
                "partly_used_files": partly_used,
                "warnings": warnings,
            }
        )

    def of_channels(
        self, images: Sequence[AcquiredImage], channels: Sequence[str | None]
    ) -> list[AcquiredImage]:
        """The images of some channels."""
        return [image for image in images if image.channel in channels]

    def warnings(
        self,
        placed: Sequence[PlacedImage],
        headers: Mapping[Plane, ImageHeader],
        partly_used: Sequence[dict[str, Any]],
    ) -> list[str]:
        """What is imported and may not be meant so; each is logged."""
        found = []
        if partly_used:
            first = partly_used[0]
            found.append(
                f"{len(partly_used)} files hold more than is imported, first {first['file']}: "
                f"{first['unused']} (see partly_used_files in the output)"
            )
        if self.ome and self.ome.assumed_unit:
            found.append("positions of OME-XML without a unit are taken as micrometres")
        strange = None
        if self.args["z_values"] == "ask":
            strange = scattered(placed, lambda p: headers[plane_of(p.image)][:2])
        if strange and self.args["tile_configuration"]:
            raise RenderModuleException(
                f"{self.args['tile_configuration']}: {strange}; give z_values one_section if they "
                "are one montage, as_listed if they are sections"
            )
        if strange:
            found.append(f"{strange}; give z_values one_section if they are one montage")
        for text in found:
            self.logger.warning("%s", text)
        return found

    @property
    def pixel_size(self) -> list[float | None] | None:
        """Resolution in nanometres, as given, or else as the microscope has noted it."""
        noted = self.mdoc.pixel_size_nm if self.mdoc else self.array.pixel_size_nm
        given = self.args["pixel_size_nm"]
        if given:
            return list(given)
        if self.ome and self.ome.pixel_size_nm:
            return [*self.ome.pixel_size_nm, None]
        return None if noted is None else [noted, noted, None]

    def acquired_images(self) -> tuple[list[AcquiredImage], list[Path]]:
        """The images of whichever source is given, and files of a grid that have no place in it."""
        directory = Path(self.args["image_directory"]).resolve()
        unused: list[Path] = []
        if self.args["grid"]:
            images, unused = grid_images(tile_grid(self.args["grid"]), directory, image_size)
        else:
            images = self.listed_images(directory)
        if self.args["z_values"] == "one_section":
            images = [replace(image, z=None) for image in images]
        refuse_repeated_files(images)
        if self.args["section_pattern"]:
            pattern = re.compile(self.args["section_pattern"])
            images = fill_from_path(images, pattern, directory)
        if self.args["sectionId"]:
            images = [replace(i, section=i.section or self.args["sectionId"]) for i in images]
        if self.args["mask_file"]:
            mask = Path(self.args["mask_file"]).resolve()
            images = [i if i.mask else replace(i, mask=mask) for i in images]
        return images, unused

    def listed_images(self, directory: Path) -> list[AcquiredImage]:
        """The images that a file lists."""
        if file := self.args["positions_file"]:
            images = read_position_table(Path(file), directory, self.args["columns"])
            check_pages(images)
            return images
        if file := self.args["tile_configuration"]:
            return read_tile_configuration(Path(file), directory)
        if file := self.args["text_list"]:
            return read_text_list(Path(file), directory)
        if file := self.args["mdoc_file"]:
            self.mdoc = parse_mdoc(Path(file))
            how = self.args["piece_coordinates"], self.args["stage_rotation"]
            return mdoc_images(self.mdoc, directory, *how)
        if file := self.args["piece_list"]:
            return read_piece_list(Path(file), directory, self.args["piece_images"])
        if pattern := self.args["ome_files"]:
            size = self.args["pixel_size_nm"]
            given = (size[0] / 1000, size[1] / 1000) if size else None
            self.ome = ome_images(directory, pattern, given)
            return self.ome.images
        file = Path(self.args["metadata_file"])
        self.array, images = read_camera_array(file, directory, self.args["z_start"])
        return images

    def placement_rules(self) -> PlacementRules:
        """How the positions become world pixels."""
        unit = self.args["position_unit"]
        size = self.args["pixel_size_nm"] or (1000.0, 1000.0, 1000.0)  # needed for micrometres
        by_section = unit != "pixel" or any(self.args[name] for name in BY_SECTION)
        return PlacementRules(
            unit=unit,
            pixel_size_um=(size[0] / 1000, size[1] / 1000),
            flip_x=self.args["flip_x"],
            flip_y=self.args["flip_y"],
            origin=self.args["origin"] or ("section" if by_section else "table"),
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

    def entry(
        self,
        stack: str,
        positions: list[TilePosition],
        headers: Mapping[Plane, ImageHeader],
        channels: list[str | None],
    ) -> tuple[dict[str, Any], list[Section]]:
        """What the report says of one stack, and its sections."""
        ranges = {channel: self.display_range(positions, headers, channel) for channel in channels}
        tiles = tile_specs(positions, headers, self.tile_settings(ranges))
        sections = sections_of(tile.to_dict() for tile in tiles)
        entry = {
            "stack": stack,
            "channels": [
                {"name": name, "minIntensity": low, "maxIntensity": high}
                for name, (low, high) in ranges.items()
            ],
            "tiles": len(tiles),
            "sections": [
                {
                    "z": section.z,
                    "sectionId": section.tiles[0]["layout"]["sectionId"],
                    "tiles": len(section.tiles),
                }
                for section in sections
            ],
        }
        return entry, sections

    def tile_settings(self, ranges: dict[str | None, tuple[float, float]]) -> TileSettings:
        """What all tiles have in common."""
        size = self.pixel_size
        in_pixels = self.args["position_unit"] == "pixel"
        return TileSettings(
            ranges=ranges,
            pixel_size_um=size[0] / 1000 if size and size[0] else None,
            stage_unit_um=size[0] / 1000 if size and size[0] and in_pixels else 1.0,
            scope=self.args["scope"] or self.array.scope,
            camera=self.args["camera"] or self.array.camera,
        )

    def display_range(
        self,
        positions: Sequence[TilePosition],
        headers: Mapping[Plane, ImageHeader],
        channel: str | None,
    ) -> tuple[float, float]:
        """Display range of a channel, as the parameters say."""
        images = [position.first.image for position in only_channel(positions, channel)]
        dtypes = {headers[plane_of(image)].dtype for image in images}
        if len(dtypes) > 1:
            name = "" if channel is None else f" of channel {channel}"
            raise RenderModuleException(
                f"images{name} are of several pixel types ({listed(sorted(map(str, dtypes)))}); "
                "import them into stacks of their own"
            )
        (dtype,) = dtypes
        low, high = self.args["minIntensity"], self.args["maxIntensity"]
        if low is None and high is not None and self.args["intensity_range"] == "auto":
            low = 0.0 if dtype.kind == "u" else None
        if low is None or high is None:
            found = self.range_of_type(dtype) or data_range(images, dtype, pixels)
            low = found[0] if low is None else low
            high = found[1] if high is None else high
            name = "the images" if channel is None else f"channel {channel}"
            checked_range(low, high, name)
        return low, high

    def range_of_type(self, dtype: np.dtype[Any]) -> tuple[float, float] | None:
        """All that the pixel type holds, where that is the range; None: what the data span."""
        how = self.args["intensity_range"]
        by_type = how in ("type", "dtype") or (how == "auto" and dtype.itemsize == 1)
        return dtype_range(dtype) if by_type else None

    def version(self) -> renderapi.stack.StackVersion:
        """Resolution and notes of the stacks."""
        x, y, z = self.pixel_size or (None, None, None)
        return renderapi.stack.StackVersion(
            stackResolutionX=x,
            stackResolutionY=y,
            stackResolutionZ=z,
            versionNotes=f"imported from {self.args['image_directory']}",
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
) -> tuple[dict[Plane, ImageHeader], dict[Plane, str]]:
    """Headers of images and masks, and why an image cannot be imported."""
    masks = [(image.mask, None) for image in images if image.mask is not None]
    planes = list(dict.fromkeys([*map(plane_of, images), *masks]))
    headers, reasons = read_plane_headers(planes)
    unreadable = {p: reasons[p] for p in map(plane_of, images) if p in reasons}
    for image in images:
        if image.mask and (image.mask, None) in reasons and plane_of(image) not in unreadable:
            reason = reasons[image.mask, None]
            unreadable[plane_of(image)] = f"its mask {image.mask}: {reason}"
    return headers, unreadable


def _skipped(plane: Plane, reason: str) -> dict[str, Any]:
    file, page = plane
    return {"file": file, **({} if page is None else {"page": page}), "reason": reason}


if __name__ == "__main__":
    ImportTiles.main()
