"""N5: one data set for each level (s0, s1, ...), axes x, y, z (, c), one file for each block."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renderapi.volume.layout import VolumeLayout
from renderapps.materialize.chunked_arrays import opened
from renderapps.materialize.format_kinds import ArrayVolume
from renderapps.module.result import to_json

Json = dict[str, Any]

_COMPRESSIONS: dict[str, Json] = {
    "gzip": {"type": "gzip", "level": -1, "useZlib": False},
    "zstd": {"type": "zstd", "level": 1},
    "blosc": {"type": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1, "blocksize": 0},
    "raw": {"type": "raw"},
}


class N5(ArrayVolume):
    """N5, with the metadata that n5-viewer, BigDataViewer, neuroglancer and COSEM look for."""

    name = "n5"
    title = "N5"
    suffixes = (".n5",)
    marker = "attributes.json"
    encodings = tuple(_COMPRESSIONS)
    chunk = (16, 256, 256)
    shard = (16, 1024, 1024)

    def array(self, folder: Path, layout: VolumeLayout, level: int) -> Any:
        """The array of a level."""
        return opened("n5", folder / f"s{level}", metadata=_array_attributes(layout, level)).T

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """Attributes of each level, then those of the group."""
        for level in range(layout.level_count):
            own = _array_attributes(layout, level) | _level_attributes(layout, level)
            yield f"s{level}/attributes.json", to_json(own)
        yield "attributes.json", to_json(group_attributes(layout))


def group_attributes(layout: VolumeLayout) -> Json:
    """The `attributes.json` of a volume: what the several readers of N5 look for."""
    levels = range(layout.level_count)
    xyz = [list(reversed(layout.scale_of(level))) for level in levels]
    datasets = [{"path": f"s{level}", "transform": _transform(layout, level)} for level in levels]
    return {
        "n5": "2.5.1",
        "name": layout.name,
        "scales": xyz,
        "downsamplingFactors": xyz,
        **_resolution(layout, 0),
        "multiscales": [{"name": layout.name, "datasets": datasets}],
        "channels": [
            {"name": name, "color": color, "window": window}
            for name, color, window in layout.display()
        ],
    }


def _level_attributes(layout: VolumeLayout, level: int) -> Json:
    return {
        "downsamplingFactors": list(reversed(layout.scale_of(level))),
        "transform": _transform(layout, level),
        **_resolution(layout, level),
    }


def _units(layout: VolumeLayout) -> list[str]:
    return ["pixel" if axis in layout.no_unit else "nm" for axis in "xyz"]


def _resolution(layout: VolumeLayout, level: int) -> Json:
    """Size of a voxel as n5-viewer reads it: one unit for all axes, or none."""
    units = set(_units(layout))
    if len(units) > 1:
        return {}
    size = list(reversed(layout.level_voxel_nm(level)))
    return {"pixelResolution": {"unit": units.pop(), "dimensions": size}}


def _transform(layout: VolumeLayout, level: int) -> Json:
    """Place of the voxels as COSEM writes it, axes in the order of arrays in C: (c,) z, y, x."""
    scale, shift = list(layout.level_voxel_nm(level)), list(layout.level_origin_nm(level))
    axes, units = ["z", "y", "x"], _units(layout)[::-1]
    if layout.channels:
        axes, units = ["c", *axes], ["", *units]
        scale, shift = [1.0, *scale], [0.0, *shift]
    return {"axes": axes, "units": units, "scale": scale, "translate": shift, "ordering": "C"}


def _array_attributes(layout: VolumeLayout, level: int) -> Json:
    shape: tuple[int, ...] = layout.level_shape(level)[::-1]
    block: tuple[int, ...] = layout.grid(level)[0][::-1]
    axes = ["x", "y", "z"]
    if layout.channels:
        shape, block, axes = (*shape, len(layout.channels)), (*block, 1), [*axes, "c"]
    return {
        "dimensions": list(shape),
        "blockSize": list(block),
        "dataType": layout.dtype,
        "compression": _COMPRESSIONS[layout.encoding],
        "axes": axes,
    }


FORMAT = N5()
