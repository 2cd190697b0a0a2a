"""Let neighbouring tiles agree in brightness where they overlap: no seams in the mosaic."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Int, OutputDir, Str
from marshmallow.validate import Range

from renderapi.errors import RenderError
from renderapps.intensity_correction.balance import (
    Balance,
    balanced,
    require_connected,
    seams,
)
from renderapps.intensity_correction.corrected_images import (
    CycleParameters,
    file_name,
    image_of,
    in_cycle,
)
from renderapps.intensity_correction.flat_field import as_type
from renderapps.intensity_correction.overlaps import Overlap, ReducedTile, overlaps, reduced
from renderapps.module import OutputStack, RenderModuleException, Section, TaskFailure, parameter
from renderapps.module.derived_images import DerivedImage, Source, make_missing, show_alone
from renderapps.module.image_edit import ImageEditModule
from renderapps.module.mask_check import ignored_masks, masks_text
from renderapps.module.stack_edit import TileEditParameters
from renderapps.module.tile_documents import Json, first_level
from renderapps.stack.remapping import exact_z


class BalanceIntensitiesParameters(CycleParameters, TileEditParameters):
    """Parameters of balance_intensities."""

    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])
    output_directory = parameter(
        OutputDir,
        "folder of the new images, OUTPUT-STACK_ZZZZ_NAME; where that file has "
        "other content, 12 digits follow",
    )
    gain = parameter(Boolean, "match contrast too; else only brightness", default=True)
    degree = parameter(
        Int,
        "order of the polynomial in x and y that is added to each tile; 0: one number",
        default=2,
        validate=Range(0, 4),
    )
    across_sections = parameter(
        Boolean, "match neighbouring sections too, less strictly", default=True
    )
    block = parameter(
        Int,
        "tiles are compared by the means of squares of so many pixels",
        default=8,
        validate=Range(1, 256),
    )
    channel = parameter(
        Str,
        "channel to balance; the others stay as they are",
        default=None,
        default_text="none: the image of the tile itself, and the channel that shows it",
    )


class BalanceIntensities(ImageEditModule):
    """Every tile becomes gain * v + offset(x, y), found from all overlaps of all sections at once.

    The mean of all tiles stays what it is. Values are rounded and cut off at the limits of the
    pixel type, which stays. New images are made, since a picture of several tiles has one display
    range and not that of each.
    """

    default_schema = BalanceIntensitiesParameters

    def output_of(self, role: str, stack: str) -> OutputStack:
        """The output, recorded as a step of the processing."""
        return in_cycle(super().output_of(role, stack), self.args)

    def fill(self) -> list[dict[str, Any]]:
        """Measure all overlaps and solve, then write the sections."""
        self.ignored_masks: list[Json] = []
        names, levels, found = self.measure()
        if self.ignored_masks:
            self.logger.warning("%s", masks_text(self.ignored_masks))
        groups = require_connected(names, found)
        balances = balanced(len(names), found, self.args["degree"], self.args["gain"], levels)
        self.balances = dict(zip(names, balances, strict=True))
        self.solution = {
            "overlaps": len(found),
            "seams_before": summary(seams([o for o in found if not o.across])),
            "seams_after": summary(seams([o for o in found if not o.across], balances)),
            "unconnected_tiles": [name for group in groups[1:] for name in group],
            "ignored_masks": self.ignored_masks,
        }
        return super().fill()

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """How large the steps between tiles were, and are."""
        return self.solution

    def measure(self) -> tuple[list[str], np.ndarray, list[Overlap]]:
        """Ids of all tiles, their mean values, and the overlaps between them."""
        names: list[str] = []
        levels: list[float] = []
        found: list[Overlap] = []
        before: list[ReducedTile] = []
        for tiles, masks in self.reduced_sections():
            self.ignored_masks += masks
            first, first_before = len(names), len(names) - len(before)
            found += overlaps(tiles, first=first)
            if self.args["across_sections"] and before:
                found += overlaps(before, tiles, first_before, first)
            names += [tile.tile_id for tile in tiles]
            levels += [float(np.nanmean(tile.means)) for tile in tiles]
            before = tiles
        return names, np.array(levels), found

    def reduced_sections(self) -> Iterator[tuple[list[ReducedTile], list[Json]]]:
        """The reduced tiles of every section, and masks that do not count.

        On a cluster some sections ahead of what is asked for.
        """
        if not self.args["dask_scheduler"]:
            yield from map(self.reduced_section, self.zs)
            return
        number = 4 * self.at_once()
        for start in range(0, len(self.zs), number):
            zs = self.zs[start : start + number]
            for result in self.map_tasks(partial(_reduced_section, self), zs, "measuring"):
                if isinstance(result, TaskFailure):
                    raise RenderModuleException(f"z={result.item:g}: {result.reason}")
                yield result

    def reduced_section(self, z: float) -> tuple[list[ReducedTile], list[Json]]:
        """The reduced tiles of a section, and masks that do not count."""
        section = self.read(self.args["input_stack"], z)
        return self.reduce(section), ignored_masks(section.tiles)

    def reduce(self, section: Section) -> list[ReducedTile]:
        """The tiles of a section, reduced, as many at once as there may be processes."""

        def read(tile: Json) -> ReducedTile:
            try:
                level, entry = self.shown(tile)
                made = reduced(tile, entry, level, section.transforms, self.args["block"])
                if not np.isfinite(made.means).any():
                    raise RenderModuleException("its mask hides all of it")
                return made
            except (RenderError, OSError) as error:
                raise RenderModuleException(f"tile {tile['tileId']}: {error}") from error

        on_cluster = self.args["dask_scheduler"] is not None  # which has a thread for each section
        with ThreadPoolExecutor(1 if on_cluster else self.args["pool_size"]) as pool:
            return list(pool.map(read, section.tiles))

    def shown(self, tile: Json) -> tuple[int, Json]:
        """Level and entry of the image of a tile that counts."""
        holder = self.holders(tile)[0]
        found = first_level(holder)
        if found is None:
            raise RenderModuleException("it has no image")
        return int(found[0]), found[1]

    def holders(self, tile: Json) -> list[Json]:
        """What of a tile shows the image that is balanced."""
        channel = self.args["channel"]
        channels = tile.get("channels") or []
        if channel is None:
            own = image_of(tile)
            return [tile, *(c for c in channels if own is not None and image_of(c) == own)]
        named = [c for c in channels if c["name"] == channel]
        if not named:
            raise RenderModuleException(f"it has no channel {channel}")
        return [*named, *([tile] if image_of(tile) == image_of(named[0]) else [])]

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Let a tile show its balanced image."""
        balance = self.balances[tile["tileId"]]
        made = 0
        for holder in self.holders(tile):
            made += self.write_image(holder, balance, tile["z"])
        entry = {"tileId": tile["tileId"], "gain": balance.gain, "offset": balance.offset.tolist()}
        return {"images_made": made, "balances": [entry]}

    def write_image(self, holder: Json, balance: Balance, z: float) -> int:
        """Make the balanced image of a tile or channel; how many were made now."""
        found = first_level(holder)
        if found is None:
            raise RenderModuleException("it has no image")
        source = Source.image(found[1])
        folder = Path(self.args["output_directory"]).absolute()
        target = folder / f"{self.output_stack}_{exact_z(z)}_{file_name(source)}"
        recipe = {
            "made": "balanced",
            "gain": balance.gain,
            "offset": balance.offset.tolist(),
        }

        def make(_: Any) -> list[np.ndarray]:
            pixels = source.read()
            return [as_type(balance.apply(pixels), pixels.dtype)]

        paths, made = make_missing({0: DerivedImage(source, recipe, target)}, make)
        show_alone(holder, found[0], paths[0])
        return made


def summary(steps: np.ndarray) -> dict[str, Any]:
    """Median and greatest step between overlapping tiles, grey levels."""
    if not len(steps):
        return {"median": None, "max": None}
    return {"median": float(np.median(steps)), "max": float(steps.max())}


def _reduced_section(module: BalanceIntensities, z: float) -> tuple[list[ReducedTile], list[Json]]:
    return module.reduced_section(z)


if __name__ == "__main__":
    BalanceIntensities.main()
