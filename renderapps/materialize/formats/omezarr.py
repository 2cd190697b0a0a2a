"""OME-Zarr 0.5: Zarr 3 arrays, sharded, one for each resolution level, axes (c,) z, y, x."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from renderapps.materialize.chunked_arrays import opened, write_block
from renderapps.materialize.ome_metadata import multiscale, omero
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.materialize.volume_layout import SPACE_AXES, Size3, VolumeLayout
from renderapps.module.result import to_json

Json = dict[str, Any]

_CODECS: dict[str, list[Json]] = {
    "zstd": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}],
    "blosc": [
        {
            "name": "blosc",
            "configuration": {"cname": "zstd", "clevel": 5, "shuffle": "shuffle", "blocksize": 0},
        }
    ],
    "gzip": [{"name": "gzip", "configuration": {"level": 5}}],
    "raw": [],
}


class OmeZarr(VolumeFormat):
    """OME-Zarr 0.5."""

    name = "omezarr"
    title = "OME-Zarr 0.5"
    suffixes = (".ome.zarr", ".zarr")
    encodings = tuple(_CODECS)
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
        schema = _array_schema(layout, level)
        array = opened("zarr3", folder / str(level), metadata=schema)
        if layout.channels:
            write_block(array, (channel, *start), block[None])
        else:
            write_block(array, start, block)

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """A document for each array, then that of the group."""
        fixed = {"zarr_format": 3, "node_type": "array", "attributes": {}}
        encoding = {"name": "default", "configuration": {"separator": "/"}}
        for level in range(layout.level_count):
            schema = _array_schema(layout, level)
            document = fixed | schema | {"chunk_key_encoding": encoding, "storage_transformers": []}
            yield f"{level}/zarr.json", to_json(document)
        yield "zarr.json", to_json(group_document(layout))


def group_document(layout: VolumeLayout) -> Json:
    """The `zarr.json` of a volume."""
    ome = {"version": "0.5", "multiscales": [multiscale(layout)], "omero": omero(layout)}
    return {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}


def _array_schema(layout: VolumeLayout, level: int) -> Json:
    chunk, shard = (list(size) for size in layout.grid(level))
    shape = list(layout.level_shape(level))
    names = list(SPACE_AXES)
    if layout.channels:
        shape = [len(layout.channels), *shape]
        chunk, shard, names = [1, *chunk], [1, *shard], ["c", *names]
    inner: list[Json] = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        *_CODECS[layout.encoding],
    ]
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    sharding = {
        "chunk_shape": chunk,
        "codecs": inner,
        "index_codecs": index,
        "index_location": "end",
    }
    codecs = [{"name": "sharding_indexed", "configuration": sharding}] if layout.sharded else inner
    return {
        "shape": shape,
        "data_type": layout.dtype,
        "chunk_grid": {
            "name": "regular",
            "configuration": {"chunk_shape": shard if layout.sharded else chunk},
        },
        "codecs": codecs,
        "fill_value": 0,
        "dimension_names": names,
    }


FORMAT = OmeZarr()
