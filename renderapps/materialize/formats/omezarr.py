"""OME-Zarr 0.5: Zarr 3 arrays, sharded, one for each resolution level, axes (c,) z, y, x."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapi.volume.omezarr import CODECS, array_document, array_schema, group_document
from renderapps.materialize.chunked_arrays import opened, write_block
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.module.result import to_json


class OmeZarr(VolumeFormat):
    """OME-Zarr 0.5."""

    name = "omezarr"
    title = "OME-Zarr 0.5"
    suffixes = (".ome.zarr", ".zarr")
    encodings = tuple(CODECS)
    can_shard = True
    shards_by_custom = True

    @property
    def marker(self) -> str:
        """The group document."""
        return "zarr.json"

    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Write whole shards."""
        schema = array_schema(layout, level)
        array = opened("zarr3", folder / str(level), metadata=schema)
        if layout.channels:
            write_block(array, (channel, *start), block[None])
        else:
            write_block(array, start, block)

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """A document for each array, then that of the group."""
        for level in range(layout.level_count):
            yield f"{level}/zarr.json", to_json(array_document(layout, level))
        yield "zarr.json", to_json(group_document(layout))


FORMAT = OmeZarr()
