"""Modules that make one image of all images of a range of sections: write `reference(images)`.

The output stack has one tile in every section, so that a correction finds its image by z. It is the
first tile of that section, which shows the new image alone, behind its mask.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from argschema.fields import Float, Int, OutputDir, Str
from marshmallow import ValidationError, validates
from numpy.typing import NDArray

from renderapi.errors import RenderError
from renderapps.intensity_correction.corrected_images import CycleParameters, in_cycle
from renderapps.module import OutputStack, RenderModuleException, Section, parameter
from renderapps.module.derived_images import DerivedImage, Source, make_missing, show_alone
from renderapps.module.image_edit import holders
from renderapps.module.stack_edit import StackEditModule, TileEditParameters
from renderapps.module.tile_documents import Json, first_level
from renderapps.stack.remapping import exact_z

AHEAD = 4
SEED = 20180827
Image = tuple[str, Source]  # of which tile
OWN = ""


class ReferenceImageParameters(CycleParameters, TileEditParameters):
    """Parameters of a module that makes one image of many."""

    output_stack = parameter(
        Str, "stack to make: in every section one tile with the image", aliases=["outputStack"]
    )
    output_directory = parameter(
        OutputDir,
        "folder of the images, PREFIX_OUTPUT-STACK_Z.tif, with channels "
        "PREFIX_OUTPUT-STACK_CHANNEL_Z.tif; where that file has other content, 12 digits follow",
    )
    minZ = parameter(Float, "first z", aliases=["zmin", "minz", "zstart"])
    maxZ = parameter(Float, "last z, inclusive", aliases=["zmax", "maxz", "zend"])
    num_images = parameter(Int, "take so many of the images, by chance; -1: all", default=-1)

    @validates("num_images")
    def some_images(self, value: int, **_: Any) -> None:
        """All images, or some."""
        if value != -1 and value < 1:
            raise ValidationError("must be -1 (all) or at least 1")


@dataclass(frozen=True)
class ManySources(Source):
    """All the images that one is made of."""

    sources: tuple[Source, ...] = ()

    def identity(self) -> Json:
        """What tells them from others, and from themselves after a change."""
        text = json.dumps([source.identity() for source in self.sources], sort_keys=True)
        return {"images": len(self.sources), "hash": hashlib.sha256(text.encode()).hexdigest()}


class ReferenceImageModule(StackEditModule):
    """One image of each channel for all sections; of tiles without channels one of their own."""

    tile_inputs = 0
    moves_tiles = False
    settings: ClassVar[tuple[str, ...]] = ("num_images",)
    made: ClassVar[str] = "reference"

    def reference(self, images: Iterator[NDArray], count: int) -> dict[str, NDArray]:
        """The image that belongs to each output; `images` comes once, all of one size and type."""
        raise NotImplementedError(f"{type(self).__name__} has no reference()")

    def output_of(self, role: str, stack: str) -> OutputStack:
        """An output, recorded as a step of the processing."""
        return in_cycle(super().output_of(role, stack), self.args)

    def fill(self) -> list[dict[str, Any]]:
        """Make the images, then the sections that show them."""
        images, self.paths = self.images_by_channel(), {}
        self.made_of: dict[str, Json] = {}
        for channel, found in images.items():
            chosen = subsample(found, self.args["num_images"])
            self.paths[channel] = self.make(channel, chosen)
            self.made_of[channel] = {
                "images": len(chosen),
                "files": sorted({str(p) for by_z in self.paths[channel].values() for p in by_z}),
            }
        return super().fill()

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """Of what each channel's image is made, and where it is."""
        return {"made_of": self.made_of}

    def images_by_channel(self) -> dict[str, list[Image]]:
        """All images of the sections; the own one of a tile only where it has no channels."""
        found: dict[str, list[Image]] = {}
        for z in self.zs:
            for tile in self.read(self.args["input_stack"], z).tiles:
                for holder in reference_holders(tile):
                    level = first_level(holder)
                    if level is not None:
                        image = tile["tileId"], Source.image(level[1])
                        found.setdefault(holder.get("name", OWN), []).append(image)
        if not found:
            raise RenderModuleException(f"no tile of {self.args['input_stack']} has an image")
        return found

    def make(self, channel: str, images: Sequence[Image]) -> dict[float, list[Path]]:
        """The files of a channel for each z, one for each output."""
        recipe = {"made": self.made, **{name: self.args[name] for name in self.settings}}
        source = ManySources(url=channel, sources=tuple(source for _, source in images))
        roles = list(self.outputs_by_role)
        wanted = {
            (z, role): DerivedImage(
                source, recipe | {"role": role}, self.target_path(role, channel, z)
            )
            for z in self.zs
            for role in roles
        }

        def pixels(missing: Sequence[tuple[float, str]]) -> Iterator[NDArray]:
            made = self.reference(self.read_images(images), len(images))
            return (made[role] for _, role in missing)

        paths, _ = make_missing(wanted, pixels)
        return {z: [paths[z, role] for role in roles] for z in self.zs}

    def target_path(self, role: str, channel: str, z: float) -> Path:
        """Where the image of a channel goes if that name is free."""
        stack = self.outputs_by_role[role].stack
        number = exact_z(z, 1)
        parts = [self.args["file_prefix"], stack, *([channel] if channel else []), number]
        return Path(self.args["output_directory"]).absolute() / f"{'_'.join(parts)}.tif"

    def read_images(self, images: Sequence[Image]) -> Iterator[NDArray]:
        """The images, some of them read ahead; an error names the tile of one that is different."""
        first: tuple[str, tuple[int, ...], Any] | None = None
        with ThreadPoolExecutor(self.args["pool_size"]) as pool:
            for name, pixels in _ahead(pool, images, self.args["pool_size"] + AHEAD):
                if pixels.ndim != 2:
                    raise RenderModuleException(
                        f"tile {name}: its image is {pixels.shape}, not a grey one"
                    )
                first = first or (name, pixels.shape, pixels.dtype)
                _require_alike((name, pixels.shape, pixels.dtype), first)
                yield pixels

    def edit(self, sections: tuple[Section, ...]) -> Any:
        """The first tile of the section, once for each output."""
        (section,) = sections
        template = section.tiles[0]
        outputs = {}
        for number, role in enumerate(self.outputs_by_role):
            tile = json.loads(json.dumps(template))
            for holder in reference_holders(tile):
                level = first_level(holder)
                if level is not None:
                    path = self.paths[holder.get("name", OWN)][section.z][number]
                    show_alone(holder, level[0], path)
            self.show_first_channel(tile)
            outputs[role] = Section(section.z, [tile], dict(section.transforms))
        return outputs

    @staticmethod
    def show_first_channel(tile: Json) -> None:
        """Let a tile of channels show the image of one of them, as it did."""
        channels = [c for c in tile.get("channels") or () if c.get("mipmapLevels")]
        if channels and tile.get("mipmapLevels"):
            shown = first_level(channels[0])
            own = first_level(tile)
            if shown is not None and own is not None:
                masks = {k: v for k, v in own[1].items() if k.startswith("mask") and v}
                tile["mipmapLevels"] = {own[0]: {**shown[1], **masks}}


