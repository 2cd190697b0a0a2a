"""A stack as a volume that is drawn while it is read: its size, levels, channels and pixel type.

The volume is the one that `materialize.export_volume` writes by default: its first voxel is the
whole pixel at or before the corner of the stack's bounds, its planes are the whole steps of z from
the first section to the last, blank where there is none, and a voxel of a coarser level is the mean
of the full-scale pixels that it covers. Levels whose chunks would take more pixels than the service
draws for one answer are not offered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import msgspec

from renderapi.volume.layout import VolumeLayout
from renderws.store.protocol import Invalid, StackId, Store, TileQuery
from renderws.store.states import stack_text

if TYPE_CHECKING:
    from renderws.routes.call import Call

Json = dict[str, Any]
Ranges = dict[str | None, tuple[float, float]]

CHUNK = (1, 512, 512)
MOST_PLANES = 1_000_000
_WIDEST_8_BIT = 255.0


class _Shown(msgspec.Struct):
    """A channel, or a tile without channels, as far as it says how it is shown."""

    name: str | None = None
    minIntensity: float | None = None
    maxIntensity: float | None = None


class _Tile(_Shown):
    channels: list[_Shown] | None = None


_DECODER = msgspec.json.Decoder(_Tile)


@dataclass(frozen=True)
class StackVolume:
    """A stack as a volume.

    Attributes
    ----------
    layout : VolumeLayout
    x, y : int
        World pixel of the first voxel of level 0.
    channels : tuple of str or None
        Channel of each index of the channel axis; (None,) without one.
    """

    layout: VolumeLayout
    x: int
    y: int
    channels: tuple[str | None, ...]
    _planes: dict[int, float] = field(repr=False)

    def z(self, plane: int) -> float | None:
        """z of the section of a plane; None where there is none."""
        return self._planes.get(plane)

    def plane(self, z: float) -> int:
        """The plane at a z, or next to it."""
        first, last = min(self._planes), max(self._planes)
        return min(max(round(z - self._planes[first]), first), last)


def stack_volume(call: Call, bounds: Json, aligned: bool) -> StackVolume:
    """The stack of a request as a volume.

    Parameters
    ----------
    bounds : dict
        Of the stack, as derived when it became COMPLETE.
    aligned : bool
        Whether the volume begins at a whole voxel of its coarsest level, as formats demand whose
        offsets count voxels.

    Raises
    ------
    Invalid
        A stack whose sections are no whole steps of z apart, or too many.
    """
    stack, store = call.stack, call.store
    version = store.data_version(stack)
    key = (stack, version, aligned, tuple(sorted(bounds.items())))
    kept = call.service.volumes.descriptions
    return kept.get(key, lambda: _described(call, stack, bounds, aligned))


def _described(call: Call, stack: StackId, bounds: Json, aligned: bool) -> StackVolume:
    store = call.store
    planes = _planes(stack, store.z_values(stack, None, None))
    key = (stack, store.data_version(stack))
    ranges = call.service.volumes.ranges.get(key, lambda: _ranges(store, stack))
    names = tuple(name for name in ranges if name is not None)
    drawn: tuple[str | None, ...] = names or (None,)
    layout = VolumeLayout(
        shape=(max(planes) + 1, 1, 1),
        dtype="uint16" if any(ranges[c][1] > _WIDEST_8_BIT for c in drawn) else "uint8",
        channels=names,
        chunk=CHUNK,
        shard=CHUNK,
        encoding="raw",
        sharded=False,
        name=stack.stack,
        voxel_nm=(1.0, 1.0, 1.0),
    )
    if layout.dtype == "uint16":
        layout = replace(layout, windows=tuple(ranges[channel] for channel in drawn))
    x, y = math.floor(bounds["minX"]), math.floor(bounds["minY"])
    version = store.stack_version(stack)
    placed = _placed(layout, bounds, x, y, planes[0], version)
    layers = placed.channel_count if aligned else 1
    levels = _levels(placed, call.settings.max_pixels // layers)
    if aligned:
        multiple = 1 << (levels - 1)
        x, y = x // multiple * multiple, y // multiple * multiple
        placed = _placed(layout, bounds, x, y, planes[0], version)
        levels = min(levels, _levels(placed, call.settings.max_pixels // layers))
    return StackVolume(replace(placed, levels=levels), x, y, drawn, planes)


def _planes(stack: StackId, zs: list[float]) -> dict[int, float]:
    """z of the sections by the numbers of their planes."""
    if not zs:
        raise Invalid(f"{stack_text(stack)} has no tiles with a z, so it is no volume")
    if zs[-1] - zs[0] >= MOST_PLANES:
        raise Invalid(
            f"{stack_text(stack)} reaches from z {zs[0]:g} to {zs[-1]:g}, which is more than"
            f" {MOST_PLANES} planes"
        )
    for z in zs:
        if abs(z - zs[0] - round(z - zs[0])) > 1e-6:
            raise Invalid(
                f"{stack_text(stack)} cannot be read as a volume: z {z:g} is no whole step from"
                f" the first, {zs[0]:g}; materialize.export_volume with z_step writes it"
            )
    return {round(z - zs[0]): z for z in zs}


def _ranges(store: Store, stack: StackId) -> Ranges:
    """Widest display range of each channel (None: unnamed), in the order they are first met."""
    found: Ranges = {}
    for record in store.tile_documents(stack, TileQuery()):
        tile = _DECODER.decode(record.document)
        for channel in tile.channels or (tile,):
            name = channel.name if tile.channels else None
            low = 0.0 if channel.minIntensity is None else channel.minIntensity
            high = 255.0 if channel.maxIntensity is None else channel.maxIntensity
            before = found.get(name, (low, high))
            found[name] = min(low, before[0]), max(high, before[1])
    return found


def _placed(
    layout: VolumeLayout, bounds: Json, x: int, y: int, first_z: float, version: Json
) -> VolumeLayout:
    """The volume from a world pixel on, with sizes and places in nanometres; pixels if unknown."""
    sizes = {axis: version.get(f"stackResolution{axis}") for axis in "ZYX"}
    depth, height, width = (float(size or 1.0) for size in sizes.values())
    rows = max(1, math.ceil(bounds["maxY"]) - y)
    columns = max(1, math.ceil(bounds["maxX"]) - x)
    return replace(
        layout,
        shape=(layout.shape[0], rows, columns),
        voxel_nm=(depth, height, width),
        origin_nm=(depth * first_z, height * y, width * x),
        no_unit=tuple(axis.lower() for axis, size in sizes.items() if not size),
    )


def _levels(layout: VolumeLayout, most: int) -> int:
    """Levels whose chunks cover no more pixels of full scale than that; the first one always."""
    level = 1
    while level < layout.level_count and _covered(layout, level) <= most:
        level += 1
    return level


def _covered(layout: VolumeLayout, level: int) -> int:
    """Pixels of full scale that the largest chunk of a level covers."""
    return math.prod(
        min(chunk * scale, size)
        for chunk, scale, size in zip(
            CHUNK[1:], layout.scale_of(level)[1:], layout.shape[1:], strict=True
        )
    )
