"""Write image volumes as OME-Zarr 0.5: Zarr 3 arrays, sharded, one for each resolution level.

Axes are (z, y, x), or (c, z, y, x) where channels are named. Index (z, y, x) of level 0 is the
pixel centre at `origin_nm + index * voxel_nm`. Level n is made from level n - 1 by means of 2 x 2
pixels (2 x 2 x 2 where z is halved too), rounded to the nearest integer, halves up; at an odd end
the pixels that are there are averaged. Only whole shards are written, so processes may write
different slabs (runs of z as deep as a shard) at the same time.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.files import atomic_write, temporary_sibling
from renderapps.materialize.reduction import block_sums, rounded_means, sum_type
from renderapps.module.errors import RenderModuleException
from renderapps.module.result import to_json

Size3 = tuple[int, int, int]
Length3 = tuple[float, float, float]

_LEVEL_LIMIT = 512
_COLORS = ("FFFFFF", "00FF00", "FF00FF", "00FFFF", "FFFF00", "FF0000", "0000FF")
_SPACE_AXES = ("z", "y", "x")


@dataclass(frozen=True)
class VolumeLayout:
    """Everything about a volume but its pixels; triples are in the order z, y, x.

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
    chunk, shard : (int, int, int)
        What is compressed together, and what is one file.
    levels : int or None
        Number of resolution levels with level 0; None: until the larger side is at most 512.
    halve_z : bool
        Whether z is halved from level to level too.
    """

    shape: Size3
    dtype: str
    voxel_nm: Length3
    origin_nm: Length3 = (0.0, 0.0, 0.0)
    channels: tuple[str, ...] = ()
    windows: tuple[tuple[float, float], ...] = ()
    chunk: Size3 = (1, 512, 512)
    shard: Size3 = (1, 2048, 2048)
    levels: int | None = None
    halve_z: bool = False
    no_unit: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(s % c for s, c in zip(self.shard, self.chunk, strict=True)):
            raise RenderModuleException(
                f"a shard {list(self.shard)} must be a whole number of chunks {list(self.chunk)}"
            )

    @property
    def factors(self) -> Size3:
        """By how much each axis shrinks from level to level."""
        return (2 if self.halve_z else 1, 2, 2)

    @property
    def level_count(self) -> int:
        """Number of levels."""
        if self.levels is not None:
            return self.levels
        return 1 + max(0, math.ceil(math.log2(max(self.shape[1:]) / _LEVEL_LIMIT)))

    def known(self, lengths: Length3) -> tuple[float | None, ...]:
        """Lengths along z, y and x; None along an axis without a unit."""
        pairs = zip(_SPACE_AXES, lengths, strict=True)
        return tuple(None if axis in self.no_unit else length for axis, length in pairs)

    def level_shape(self, level: int) -> Size3:
        """Size of a level: halves are rounded up."""
        z, y, x = (
            -(-size // factor**level) for size, factor in zip(self.shape, self.factors, strict=True)
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

    def slabs(self, level: int = 0) -> list[range]:
        """Runs of z that can be written independently."""
        depth = self.grid(level)[1][0]
        end = self.level_shape(level)[0]
        return [range(z, min(z + depth, end)) for z in range(0, end, depth)]


def volume_metadata(layout: VolumeLayout, name: str) -> dict[str, Any]:
    """Group document (`zarr.json`) of a volume."""
    axes = [
        {"name": axis, "type": "space"} | ({} if axis in layout.no_unit else {"unit": "nanometer"})
        for axis in _SPACE_AXES
    ]
    if layout.channels:
        axes.insert(0, {"name": "c", "type": "channel"})
    multiscale = {
        "name": name,
        "axes": axes,
        "datasets": [_dataset(layout, level) for level in range(layout.level_count)],
        "type": "mean",
    }
    ome = {"version": "0.5", "multiscales": [multiscale], "omero": _display(layout, name)}
    return {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}


def _dataset(layout: VolumeLayout, level: int) -> dict[str, Any]:
    powers = [factor**level for factor in layout.factors]
    scale = [v * p for v, p in zip(layout.voxel_nm, powers, strict=True)]
    # the first voxel of a level is centred on the middle of the voxels it is the mean of
    shift = [
        o + v * (p - 1) / 2
        for o, v, p in zip(layout.origin_nm, layout.voxel_nm, powers, strict=True)
    ]
    if layout.channels:
        scale, shift = [1.0, *scale], [0.0, *shift]
    transforms = [
        {"type": "scale", "scale": scale},
        {"type": "translation", "translation": shift},
    ]
    return {"path": str(level), "coordinateTransformations": transforms}


def _display(layout: VolumeLayout, name: str) -> dict[str, Any]:
    greatest = float(np.iinfo(layout.dtype).max)
    names = layout.channels or (name,)
    windows = layout.windows or ((0.0, greatest),) * len(names)
    colors = _COLORS if len(names) == 1 else _COLORS[1:]
    channels = [
        {
            "label": label,
            "color": colors[k % len(colors)],
            "active": True,
            "window": {"min": 0.0, "max": greatest, "start": low, "end": high},
        }
        for k, (label, (low, high)) in enumerate(zip(names, windows, strict=True))
    ]
    return {"channels": channels, "rdefs": {"model": "color" if layout.channels else "greyscale"}}


def create_volume(path: Path, layout: VolumeLayout, name: str) -> None:
    """Make the group and its empty levels in the folder `path`, which must not hold any."""
    for level in range(layout.level_count):
        _open(path, level, _array_schema(layout, level))
    atomic_write(path / "zarr.json", to_json(volume_metadata(layout, name)))


def _array_schema(layout: VolumeLayout, level: int) -> dict[str, Any]:
    chunk, shard = (list(size) for size in layout.grid(level))
    shape = list(layout.level_shape(level))
    names = list(_SPACE_AXES)
    if layout.channels:
        shape = [len(layout.channels), *shape]
        chunk, shard, names = [1, *chunk], [1, *shard], ["c", *names]
    inner = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "zstd", "configuration": {"level": 1}},
    ]
    sharding = {"chunk_shape": chunk, "codecs": inner}
    return {
        "shape": shape,
        "data_type": layout.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shard}},
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "fill_value": 0,
        "dimension_names": names,
    }


def _open(path: Path, level: int, schema: dict[str, Any] | None = None) -> Any:
    import tensorstore

    spec: dict[str, Any] = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": os.fspath(path / str(level))},
    }
    if schema is not None:
        spec |= {"metadata": schema}
    return tensorstore.open(spec, create=schema is not None, open=schema is None).result()


class LevelWriter:
    """Level 0 of a volume, open for writing.

    Examples
    --------
    >>> writer = LevelWriter(path)                                      # doctest: +SKIP
    >>> writer.write(block, channel=0, first_z=4, first_row=2048)       # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self._array = _open(path, 0)

    def write(self, block: np.ndarray, channel: int, first_z: int, first_row: int) -> None:
        """Write a block of full rows.

        Parameters
        ----------
        block : (planes, rows, columns) array of the volume's type
            Pixels; all columns of the volume. Whole shards are written best: start at a multiple
            of the shard's depth and height and end at one, or at the end of the volume.
        channel : int
            Index of the channel; 0 without a channel axis.
        first_z, first_row : int
            Index of its first plane and row.
        """
        planes = slice(first_z, first_z + block.shape[0])
        rows = slice(first_row, first_row + block.shape[1])
        at = (planes, rows) if self._array.rank == 3 else (channel, planes, rows)
        self._array[at].write(block).result()


