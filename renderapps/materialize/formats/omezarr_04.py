"""OME-Zarr 0.4: Zarr 2 arrays, one file for each chunk. What older programs open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from renderapi.volume.layout import SPACE_AXES, VolumeLayout
from renderapi.volume.ome_metadata import multiscale, omero
from renderapps.materialize.chunked_arrays import opened
from renderapps.materialize.format_kinds import ArrayVolume
from renderapps.module.result import to_json

Json = dict[str, Any]

_COMPRESSORS: dict[str, Json | None] = {
    "blosc": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 1, "blocksize": 0},
    "zstd": {"id": "zstd", "level": 1},
    "gzip": {"id": "gzip", "level": 5},
    "raw": None,
}


class OmeZarr04(ArrayVolume):
    """OME-Zarr 0.4."""

    name = "omezarr-0.4"
    title = "OME-Zarr 0.4"
    suffixes = (".ome-04.zarr",)
    marker = ".zattrs"
    encodings = tuple(_COMPRESSORS)

    def array(self, folder: Path, layout: VolumeLayout, level: int) -> Any:
        """The array of a level."""
        return opened("zarr", folder / str(level), metadata=_array_document(layout, level))

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """`.zarray` and names of the axes for each level; then the group with its attributes."""
        names = ["c", *SPACE_AXES] if layout.channels else list(SPACE_AXES)
        for level in range(layout.level_count):
            yield f"{level}/.zarray", to_json(_array_document(layout, level))
            yield f"{level}/.zattrs", to_json({"_ARRAY_DIMENSIONS": names})
        yield ".zgroup", to_json({"zarr_format": 2})
        yield ".zattrs", to_json(group_attributes(layout))


def group_attributes(layout: VolumeLayout) -> Json:
    """The `.zattrs` of a volume."""
    display = omero(layout) | {"version": "0.4"}
    return {"multiscales": [multiscale(layout) | {"version": "0.4"}], "omero": display}


def _array_document(layout: VolumeLayout, level: int) -> Json:
    chunk, shape = list(layout.grid(level)[0]), list(layout.level_shape(level))
    if layout.channels:
        chunk, shape = [1, *chunk], [len(layout.channels), *shape]
    return {
        "zarr_format": 2,
        "shape": shape,
        "chunks": chunk,
        "dtype": np.dtype(layout.dtype).newbyteorder("<").str,
        "compressor": _COMPRESSORS[layout.encoding],
        "fill_value": 0,
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }


FORMAT = OmeZarr04()
