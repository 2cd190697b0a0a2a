"""What a volume is, whatever format it is written in: sizes, levels, places, channels.

Triples are in the order z, y, x. Index (z, y, x) of level 0 is the pixel centre at
`origin_nm + index * voxel_nm`. A voxel of level n is the mean of the voxels of level 0 that it
covers, 2^n along y and x (and z where `halve_z`), rounded to the nearest integer, halves up; at an
end, of those that are there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError

Size3 = tuple[int, int, int]
Length3 = tuple[float, float, float]

SPACE_AXES = ("z", "y", "x")
LEVEL_LIMIT = 512
_COLORS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")


@dataclass(frozen=True)
class VolumeLayout:
    """Everything about a volume but its pixels.

    Attributes
    ----------
    shape : (int, int, int)
        Size of level 0.
    dtype : str
        "uint8" or "uint16".
    voxel_nm, origin_nm : (float, float, float)
        Size of a level 0 voxel and place of the centre of its first one, in nanometres.
    no_unit : tuple of str
        Axes ("z", "y", "x") of which no length is known: their voxels count pixels.
    channels : tuple of str
        Names of the channels; empty for a volume without a channel axis.
    windows : tuple of (float, float)
        Display range of each channel (of the only one where there is no channel axis).
    colors : tuple of str
        RRGGBB of each channel; empty: white for one, a fixed row of colours for several.
    chunk, shard : (int, int, int)
        What is compressed together, and what is written at once (one file where sharded).
    levels : int or None
        Number of resolution levels with level 0; None: until the larger side is at most 512.
    halve_z : bool
        Whether z is halved from level to level too.
    encoding : str
        How pixels are compressed; which there are depends on the format.
    sharded : bool
        Whether many chunks make up one file.
    name : str
        Of the volume; that of its stack.
    zs : tuple of float
        z of each plane, for formats that name planes; empty: their numbers.
    step : float
        Pixels of full scale along the side of a voxel of level 0.
    """

    shape: Size3
    dtype: str
    voxel_nm: Length3
    origin_nm: Length3 = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    colors: tuple[str, ...] = ()
    chunk: Size3 = (1, 512, 512)
    shard: Size3 = (1, 2048, 2048)
    levels: int | None = None
    halve_z: bool = False
    no_unit: tuple[str, ...] = ()
    encoding: str = "zstd"
    sharded: bool = True
    name: str = "volume"
    zs: tuple[float, ...] = field(default=(), repr=False)
    step: float = 1.0

    def __post_init__(self) -> None:
        if any(s % c for s, c in zip(self.shard, self.chunk, strict=True)):
            raise SpecError(
                f"a shard {list(self.shard)} must be a whole number of chunks {list(self.chunk)}"
            )

    @property
    def factors(self) -> Size3:
        """By how much each axis shrinks from level to level."""
        return (2 if self.halve_z else 1, 2, 2)

    @property
    def channel_count(self) -> int:
        """Number of channels, at least 1."""
        return max(1, len(self.channels))

    @property
    def level_count(self) -> int:
        """Number of levels."""
        if self.levels is not None:
            return self.levels
        return 1 + max(0, math.ceil(math.log2(max(self.shape[1:]) / LEVEL_LIMIT)))

    def scale_of(self, level: int) -> Size3:
        """How many voxels of level 0 a voxel of a level covers along each axis."""
        z, y, x = (factor**level for factor in self.factors)
        return z, y, x

    def known(self, lengths: Length3) -> tuple[float | None, ...]:
        """Lengths along z, y and x; None along an axis without a unit."""
        pairs = zip(SPACE_AXES, lengths, strict=True)
        return tuple(None if axis in self.no_unit else length for axis, length in pairs)

    def level_shape(self, level: int) -> Size3:
        """Size of a level: halves are rounded up."""
        z, y, x = (-(-n // f) for n, f in zip(self.shape, self.scale_of(level), strict=True))
        return z, y, x

    def level_voxel_nm(self, level: int) -> Length3:
        """Size of a voxel of a level."""
        z, y, x = (v * f for v, f in zip(self.voxel_nm, self.scale_of(level), strict=True))
        return z, y, x

    def level_origin_nm(self, level: int) -> Length3:
        """Centre of the first voxel of a level: the middle of the voxels that it is the mean of."""
        z, y, x = (
            o + v * (f - 1) / 2
            for o, v, f in zip(self.origin_nm, self.voxel_nm, self.scale_of(level), strict=True)
        )
        return z, y, x

    def grid(self, level: int) -> tuple[Size3, Size3]:
        """Chunk and shard of a level: no larger than it needs."""
        shape = self.level_shape(level)
        chunk = [min(c, s) for c, s in zip(self.chunk, shape, strict=True)]
        shard = [
            min(whole // piece, -(-size // cut)) * cut
            for whole, piece, size, cut in zip(self.shard, self.chunk, shape, chunk, strict=True)
        ]
        return (chunk[0], chunk[1], chunk[2]), (shard[0], shard[1], shard[2])

    def covered(self, level: int, axis: int, start: int, stop: int) -> NDArray[np.int64]:
        """How many voxels of level 0 those from `start` to `stop` of a level cover on an axis."""
        size, factor = self.shape[axis], self.scale_of(level)[axis]
        first = np.arange(start, stop, dtype=np.int64) * factor
        return np.minimum(first + factor, size) - first

    def display(self) -> list[tuple[str, str, tuple[float, float]]]:
        """Name, colour and display range of each channel."""
        greatest = float(np.iinfo(self.dtype).max)
        names = self.channels or (self.name,)
        windows = self.windows or ((0.0, greatest),) * len(names)
        row = _COLORS if len(names) == 1 else _COLORS[1:]
        colors = self.colors or tuple(row[k % len(row)] for k in range(len(names)))
        return list(zip(names, colors, windows, strict=True))
