"""A stack whose tiles know reduced copies of their images, in a folder parallel to the raw one.

This is what the two modules add_downsample_to_render_project share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import Schema
from marshmallow.validate import Length

from renderapi.urls import path_to_url, url_to_path
from renderapps.dataimport.reduced_images import (
    LevelSpec,
    few_grey_levels,
    fitting,
    level_name,
    mask_levels,
    write_levels,
)
from renderapps.module import RenderModuleException, parameter
from renderapps.module.derived_images import Source
from renderapps.module.image_edit import ImageEditModule, holders
from renderapps.module.stack_edit import TileEditParameters
from renderapps.module.tile_documents import Json, Section, image_entries


class DownSampleParameters(TileEditParameters):
    """Parameters of modules that add reduced images to a stack."""

    convert_to_8bit = parameter(
        Boolean, "divide 16 bit images by 256; 8 bit images are kept as they are", default=True
    )
    path_find = parameter(
        Str,
        "part of the paths of the images that is replaced (its last one)",
        default="raw/data",
        validate=Length(min=1),
    )
    path_replace = parameter(
        Str,
        "what it is replaced with: the folder of the reduced images",
        default="processed/downsampled_images",
    )
    force_redo = parameter(
        Boolean,
        "make every file again; else those are kept that were made of the same image with the "
        "same settings",
        default=False,
        aliases=["overwrite"],
    )


@dataclass(frozen=True)
class ReductionPlan:
    """Which levels are made and where they go."""

    specs: tuple[LevelSpec, ...]
    path_find: str
    path_replace: str
    force_redo: bool = False

    def folder(self, image: Path) -> Path:
        """Folder of the reduced copies of an image."""
        before, found, after = str(image).rpartition(self.path_find)
        if not found:
            raise RenderModuleException(
                f"path_find {self.path_find!r} is not found in {image}: give another one"
            )
        return Path(before + self.path_replace + after).parent

    def add_levels(self, holder: Json) -> int:
        """Make the levels of a tile or channel; they replace those above its level 0."""
        entry = holder["mipmapLevels"].get("0")
        if entry is None or not entry.get("imageUrl"):
            raise RenderModuleException("it has no image of level 0")
        path = url_to_path(entry["imageUrl"])
        if path is None:
            raise RenderModuleException(f"{entry['imageUrl']} is not a file of this machine")
        source = Source.image(entry)
        folder, stem = self.folder(path.absolute()), source.stem(path)
        width, height, _ = source.info()
        specs = fitting(self.specs, width, height)
        paths, written = write_levels(source, targets(folder, stem, specs), redo=self.force_redo)
        mask = entry.get("maskUrl")
        stem = f"{stem}_{Path(url_to_path(mask) or mask).stem}" if mask else stem
        nearest = [replace(spec, method="nearest") for spec in specs]
        masks, more = mask_levels(entry, targets(folder, stem, nearest), self.force_redo)
        holder["mipmapLevels"] = {"0": entry} | {
            str(spec.level): {"imageUrl": path_to_url(paths[spec])} | masks.get(spec.level, {})
            for spec in specs
        }
        return written + more


def targets(folder: Path, stem: str, specs: Sequence[LevelSpec]) -> dict[LevelSpec, Path]:
    """File of each level."""
    return {spec: folder / level_name(stem, spec.level, spec.format) for spec in specs}


class DownSampleModule(ImageEditModule):
    """Images first, then the tiles that name them: write `levels()`."""

    default_schema: type[Schema] = DownSampleParameters

    def levels(self) -> Sequence[LevelSpec]:
        """The levels to make."""
        raise NotImplementedError(f"{type(self).__name__} has no levels()")

    def prepare(self) -> None:
        """Make the plan that all tiles share."""
        super().prepare()
        self.plan = ReductionPlan(
            tuple(self.levels()),
            self.args["path_find"],
            self.args["path_replace"],
            self.args["force_redo"],
        )

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Make the levels of a tile and put them into it."""
        return {"files": sum(map(self.plan.add_levels, holders(tile)))}

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with the levels of its tiles; a warning where few grey levels are left."""
        section, report = super().edit(sections)
        if any(spec.to_8_bit for spec in self.plan.specs):
            entries = [pair for tile in section.tiles for pair in image_entries(tile)]
            originals = [Source.image(entry) for level, entry in entries if level == "0"]
            warning = few_grey_levels(originals)
            report |= {"warning": warning} if warning else {}
        return section, report