def reduce_slab(path: Path, layout: VolumeLayout, level: int, slab: range) -> None:
    """Make one slab of a level from the level below it, shard by shard."""
    source, target = _open(path, level - 1), _open(path, level)
    _, height, width = layout.level_shape(level)
    _, rows, columns = layout.grid(level)[1]
    for channel in range(max(1, len(layout.channels))):
        for y in range(0, height, rows):
            for x in range(0, width, columns):
                ends = (slab.stop, min(y + rows, height), min(x + columns, width))
                box = tuple(slice(a, b) for a, b in zip((slab.start, y, x), ends, strict=True))
                _reduce_box(source, target, channel, box, layout)


def _reduce_box(
    source: Any, target: Any, channel: int, box: tuple[slice, ...], layout: VolumeLayout
) -> None:
    prefix = (channel,) if layout.channels else ()
    limits = source.shape[len(prefix) :]
    below = tuple(
        slice(s.start * factor, min(s.stop * factor, limit))
        for s, factor, limit in zip(box, layout.factors, limits, strict=True)
    )
    pixels = source[(*prefix, *below)].read().result()
    target[(*prefix, *box)].write(block_mean(pixels, layout.factors)).result()


def block_mean(pixels: np.ndarray, factors: Size3) -> np.ndarray:
    """Mean of blocks of pixels, of the same integer type, halves rounded up.

    Parameters
    ----------
    pixels : (z, y, x) array of an unsigned integer type
    factors : (int, int, int)
        Size of the blocks, each 1 or 2. An incomplete block at an end is averaged over the pixels
        that are there.

    Returns
    -------
    (ceil(z / fz), ceil(y / fy), ceil(x / fx)) array
    """
    count = math.prod(factors)
    total = pixels.astype(sum_type(pixels.dtype, count))
    for axis, factor in enumerate(factors):
        if factor == 2:
            total = _pair_sums(total, axis)
    return rounded_means(total, count, pixels.dtype)


def _pair_sums(values: np.ndarray, axis: int) -> np.ndarray:
    """Sums of neighbours along an axis; a last one without a neighbour counts twice."""
    sums = block_sums(values, 2, axis)
    if values.shape[axis] % 2:
        last = np.take(values, [-1], axis)
        sums = np.concatenate([sums, last + last], axis)
    return sums


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a temporary sibling folder; it replaces `target` when the block succeeds.

    Until then `target` is as it was. On an error the temporary folder is removed. Where a process
    was killed while it replaced one folder by the other, `target` is put back first.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.replaced")
    if aside.exists():
        if target.exists():
            shutil.rmtree(aside, ignore_errors=True)
        else:
            os.replace(aside, target)
    temporary = temporary_sibling(target)
    try:
        temporary.mkdir()
        yield temporary
        _replace_folder(temporary, target, aside)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_folder(temporary: Path, target: Path, aside: Path) -> None:
    if target.exists():
        os.replace(target, aside)
    try:
        os.replace(temporary, target)
    except OSError:
        if aside.exists():
            os.replace(aside, target)
        raise
    shutil.rmtree(aside, ignore_errors=True)
