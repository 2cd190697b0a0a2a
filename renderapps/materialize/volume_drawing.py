"""Boxes of a volume's finest level, drawn from the tiles of its sections at full scale."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

import renderapi
from renderapi.rendering.windows import box_parameters
from renderapi.volume.layout import Size3
from renderapps.materialize.reduction import add_piece
from renderapps.materialize.section_pictures import Window, touches
from renderapps.materialize.volume_job import Part, Plane, VolumeJob
from renderapps.materialize.volume_pyramid import type_of_sums

Json = dict[str, Any]

STRIP = 2048  # pixels of full scale that are drawn at once where voxels are means of them


class DrawnBox:
    """A part of the finest level, with the tiles that it shows."""

    def __init__(self, job: VolumeJob, part: Part) -> None:
        self.job = job
        self.channel = job.channels[part.channel]
        self._planes = job.planes[part.start[0] : part.stop[0]]
        self._first_plane = part.start[0]
        self._world = _world(job, part.start, part.stop)

    @cached_property
    def tiles(self) -> dict[float, list[Json]]:
        """Tiles of each section that touch the part."""
        return {
            z: _tiles_in(self.job, z, self._world)
            for z in sorted({z for plane in self._planes for z, _ in plane})
        }

    @cached_property
    def made_from(self) -> str:
        """Digest of what the pixels follow from: tiles, and their images' sizes and times."""
        digest = hashlib.blake2b(digest_size=16)
        digest.update(orjson.dumps([self._planes, self.channel]))
        for z, tiles in self.tiles.items():
            ends = self.job.ends.get((z, self.channel), ())
            times = [stamps(tile) for tile in tiles]
            digest.update(orjson.dumps([z, tiles, list(ends), times], option=orjson.OPT_SORT_KEYS))
        return digest.hexdigest()

    def values(self, start: Size3, stop: Size3) -> NDArray:
        """Voxels from `start` to `stop`: pixels at full scale, sums of pixels below it.

        Returns
        -------
        (z, y, x) array of the volume's type, or of sums
        """
        window = _world(self.job, start, stop)
        planes = [
            self._plane(self._planes[z - self._first_plane], start, stop, window)
            for z in range(start[0], stop[0])
        ]
        return planes[0][None] if len(planes) == 1 else np.stack(planes)

    def _plane(self, plane: Plane, start: Size3, stop: Size3, window: Window) -> NDArray:
        if self.job.layout.step == 1:
            return self._pixels(plane, window)
        step, size = self.job.layout.step, (stop[1] - start[1], stop[2] - start[2])
        sums = np.zeros(size, type_of_sums(self.job.layout, 0, step**2))
        if not plane:
            return sums
        origin = self.job.window
        for y, height in _strips(start[1], stop[1], step):
            for x, width in _strips(start[2], stop[2], step):
                piece = Window(origin.x + x, origin.y + y, width, height, 1.0)
                pixels = self._pixels(plane, piece)
                add_piece(sums, start[1:], pixels, (y, x), step)
        return sums

    def _pixels(self, plane: Plane, window: Window) -> NDArray:
        """Pixels of a plane at full scale; those of several sections by their weights."""
        if not plane:
            return np.zeros((window.height, window.width), self.job.layout.dtype)
        drawn = [(self._section(z, window), weight) for z, weight in plane]
        if len(drawn) == 1:
            return drawn[0][0]
        mixed = np.sum([pixels * weight for pixels, weight in drawn], axis=0)
        return np.floor(mixed + 0.5).astype(self.job.layout.dtype)

    def _section(self, z: float, window: Window) -> NDArray:
        """Pixels of a section, as the service would answer for the whole of the volume's box."""
        from renderapi.rendering import render_canvas
        from renderapi.rendering.output import to_rgb_over_black, to_values_16

        tiles = {tile["tileId"]: tile for tile in self.tiles[z] if touches(tile, window)}
        tiles |= {tile["tileId"]: tile for tile in self.job.ends.get((z, self.channel), ())}
        query = {k: v for k, v in self.job.query.items() if v is not None}
        if self.channel is not None:
            query["channels"] = self.channel
        document = box_parameters(
            list(tiles.values()),
            window.x,
            window.y,
            window.width,
            window.height,
            1.0,
            query,
            **self.job.stack_settings,
        )
        canvas = render_canvas(document, sources=self.job.sources)
        pixels = to_values_16 if self.job.layout.dtype == "uint16" else to_rgb_over_black
        return pixels(canvas)


def _world(job: VolumeJob, start: Size3, stop: Size3) -> Window:
    """Box of the world, in pixels of full scale, that voxels of level 0 are made of."""
    step = job.layout.step
    (y0, y1), (x0, x1) = (
        (math.floor(a * step + 1e-9), math.ceil(b * step - 1e-9))
        for a, b in zip(start[1:], stop[1:], strict=True)
    )
    return Window(job.window.x + x0, job.window.y + y0, x1 - x0, y1 - y0, 1.0)


def _tiles_in(job: VolumeJob, z: float, window: Window) -> list[Json]:
    """Tiles of a section that touch a box of the world."""
    found = renderapi.tilespec.get_tile_specs_from_box(
        job.stack,
        z,
        window.x - 1,
        window.y - 1,
        window.width + 2,
        window.height + 2,
        render=job.render,
    )
    return [tile.document(bounds=True) for tile in found]


def stamps(tile: Json) -> list[Any]:
    """Size and time of change of the images of a tile."""
    from renderapi.rendering.readers import local_stamp

    levels = [
        entry
        for source in (tile.get("channels") or [tile])
        for _, entry in sorted(source["mipmapLevels"].items())
    ]
    return [
        local_stamp(entry[url], entry.get(loader))
        for entry in levels
        for url, loader in (("imageUrl", "imageLoaderType"), ("maskUrl", "maskLoaderType"))
        if entry.get(url)
    ]


def _strips(start: int, stop: int, step: float) -> Iterator[tuple[int, int]]:
    """First pixel and number of pixels of full scale of the strips that voxels are made of."""
    first, last = math.floor(start * step + 1e-9), math.ceil(stop * step - 1e-9)
    size = max(1, int(STRIP // step)) * int(step) if step == int(step) else STRIP
    for pixel in range(first, last, size):
        yield pixel, min(size, last - pixel)
