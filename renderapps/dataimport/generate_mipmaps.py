"""Make reduced copies (mipmaps) of the images of a stack, and a stack that knows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Int, OutputDir, Str
from marshmallow.validate import OneOf, Range

from renderapi.urls import path_to_url
from renderapps.dataimport.reduced_images import LevelSpec, fitting, mask_levels, write_levels
from renderapps.module import RenderModuleException, parameter
from renderapps.module.derived_images import Source
from renderapps.module.image_edit import ImageEditModule, holders
from renderapps.module.stack_edit import TileEditParameters
from renderapps.module.tile_documents import Json, first_level

FORMATS = ("tif", "png", "jpg")


class GenerateMipMapsParameters(TileEditParameters):
    """Parameters of generate_mipmaps."""

    output_stack = parameter(
        Str,
        "stack to make, with the mipmaps added to its tiles; or give in_place",
        default=None,
        aliases=["outputStack"],
    )
    output_directory = parameter(
        OutputDir,
        "folder of the mipmaps: level L of /data/a.tif is L/data/a.tif.FORMAT below it, or with "
        "12 digits in its name where that file has other content",
        aliases=["output_dir"],
    )
    levels = parameter(
        Int,
        "make levels 1 to this one, each half as large as the one before; a tile stops where a "
        "side would have no pixels",
        default=3,
        validate=Range(1, 30),
    )
    image_format = parameter(
        Str,
        "format of the mipmaps; jpg holds 8 bit only, masks are then png",
        default="tif",
        aliases=["imgformat"],
        validate=OneOf(FORMATS),
    )
    overwrite = parameter(
        Boolean,
        "make every file again; else those are kept that were made of the same image with the "
        "same settings",
        default=False,
        aliases=["force_redo"],
    )


class GenerateMipMaps(ImageEditModule):
    """The lowest level that a tile has is the source. Levels above those made stay."""

    default_schema = GenerateMipMapsParameters

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Write the mipmaps of every channel of a tile and add them to its pyramids."""
        files = 0
        ignored = []
        with_image = [holder for holder in holders(tile) if first_level(holder)]
        if not with_image:
            raise RenderModuleException("it has no image")
        for holder in with_image:
            problem, written = self.add_levels(holder)
            ignored += [f"tile {tile['tileId']}: {problem}"] if problem else []
            files += written
        return {"mipmaps": files, "ignored_masks": ignored}

    def add_levels(self, holder: Json) -> tuple[str | None, int]:
        """Add the levels of a tile or channel; why its mask has none, and how many levels."""
        (level, entry), redo = first_level(holder) or ("0", {}), self.args["overwrite"]
        image = Source.image(entry)
        width, height, _ = image.info()
        first, form = int(level), self.args["image_format"]
        every = [LevelSpec(n - first, form, False) for n in range(first + 1, self.last + 1)]
        specs = fitting(every, width, height)
        paths, _ = write_levels(image, self.targets(image, specs, first), redo=redo)
        problem = mask_problem(entry, image)
        masks: dict[int, dict[str, Any]] = {}
        if entry.get("maskUrl") and problem is None:
            mask = Source.mask(entry)
            masks, _ = mask_levels(entry, self.targets(mask, specs, first), redo)
        for spec in specs:
            made = {"imageUrl": path_to_url(paths[spec])} | masks.get(spec.level, {})
            holder["mipmapLevels"][str(first + spec.level)] = made
        return problem, len(specs)

    @property
    def last(self) -> int:
        """The highest level to make."""
        return int(self.args["levels"])

    def targets(self, source: Source, specs: list[LevelSpec], first: int) -> dict[LevelSpec, Path]:
        """File of each level, where a stack's mipmapPathBuilder looks."""
        from renderapi.rendering.mipmaps import mipmap_path

        folder = Path(self.args["output_directory"]).resolve()
        return {
            spec: mipmap_path(source.url, first + spec.level, folder, spec.format, source.slice)
            for spec in specs
        }


def mask_problem(entry: Json, image: Source) -> str | None:
    """Why a mask is not used, by drawing neither: it is not as large as its image."""
    if not entry.get("maskUrl"):
        return None
    mask = Source.mask(entry)
    (width, height, _), (mask_width, mask_height, _) = image.info(), mask.info()
    if (width, height) == (mask_width, mask_height):
        return None
    return f"mask {mask.url} is {mask_width} x {mask_height}, its image {width} x {height} pixels"


if __name__ == "__main__":
    GenerateMipMaps.main()