def reference_holders(tile: Json) -> list[Json]:
    """What of a tile has images that count: its channels, or itself where it has none."""
    found = list(holders(tile))
    channels = [holder for holder in found if holder is not tile]
    return channels or found


def subsample(images: Sequence[Image], count: int) -> list[Image]:
    """So many of them by chance, always the same ones, in their order; -1: all."""
    if count < 0 or count >= len(images):
        return list(images)
    chosen = np.random.default_rng(SEED).choice(len(images), count, replace=False)
    return [images[index] for index in sorted(chosen)]


def _read(image: Image) -> tuple[str, NDArray]:
    tile, source = image
    try:
        return tile, source.read()
    except (RenderError, OSError) as error:
        raise RenderModuleException(f"tile {tile}: {error}") from error


def _ahead(
    pool: ThreadPoolExecutor, images: Sequence[Image], number: int
) -> Iterator[tuple[str, NDArray]]:
    """The images in their order, no more than `number` in memory."""
    waiting: deque[Future[tuple[str, NDArray]]] = deque()
    for image in images:
        waiting.append(pool.submit(_read, image))
        if len(waiting) >= number:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _require_alike(image: tuple[str, Any, Any], first: tuple[str, Any, Any]) -> None:
    if image[1:] != first[1:]:
        (name, shape, dtype), (other, *expected) = image, first
        raise RenderModuleException(
            f"tile {name}: its image is {shape[1]} x {shape[0]} {dtype}, that of tile {other} "
            f"{expected[0][1]} x {expected[0][0]} {expected[1]}: they have no pixels in common"
        )
