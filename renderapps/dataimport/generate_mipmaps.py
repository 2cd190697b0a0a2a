"""Make reduced copies (mipmaps) of the images of a stack, and a stack that knows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Int, OutputDir, Str
from marshmallow.validate import OneOf, Range

from renderapi.errors import RenderError
from renderapi.image_pyramid import ImagePyramid, MipMap
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapps.module import RenderModuleException, StackEditModule, StackEditParameters
from renderapps.module.parallel import one_line

FORMATS = ("tif", "png", "jpg")


class GenerateMipMapsParameters(StackEditParameters):
    """Parameters of generate_mipmaps."""

    input_stack = Str(required=True, metadata={"description": "stack whose images are reduced"})
    output_stack = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "stack to make, with the mipmaps added to its tiles; or give in_place"
        },
    )
    output_directory = OutputDir(
        required=True,
        metadata={
            "description": "folder of the mipmaps: level L of /data/a.tif is L/data/a.tif.FORMAT "
            "below it",
            "aliases": ["output_dir"],
        },
    )
    levels = Int(
        load_default=3,
        validate=Range(1, 30),
        metadata={
            "description": "make levels 1 to this one, each half as large as the one before; "
            "a tile stops where a side would have no pixels"
        },
    )
    image_format = Str(
        load_default="tif",
        validate=OneOf(FORMATS),
        metadata={
            "description": "format of the mipmaps; jpg holds 8 bit only, masks are then png",
            "aliases": ["imgformat"],
        },
    )
    overwrite = Boolean(
        load_default=False,
        metadata={
            "description": "make every file again; else those that are newer than their image "
            "are kept",
            "aliases": ["force_redo"],
        },
    )


class GenerateMipMaps(StackEditModule):
    """Make reduced copies (mipmaps) of the images of a stack, and a stack that knows them."""

    default_schema = GenerateMipMapsParameters
    inputs = ("input_stack",)
    output = "output_stack"

    def prepare(self) -> None:
        """Share the threads of the machine among the sections that are worked on at once."""
        sections = len(self.select_zs())
        self.threads = max(1, self.args["pool_size"] // min(sections, self.args["pool_size"]))
        self.settings = MipMapSettings(
            Path(self.args["output_directory"]).resolve(),
            self.args["levels"],
            self.args["image_format"],
            self.args["overwrite"],
        )

    def edit(self, sections: tuple[ResolvedTiles, ...]) -> tuple[ResolvedTiles, dict[str, Any]]:
        """Write the mipmaps of one section, then put them into its tiles."""
        (section,) = sections
        tiles = section.tilespecs
        with ThreadPoolExecutor(self.threads) as pool:
            results = list(pool.map(lambda tile: _added_or_reason(tile, self.settings), tiles))
        reasons = [result for result in results if isinstance(result, str)]
        if reasons:
            raise RenderModuleException(
                f"mipmaps of {len(reasons)} of {len(tiles)} tiles cannot be made: {reasons[0]}"
            )
        counts = [result for result in results if isinstance(result, MipMapCount)]
        report = {
            "mipmaps": sum(count.files for count in counts),
            "ignored_masks": [reason for count in counts for reason in count.ignored_masks],
        }
        return ResolvedTiles(tilespecs=tiles, transformList=section.transforms), report


@dataclass(frozen=True)
class MipMapSettings:
    """Where the mipmaps go, how many levels, in which format, and whether all are made again."""

    directory: Path
    levels: int
    image_format: str
    overwrite: bool


@dataclass(frozen=True)
class MipMapCount:
    """Number of mipmap images of a tile, and the masks that do not fit its images."""

    files: int
    ignored_masks: tuple[str, ...]


def add_mipmaps(tile: TileSpec, settings: MipMapSettings) -> MipMapCount:
    """Write the mipmaps of every channel of a tile and add them to its pyramids, in place.

    The lowest level that the tile has is the source. Levels of the tile above those made stay.

    Raises
    ------
    RenderError
        The tile has no image, or one that cannot be read or written in the format asked for.
    """
    files, ignored = 0, []
    for pyramid in _pyramids(tile):
        if not pyramid.store:
            raise RenderModuleException(f"tile {tile.tileId} has no image")
        first = min(int(level) for level in pyramid.levels)
        source = pyramid[first]
        last = min(settings.levels, first + _halvings(tile, first))
        mask = None if source.maskUrl is None else _mask_problem(source)
        if mask:
            ignored.append(f"tile {tile.tileId}: {mask}")
        made = _write(source, range(first + 1, last + 1), first, settings, bool(mask))
        pyramid.update(made)
        files += len(made)
    return MipMapCount(files, tuple(ignored))


def _added_or_reason(tile: TileSpec, settings: MipMapSettings) -> MipMapCount | str:
    try:
        return add_mipmaps(tile, settings)
    except (RenderError, OSError) as error:
        return f"tile {tile.tileId}: {one_line(error)}"


def _pyramids(tile: TileSpec) -> Iterator[ImagePyramid]:
    if tile.channels:
        yield from (channel.ip for channel in tile.channels)
    else:
        yield tile.ip


def _halvings(tile: TileSpec, first: int) -> int:
    """How often the first image of a tile can be halved before a side has no pixels."""
    return max(0, int(min(tile.width, tile.height)).bit_length() - 1 - first)


def _mask_problem(source: MipMap) -> str | None:
    """Why a mask is not used: it is not as large as its image."""
    from renderapi.rendering.readers import read_info

    image = read_info(source.imageUrl, **_image_loader(source.loaders))
    mask = read_info(source.maskUrl, **_mask_loader(source.loaders))
    if (image.width, image.height) == (mask.width, mask.height):
        return None
    return (
        f"mask {source.maskUrl} is {mask.width} x {mask.height}, "
        f"its image {image.width} x {image.height} pixels"
    )


def _image_loader(loaders: Mapping[str, Any]) -> dict[str, Any]:
    return {"loader": loaders.get("imageLoaderType"), "slice": loaders.get("imageSliceNumber")}


def _mask_loader(loaders: Mapping[str, Any]) -> dict[str, Any]:
    return {"loader": loaders.get("maskLoaderType"), "slice": loaders.get("maskSliceNumber")}


def _write(
    source: MipMap, levels: range, first: int, settings: MipMapSettings, without_mask: bool
) -> dict[str, MipMap]:
    """Mipmaps by level. A mask of the wrong size, which drawing ignores, gets none."""
    from renderapi.rendering.mipmaps import write_mipmaps

    options = {"source_level": first, "overwrite": settings.overwrite}
    where = (levels, settings.directory, settings.image_format)
    images = write_mipmaps(source.imageUrl, *where, **_image_loader(source.loaders), **options)
    masks: dict[int, str] = {}
    if source.maskUrl is not None and not without_mask:
        loader = _mask_loader(source.loaders)
        masks = write_mipmaps(source.maskUrl, *where, mask=True, **loader, **options)
    return {
        str(level): MipMap(url, masks.get(level), **_kept_loader(source, masks.get(level)))
        for level, url in images.items()
    }


def _kept_loader(source: MipMap, mask: str | None) -> dict[str, Any]:
    """The loader of a computed mask goes on with its levels; files need none."""
    if mask is None or not mask.startswith("mask:"):
        return {}
    return {k: v for k, v in source.loaders.items() if k == "maskLoaderType"}


if __name__ == "__main__":
    GenerateMipMaps.main()
