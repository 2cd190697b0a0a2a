"""OME-Zarr 0.5: the documents of Zarr 3 arrays, one for each resolution level, and their group."""

from __future__ import annotations

from typing import Any

from renderapi.volume.layout import SPACE_AXES, VolumeLayout
from renderapi.volume.ome_metadata import multiscale, omero

Json = dict[str, Any]

CODECS: dict[str, list[Json]] = {
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


def group_document(layout: VolumeLayout) -> Json:
    """The `zarr.json` of a volume."""
    ome = {"version": "0.5", "multiscales": [multiscale(layout)], "omero": omero(layout)}
    return {"zarr_format": 3, "node_type": "group", "attributes": {"ome": ome}}


def array_schema(layout: VolumeLayout, level: int) -> Json:
    """What the array of a level is, without how its files are called."""
    chunk, shard = (list(size) for size in layout.grid(level))
    shape = list(layout.level_shape(level))
    names = list(SPACE_AXES)
    if layout.channels:
        shape = [len(layout.channels), *shape]
        chunk, shard, names = [1, *chunk], [1, *shard], ["c", *names]
    inner: list[Json] = [
        {"name": "bytes", "configuration": {"endian": "little"}},
        *CODECS[layout.encoding],
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


def array_document(layout: VolumeLayout, level: int) -> Json:
    """The `zarr.json` of a level."""
    fixed = {"zarr_format": 3, "node_type": "array", "attributes": {}}
    encoding = {"name": "default", "configuration": {"separator": "/"}}
    schema = array_schema(layout, level)
    return fixed | schema | {"chunk_key_encoding": encoding, "storage_transformers": []}
