"""OME-Zarr 0.5: Zarr 3 arrays, sharded, one for each resolution level, axes (c,) z, y, x."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from renderapi.volume.layout import VolumeLayout
from renderapi.volume.omezarr import CODECS, array_document, array_schema, group_document
from renderapps.materialize.chunked_arrays import opened
from renderapps.materialize.format_kinds import ArrayVolume
from renderapps.module.result import to_json


class OmeZarr(ArrayVolume):
    """OME-Zarr 0.5."""

    name = "omezarr"
    title = "OME-Zarr 0.5"
    suffixes = (".ome.zarr", ".zarr")
    marker = "zarr.json"
    encodings = tuple(CODECS)
    can_shard = True
    shards_by_custom = True

    def array(self, folder: Path, layout: VolumeLayout, level: int) -> Any:
        """The array of a level."""
        schema = array_schema(layout, level)
        return opened("zarr3", folder / str(level), metadata=schema)

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """A document for each array, then that of the group."""
        for level in range(layout.level_count):
            yield f"{level}/zarr.json", to_json(array_document(layout, level))
        yield "zarr.json", to_json(group_document(layout))


FORMAT = OmeZarr()
