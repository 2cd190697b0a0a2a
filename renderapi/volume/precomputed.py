"""neuroglancer's precomputed volumes: what `info` says of them."""

from __future__ import annotations

import math
from typing import Any

from renderapi.volume.layout import Length3, Size3, VolumeLayout

Json = dict[str, Any]

JPEG_QUALITY = 85


def info_document(layout: VolumeLayout) -> Json:
    """The `info` of a volume."""
    return {
        "@type": "neuroglancer_multiscale_volume",
        "type": "image",
        "data_type": layout.dtype,
        "num_channels": layout.channel_count,
        "scales": [info_scale(layout, level) for level in range(layout.level_count)],
    }


def info_scale(layout: VolumeLayout, level: int) -> Json:
    """Entry of `scales`, as `info` holds it."""
    scale = scale_document(layout, level)
    scale["chunk_sizes"] = [scale.pop("chunk_size")]
    return scale


def scale_document(layout: VolumeLayout, level: int) -> Json:
    """The same with its one size of chunks, as tensorstore takes it."""
    resolution = list(reversed(layout.level_voxel_nm(level)))
    scale: Json = {
        "key": "_".join(map(number_text, resolution)),
        "resolution": resolution,
        "size": list(reversed(layout.level_shape(level))),
        "voxel_offset": [math.floor(offset + 0.5) for offset in reversed(corner(layout, level))],
        "chunk_size": list(reversed(layout.chunk)),
        "encoding": layout.encoding,
    }
    if layout.encoding == "jpeg":
        scale["jpeg_quality"] = JPEG_QUALITY
    if layout.sharded:
        shard, total = sum(shard_bits(layout, level)), sum(grid_bits(layout, level))
        scale["sharding"] = {
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": shard,
            "minishard_bits": 0,
            "shard_bits": total - shard,
            "hash": "identity",
            "minishard_index_encoding": "gzip",
            "data_encoding": "raw" if layout.encoding == "jpeg" else "gzip",
        }
    return scale


def corner(layout: VolumeLayout, level: int) -> Length3:
    """Upper left corner of a level in its voxels (z, y, x), where pixel i of full scale is shown
    at [i, i + 1), as neuroglancer shows stacks of a render service.
    """
    sizes, centre = layout.level_voxel_nm(level), layout.level_origin_nm(level)
    full = (1.0, layout.step, layout.step)
    z, y, x = (
        c / v - 0.5 + 0.5 / (factor * step)
        for c, v, factor, step in zip(centre, sizes, layout.scale_of(level), full, strict=True)
    )
    return z, y, x


def grid_bits(layout: VolumeLayout, level: int) -> Size3:
    """Bits of a chunk's number along each axis."""
    z, y, x = (
        max(0, (-(-size // chunk) - 1).bit_length())
        for size, chunk in zip(layout.level_shape(level), layout.chunk, strict=True)
    )
    return z, y, x


def shard_bits(layout: VolumeLayout, level: int) -> Size3:
    """Bits along each axis of the chunks of one shard: the lowest of the interleaved number."""
    count = math.prod(s // c for s, c in zip(layout.shard, layout.chunk, strict=True))
    left, bits, grid = count.bit_length() - 1, [0, 0, 0], grid_bits(layout, level)
    while left and bits != list(grid):
        for axis in (2, 1, 0):
            if left and bits[axis] < grid[axis]:
                bits[axis] += 1
                left -= 1
    return bits[0], bits[1], bits[2]


def number_text(value: float) -> str:
    """Shortest text of a number, of 10 digits at most."""
    return f"{value:.10g}"
