"""Even out the contrast of electron micrographs: new images, and a stack that shows them."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Float, Int, OutputDir, Str
from marshmallow import ValidationError, validates, validates_schema
from marshmallow.validate import Range

from renderapi.errors import RenderError
from renderapi.files import atomic_path
from renderapi.urls import path_to_url, url_to_path
from renderapps.module import RenderModuleException
from renderapps.module.effort import IMAGES_WORTH_WORKERS
from renderapps.module.parallel import one_line
from renderapps.module.tile_documents import Json, Section, first_level
from renderapps.module.tile_edit import (
    TileEditModule,
    TileEditParameters,
)
from renderapps.tile.em_contrast import ContrastSettings, even_contrast

LISTED = 5


class FilterEMParameters(TileEditParameters):
    """Parameters of create_filtered_EM_images."""

    sat_pix = Float(
        load_default=0.2,
        validate=Range(0, 50, max_inclusive=False),
        metadata={"description": "percent of the pixels that become black, and as many white"},
    )
    contrast_adjust = Float(
        load_default=0.85,
        validate=Range(min=0, min_inclusive=False),
        metadata={"description": "contrast about grey 128 that the stretched image is given"},
    )
    clahe_size = Int(
        load_default=90,
        validate=Range(min=0),
        metadata={
            "description": "local equalisation (CLAHE): number of cells along each side; more "
            "cells, stronger effect; 0 leaves it out"
        },
    )
    clahe_clip_limit = Float(
        load_default=1.5,
        validate=Range(min=0, min_inclusive=False),
        metadata={"description": "its clip limit"},
    )
    vert_flip = Boolean(
        load_default=True, metadata={"description": "turn the image upside down at the end"}
    )
    invert = Boolean(load_default=True, metadata={"description": "black becomes white, first"})
    bilateral_diameter = Int(
        load_default=3,
        validate=Range(min=0),
        metadata={"description": "diameter of the bilateral filter in pixels; 0 leaves it out"},
    )
    sigma_color = Float(
        load_default=20.0,
        validate=Range(min=0),
        metadata={"description": "width of the bilateral filter in grey levels"},
    )
    sigma_space = Float(
        load_default=20.0,
        validate=Range(min=0),
        metadata={"description": "width of the bilateral filter in pixels"},
    )
    source_find = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "regular expression in the path of a tile's image; replaced by "
            "source_replace it gives the image to filter, where that is another one"
        },
    )
    source_replace = Str(load_default="", metadata={"description": r"see source_find; \1: group"})
    output_directory = OutputDir(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "folder of the new images: /data/a.png becomes data/a SUFFIX.tif below",
            "default_text": "beside the image of the tile",
        },
    )
    suffix = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "added to the name of the tile's image, before .tif",
            "default_text": "_flip, or _filtered without vert_flip",
        },
    )
    overwrite = Boolean(
        load_default=False,
        metadata={
            "description": "make every image again; else those are kept that are newer than their "
            "source and were made with the same settings",
            "aliases": ["force_redo"],
        },
    )

    @validates("source_find")
    def source_find_is_a_pattern(self, value: str | None, **_: Any) -> None:
        """The regular expression compiles."""
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValidationError(f"not a regular expression: {error}") from None

    @validates_schema
    def replacement_has_a_pattern(self, data: dict[str, Any], **_: Any) -> None:
        """source_replace does nothing alone."""
        if data["source_replace"] and data["source_find"] is None:
            raise ValidationError("needed with source_replace", "source_find")


class FilterEMModule(TileEditModule):
    """Each tile shows its filtered 8 bit image alone: other levels, made of the old one, go.

    Masks of tiles stay; where the image of the tile itself is turned upside down its mask is too.
    """

    default_schema = FilterEMParameters
    few_tiles = IMAGES_WORTH_WORKERS

    def prepare(self) -> None:
        """Share the settings and the threads among the sections that are worked on at once."""
        super().prepare()
        zs = self.select_zs()
        self.threads = max(1, self.args["pool_size"] // min(len(zs), self.processes_for(zs)))
        self.filter = FilterTask.of(self.args)

    def edit_documents(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """Filter the images of one section."""
        (section,) = sections
        with ThreadPoolExecutor(self.threads) as pool:
            results = list(pool.map(self.filter.attempt, section.tiles))
        reasons = [result for result in results if isinstance(result, str)]
        if reasons:
            more = f" and {len(reasons) - LISTED} more" if reasons[LISTED:] else ""
            raise RenderModuleException(
                f"{len(reasons)} of {len(section.tiles)} tiles cannot be filtered: "
                f"{'; '.join(reasons[:LISTED])}{more}"
            )
        made = sum(result for result in results if isinstance(result, int))
        return section, {"images_made": made}


@dataclass(frozen=True)
class FilterTask:
    """What is done with the images of a tile, and where the results go."""

    contrast: ContrastSettings
    directory: Path | None = None
    suffix: str = "_flip"
    overwrite: bool = False
    source: tuple[re.Pattern[str], str] | None = None
    stamp: str = field(default="", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "stamp", json.dumps(asdict(self.contrast), sort_keys=True))

    @classmethod
    def of(cls, args: dict[str, Any]) -> FilterTask:
        """Task that the parameters of the module describe."""
        names = ContrastSettings.__dataclass_fields__
        contrast = ContrastSettings(**{name: args[name] for name in names})
        find, folder = args["source_find"], args["output_directory"]
        return cls(
            contrast,
            None if folder is None else Path(folder).resolve(),
            args["suffix"] or ("_flip" if contrast.vert_flip else "_filtered"),
            args["overwrite"],
            None if find is None else (re.compile(find), args["source_replace"]),
        )

    def attempt(self, tile: Json) -> int | str:
        """Filter the images of a tile, in place; how many were made, or why it cannot be done."""
        try:
            holders = [tile, *(tile.get("channels") or ())]
            return sum(self._filter(h) for h in holders if h.get("mipmapLevels"))
        except (RenderError, RenderModuleException, OSError) as error:
            return f"tile {tile['tileId']}: {one_line(error)}"

    def _filter(self, holder: Json) -> int:
        """Filter the first level of a tile or channel, which becomes its only one."""
        found = first_level(holder)
        if found is None:
            raise RenderModuleException("it has no image")
        level, entry = found
        shown = entry["imageUrl"]
        source = self._source(shown)
        target = self._target(shown, source, entry.get("imageSliceNumber"))
        loader = {"loader": entry.get("imageLoaderType"), "slice": entry.get("imageSliceNumber")}
        made = self._write(source, target, loader)
        mask = entry.get("maskUrl")
        new = {"imageUrl": path_to_url(target)}
        new |= {k: v for k, v in entry.items() if k.startswith("mask") and v is not None}
        if mask and self.contrast.vert_flip and source == shown:
            new["maskUrl"] = self._flipped_mask(mask, target, entry)
            new.pop("maskLoaderType", None)
            new.pop("maskSliceNumber", None)
        holder["mipmapLevels"] = {level: new}
        if "maxIntensity" in holder:
            holder["minIntensity"], holder["maxIntensity"] = 0.0, 255.0
        return int(made)

    def _source(self, shown: str) -> str:
        """URL of the image to filter."""
        if self.source is None:
            return shown
        path = url_to_path(shown)
        text = shown if path is None else str(path)
        found, count = self.source[0].subn(self.source[1], text)
        if not count:
            raise RenderModuleException(f"source_find is not found in {text}")
        return found if path is None else path_to_url(found)

    def _target(self, shown: str, source: str, plane: int | None) -> Path:
        """File of the result; the pages of one file get numbers."""
        path = url_to_path(shown)
        if path is None:
            raise RenderModuleException(f"image {shown} is not a file of this machine")
        path = path.absolute()
        folder = path.parent
        if self.directory is not None:
            folder = self.directory / str(folder).lstrip("/")
        number = "" if plane is None else f"_{plane:05d}"
        target = folder / f"{path.stem}{number}{self.suffix}.tif"
        if target in (path, url_to_path(source)):
            raise RenderModuleException(f"{target} would be overwritten: give another suffix")
        return target

    def _write(self, source: str, target: Path, loader: dict[str, Any]) -> bool:
        """Write the filtered image unless it is there; whether it was written."""
        import tifffile

        from renderapi.rendering.sources import read_image

        if not self.overwrite and self._is_current(target, source):
            return False
        image = even_contrast(read_image(source, **loader), self.contrast)
        with atomic_path(target) as temporary:
            tifffile.imwrite(temporary, image, description=self.stamp, software=False)
        return True

    def _is_current(self, target: Path, source: str) -> bool:
        """Whether the image is there already; a file of somebody else's is an error."""
        if not target.exists():
            return False
        found = _description(target)
        if not found.startswith('{"bilateral_diameter"'):
            raise RenderModuleException(
                f"{target} is there and was not made by this module: give another suffix or "
                "output_directory, or overwrite"
            )
        path = url_to_path(source)
        is_newer = path is None or path.stat().st_mtime_ns <= target.stat().st_mtime_ns
        return is_newer and found == self.stamp

    def _flipped_mask(self, mask: str, target: Path, entry: Json) -> str:
        import numpy as np
        import tifffile

        from renderapi.rendering.sources import read_image

        loader, plane = entry.get("maskLoaderType"), entry.get("maskSliceNumber")
        pixels = read_image(mask, loader=loader, slice=plane)
        path = target.with_name(f"{target.stem}_mask.tif")
        with atomic_path(path) as temporary:
            tifffile.imwrite(temporary, np.ascontiguousarray(pixels[::-1]), software=False)
        return path_to_url(path)


def _description(path: Path) -> str:
    """ImageDescription of a TIFF file; empty for any other file."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            return file.pages.first.description
    except (OSError, tifffile.TiffFileError):
        return ""


if __name__ == "__main__":
    FilterEMModule.main()
