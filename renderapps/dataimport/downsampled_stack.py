"""A stack whose tiles know reduced copies of their images, in a folder parallel to the raw one.

This is what the two modules add_downsample_to_render_project share.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import Schema
from marshmallow.validate import Length

from renderapi.errors import RenderError
from renderapi.urls import path_to_url, url_to_path
from renderapps.dataimport.reduced_images import (
    LevelSpec,
    Source,
    few_grey_levels,
    fitting,
    level_name,
    mask_levels,
    write_levels,
)
from renderapps.module import RenderModuleException
from renderapps.module.effort import IMAGES_WORTH_WORKERS
from renderapps.module.parallel import one_line
from renderapps.module.tile_documents import Json, Section, image_entries
from renderapps.module.tile_edit import (
    TileEditModule,
    TileEditParameters,
)


class DownSampleParameters(TileEditParameters):
    """Parameters of modules that add reduced images to a stack."""

    convert_to_8bit = Boolean(
        load_default=True,
        metadata={"description": "divide 16 bit images by 256; 8 bit images are kept as they are"},
    )
    path_find = Str(
        load_default="raw/data",
        validate=Length(min=1),
        metadata={"description": "part of the paths of the images that is replaced (its last one)"},
    )
    path_replace = Str(
        load_default="processed/downsampled_images",
        metadata={"description": "what it is replaced with: the folder of the reduced images"},
    )
    force_redo = Boolean(
        load_default=False,
        metadata={
            "description": "make every file again; else those that are newer than their image "
            "are kept",
            "aliases": ["overwrite"],
        },
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

    def refuse_shared_names(self, tiles: Sequence[Json]) -> None:
        """Refuse a.tif beside a.png: their reduced copies would have one name."""
        seen: dict[Path, str] = {}
        for tile in tiles:
            for level, entry in image_entries(tile):
                path = url_to_path(entry.get("imageUrl") or "http:")
                if level != "0" or path is None or self.path_find not in str(path):
                    continue
                name = self.folder(path.absolute()) / _stem(path, Source.image(entry))
                known = seen.setdefault(name, entry["imageUrl"])
                if url_to_path(known) != path:
                    raise RenderModuleException(
                        f"{path} and {known} would get reduced copies of one name; rename one"
                    )

    def attempt(self, tile: Json) -> int | str:
        """Make the levels of a tile and its channels, in place; number of files, or a reason."""
        try:
            holders = [tile, *(tile.get("channels") or ())]
            return sum(self.add_levels(h) for h in holders if h.get("mipmapLevels"))
        except (RenderError, OSError) as error:
            return f"tile {tile['tileId']}: {one_line(error)}"

    def add_levels(self, holder: Json) -> int:
        """Make the levels of a tile or channel; they replace those above its level 0."""
        entry = holder["mipmapLevels"].get("0")
        if entry is None or not entry.get("imageUrl"):
            raise RenderModuleException("it has no image of level 0")
        path = url_to_path(entry["imageUrl"])
        if path is None:
            raise RenderModuleException(f"{entry['imageUrl']} is not a file of this machine")
        source = Source.image(entry)
        folder, stem = self.folder(path.absolute()), _stem(path, source)
        width, height, _ = source.info()
        specs = fitting(self.specs, width, height)
        targets = {spec: folder / level_name(stem, spec.level, spec.format) for spec in specs}
        written = write_levels(source, targets, overwrite=self.force_redo)
        masks, more = mask_levels(entry, folder, stem, specs, self.force_redo)
        holder["mipmapLevels"] = {"0": entry} | {
            str(spec.level): {"imageUrl": path_to_url(target)} | masks.get(spec.level, {})
            for spec, target in targets.items()
        }
        return written + more


def _stem(path: Path, source: Source) -> str:
    """Name of the levels of an image: of one slice of a file, with its number."""
    return path.stem if source.slice is None else f"{path.stem}_{source.slice:05d}"


class DownSampleModule(TileEditModule):
    """Images first, then the tiles that name them: write `levels()`."""

    default_schema: type[Schema] = DownSampleParameters
    few_tiles = IMAGES_WORTH_WORKERS

    def levels(self) -> Sequence[LevelSpec]:
        """The levels to make."""
        raise NotImplementedError(f"{type(self).__name__} has no levels()")

    def prepare(self) -> None:
        """Share the plan and the threads among the sections that are worked on at once."""
        super().prepare()
        zs = self.select_zs()
        self.threads = max(1, self.args["pool_size"] // min(len(zs), self.processes_for(zs)))
        self.plan = ReductionPlan(
            tuple(self.levels()),
            self.args["path_find"],
            self.args["path_replace"],
            self.args["force_redo"],
        )

    def edit_documents(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """Make the levels of one section and put them into its tiles."""
        (section,) = sections
        self.plan.refuse_shared_names(section.tiles)
        with ThreadPoolExecutor(self.threads) as pool:
            results = list(pool.map(self.plan.attempt, section.tiles))
        reasons = [result for result in results if isinstance(result, str)]
        if reasons:
            raise RenderModuleException(
                f"{len(reasons)} of {len(section.tiles)} tiles cannot be reduced: {reasons[0]}"
            )
        report: dict[str, Any] = {"files": sum(n for n in results if isinstance(n, int))}
        if any(spec.to_8_bit for spec in self.plan.specs):
            entries = [pair for tile in section.tiles for pair in image_entries(tile)]
            originals = [Source.image(entry) for level, entry in entries if level == "0"]
            warning = few_grey_levels(originals)
            report |= {"warning": warning} if warning else {}
        return section, report
