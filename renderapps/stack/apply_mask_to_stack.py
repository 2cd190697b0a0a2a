"""Attach one mask image to all tiles of a stack, or remove the masks of a stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean, OutputDir, Str
from marshmallow import ValidationError, post_load, validates_schema

from renderapi.files import atomic_path
from renderapi.urls import path_to_url, url_scheme, url_to_path
from renderapps.module import RenderModuleException, parameter
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.tile_documents import Json, Section, image_entries

MASK_KEYS = ("maskUrl", "maskLoaderType", "maskSliceNumber")


class ApplyMaskParameters(TileEditParameters):
    """Parameters of apply_mask_to_stack."""

    mask_file = parameter(
        Str,
        "file or URL of the mask, of the size of the tiles, or of their lowest mipmap level where "
        "that is not 0",
        default=None,
    )
    remove_masks = parameter(Boolean, "remove masks instead of attaching one", default=False)
    mask_directory = parameter(
        OutputDir,
        "folder for reduced masks, made for the mipmap levels above 0 that tiles have",
        default=None,
        default_text="the folder of the mask",
    )

    @post_load
    def no_limits(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """minz -1 with maxz -1, once the default, is no selection."""
        if data["minZ"] == data["maxZ"] == -1:
            return {**data, "minZ": None, "maxZ": None}
        return data

    @validates_schema
    def one_task(self, data: dict[str, Any], **_: Any) -> None:
        """Either a mask is attached, or masks are removed."""
        if bool(data.get("mask_file")) == data["remove_masks"]:
            raise ValidationError("give mask_file, or remove_masks", "mask_file")


class ApplyMask(StackEditModule):
    """The mask is set at every mipmap level of the tiles and of their channels.

    The sections from minZ to maxZ, both included, are written (-1 and -1: all); in place the others
    stay. The output may be the input.
    """

    default_schema = ApplyMaskParameters
    may_be_input = True
    moves_tiles = False

    def prepare(self) -> None:
        """Read the mask, and write reduced ones for the levels above 0."""
        self.masks: dict[str, str] = {}
        if self.args["mask_file"]:
            self.mask_size, self.masks = self.make_masks(self.args["mask_file"])

    def make_masks(self, mask: str) -> tuple[tuple[int, int], dict[str, str]]:
        """Width and height of the mask, and its URL at each level that the tiles have."""
        from renderapi.rendering.sources import read_image

        url = path_to_url(url_to_path(mask) or mask) if url_scheme(mask) == "file" else mask
        pixels = read_image(url)
        height, width = pixels.shape[:2]
        tiles = [t for z in self.select_zs() for t in self.read_inputs(z)[0].tiles]
        self.mask_level = level_of_size((width, height), tiles[0])
        levels = sorted({int(level) for tile in tiles for level, _ in image_entries(tile)})
        if levels and levels[0] < self.mask_level:
            raise RenderModuleException(
                f"mask {mask} has the size of mipmap level {self.mask_level}, but the tiles have "
                f"level {levels[0]} too: give one of that size"
            )
        masks = {}
        for level in levels:
            reduced = level > self.mask_level
            masks[str(level)] = self.write_reduced(url, pixels, level) if reduced else url
        return (width, height), masks

    def write_reduced(self, url: str, pixels: Any, level: int) -> str:
        """URL of a new file with the mask reduced to a level."""
        import tifffile

        from renderapi.rendering.pyramid import downsample

        path = url_to_path(url)
        folder = self.args["mask_directory"]
        if folder is None and path is None:
            raise RenderModuleException(
                f"the tiles have mipmap level {level}: give mask_directory, where reduced masks "
                f"of {url} can be written"
            )
        home = Path(folder) if folder else path.parent  # type: ignore[union-attr]
        stem = (path or Path(url)).stem
        target = home / f"{stem}_level{level}.tif"
        with atomic_path(target) as temporary:
            tifffile.imwrite(
                temporary, downsample(pixels, level - self.mask_level), compression="zlib"
            )
        return path_to_url(target)

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with the mask on every tile, or without masks."""
        (section,) = sections
        entries = 0
        for tile in section.tiles:
            if self.masks:
                self.require_size(tile)
            for level, entry in image_entries(tile):
                had = entry.get("maskUrl")
                for key in MASK_KEYS:
                    entry.pop(key, None)
                if self.masks:
                    entry["maskUrl"] = self.masks[level]
                entries += had != entry.get("maskUrl")
        return section, {"changed_images": entries}

    def require_size(self, tile: Json) -> None:
        """Refuse a tile that is not of the size of the mask."""
        if size_at(tile, self.mask_level) != self.mask_size:
            width, height = size_at(tile, 0)
            raise RenderModuleException(
                f"mask {self.args['mask_file']} is {self.mask_size[0]} x {self.mask_size[1]} "
                f"pixels, tile {tile['tileId']} {width} x {height}"
            )


def size_at(tile: Json, level: int) -> tuple[int, int]:
    """Width and height of the image of a mipmap level of a tile."""
    return int(tile["width"]) >> level, int(tile["height"]) >> level


def level_of_size(size: tuple[int, int], tile: Json) -> int:
    """The mipmap level at which a tile has that size; 0 where there is none."""
    return next((level for level in range(12) if size_at(tile, level) == size), 0)


if __name__ == "__main__":
    ApplyMask.main()
