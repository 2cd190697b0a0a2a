"""What workers need to write a part of a volume; and how the volume is cut into such parts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import renderapi
from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.formats import formats
from renderapps.materialize.place import Place
from renderapps.materialize.section_pictures import Window
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.materialize.volume_pyramid import next_box, type_of_sums

if TYPE_CHECKING:
    from renderapi.rendering import SourceCache

Json = dict[str, Any]
Plane = tuple[tuple[float, float], ...]
"""The sections that a plane is made of, each (z, weight); empty for a blank plane."""

MOST_SUMS = 64 << 20
TASKS_PER_WORKER = 3


class Part(NamedTuple):
    """A box of the first level of a pass: one task."""

    number: int
    channel: int
    start: Size3
    stop: Size3

    @property
    def voxels(self) -> int:
        """How many it has."""
        return math.prod(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def name(self) -> str:
        """Of its record."""
        return "-".join(map(str, (self.number, self.channel, *self.start)))

    @property
    def label(self) -> str:
        """What people call it: which level or pass, and where it begins."""
        z, y, x = self.start
        return f"{'level' if self.number else 'plane'}-{z}-y-{y}-x-{x}"


@dataclass(frozen=True)
class Pass:
    """Levels that are made together, part by part; the first one is drawn, or made of sums.

    Attributes
    ----------
    first, last : int
        Levels.
    block : (z, y, x)
        Size of a part in voxels of the first level.
    """

    first: int
    last: int
    block: Size3


@dataclass(frozen=True)
class VolumeJob:
    """An export, as workers see it.

    Attributes
    ----------
    target, work : Place
        Files of the volume; records of what is finished, and sums between passes.
    scratch : str
        Folder of this machine for files that are being written.
    planes : tuple of Plane
    channels : tuple of str or None
        Channel of each index of the channel axis; (None,) without one.
    ends : mapping of (z, channel) to tile specs
        First and last tile of a section in painting order: they decide its pixel type and display
        range, whichever part of it is drawn.
    query, stack_settings : mapping
        Render query parameters, and what the stack adds to them.
    """

    render: renderapi.Render
    stack: str
    format_name: str
    layout: VolumeLayout
    window: Window
    planes: tuple[Plane, ...]
    channels: tuple[str | None, ...]
    query: Mapping[str, Any]
    stack_settings: Mapping[str, Any]
    target: Place
    work: Place
    passes: tuple[Pass, ...]
    ends: Mapping[tuple[float, str | None], Sequence[Json]] = field(repr=False)

    @property
    def format(self) -> VolumeFormat:
        """Description of the format."""
        return formats()[self.format_name]

    @cached_property
    def sources(self) -> SourceCache:
        """Source images that a process keeps from part to part, as long as the job lasts."""
        from renderapi.rendering import SourceCache

        return SourceCache()

    def __getstate__(self) -> Json:
        """What travels to workers: each has source images of its own."""
        return {name: value for name, value in vars(self).items() if name != "sources"}

    @property
    def weight(self) -> float:
        """Pixels of full scale to a voxel of level 0."""
        return self.layout.step**2

    def voxels(self, number: int) -> int:
        """Voxels of the first level of a pass."""
        shape = self.layout.level_shape(self.passes[number].first)
        return self.layout.channel_count * math.prod(shape)

    def part_count(self, number: int) -> int:
        """How many parts a pass has."""
        work = self.passes[number]
        sizes = zip(self.layout.level_shape(work.first), work.block, strict=True)
        return self.layout.channel_count * math.prod(-(-a // n) for a, n in sizes)

    def parts(self, number: int) -> Iterator[Part]:
        """Parts of a pass, section by section."""
        work = self.passes[number]
        shape = self.layout.level_shape(work.first)
        for channel in range(self.layout.channel_count):
            for start in boxes(shape, work.block):
                yield Part(number, channel, start, box_end(start, work.block, shape))


def with_small_ones_last(parts: Sequence[Part], count: int) -> list[Part]:
    """The parts with the last `count` from large to small, so that all workers end together."""
    first = max(0, len(parts) - count)
    last = sorted(parts[first:], key=lambda part: part.voxels, reverse=True)
    return [*parts[:first], *last]


def boxes(shape: Sequence[int], size: Size3, first: Size3 = (0, 0, 0)) -> Iterator[Size3]:
    """Starts of the boxes that a volume is cut into, in the order z, y, x."""
    for z in range(first[0], shape[0], size[0]):
        for y in range(first[1], shape[1], size[1]):
            for x in range(first[2], shape[2], size[2]):
                yield z, y, x


def box_end(start: Size3, size: Size3, stop: Sequence[int]) -> Size3:
    """Where a box ends that is cut off at `stop`."""
    z, y, x = (min(a + n, b) for a, n, b in zip(start, size, stop, strict=True))
    return z, y, x


def planned_passes(form: VolumeFormat, layout: VolumeLayout, workers: int) -> tuple[Pass, ...]:
    """Passes over a volume: as many levels at once as leave work for every worker.

    The sums that a part holds in memory, of all levels but the first, take at most as much as
    `MOST_SUMS` or four times its cell, whichever is more.
    """
    passes: list[Pass] = []
    first = 0
    while first < layout.level_count:
        depth = 0
        while first + depth + 1 < layout.level_count and _fits(
            form, layout, first, depth + 1, workers
        ):
            depth += 1
        passes.append(Pass(first, first + depth, _block(form, layout, first, depth)))
        first += depth + 1
    return tuple(passes)


def _block(form: VolumeFormat, layout: VolumeLayout, first: int, depth: int) -> Size3:
    cell = form.cell(layout, first)
    z, y, x = (n * f for n, f in zip(cell, layout.scale_of(depth), strict=True))
    return z, y, x


def _fits(form: VolumeFormat, layout: VolumeLayout, first: int, depth: int, workers: int) -> bool:
    block, shape = _block(form, layout, first, depth), layout.level_shape(first)
    count = layout.channel_count * sum(1 for _ in boxes(shape, block))
    fewer = _block(form, layout, first, depth - 1)
    before = layout.channel_count * sum(1 for _ in boxes(shape, fewer))
    if count < TASKS_PER_WORKER * workers and count < before:
        return False
    for level in range(first + 1, first + depth + 1):
        cell = form.cell(layout, level)
        scale = layout.scale_of(level - first)
        for n, factor, own, size in zip(block, scale, cell, layout.level_shape(level), strict=True):
            if own < size and (n % factor or (n // factor) % own):
                return False
    most = max(MOST_SUMS, 4 * cell_bytes(form, layout, first))
    return bytes_of_sums(layout, Pass(first, first + depth, block)) <= most


def cell_bytes(form: VolumeFormat, layout: VolumeLayout, level: int) -> int:
    """Bytes of the voxels that are written at once."""
    pairs = zip(form.cell(layout, level), layout.level_shape(level), strict=True)
    count = int(np.prod([min(cell, size) for cell, size in pairs], dtype=np.int64))
    return count * np.dtype(layout.dtype).itemsize


def bytes_of_sums(layout: VolumeLayout, work: Pass) -> int:
    """Bytes of the sums that a part of a pass holds."""
    shape = layout.level_shape(work.first)
    start: Size3 = (0, 0, 0)
    stop = box_end(start, work.block, shape)
    total = 0
    for level in range(work.first + 1, min(work.last + 2, layout.level_count)):
        start, stop = next_box(start, stop, layout.factors)
        itemsize = type_of_sums(layout, level, layout.step**2).itemsize
        total += int(np.prod(stop, dtype=np.int64)) * itemsize
    return total
