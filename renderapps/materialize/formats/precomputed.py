"""neuroglancer's precomputed volumes: raw or JPEG chunks, one to a file or many in a shard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapi.volume.precomputed import (
    corner,
    info_document,
    scale_document,
    shard_bits,
)
from renderapps.materialize.chunked_arrays import opened, write_block
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.module.errors import RenderModuleException
from renderapps.module.result import to_json


class Precomputed(VolumeFormat):
    """neuroglancer's precomputed format.

    A voxel of it covers [i, i + 1) times its size, and its offset counts whole voxels, those of the
    coarsest level too: the part of the world that is written begins at a multiple of these.
    """

    name = "precomputed"
    title = "neuroglancer precomputed"
    suffixes = (".precomputed",)
    marker = "info"
    encodings = ("raw", "jpeg")
    chunk = (16, 256, 256)
    shard = (16, 1024, 1024)
    can_shard = True

    def check(self, layout: VolumeLayout) -> None:
        """JPEG holds one or three components of 8 bits."""
        super().check(layout)
        if layout.encoding == "jpeg" and (layout.dtype != "uint8" or len(layout.channels) > 1):
            raise RenderModuleException(
                "JPEG chunks hold one channel of 8 bits: give dtype uint8, one of channels, "
                "or encoding raw"
            )
        if len(layout.channels) > 1:
            raise RenderModuleException(
                "a precomputed volume is written channel by channel: name one of channels "
                f"({', '.join(layout.channels)}), and a volume for each"
            )

    def prepared(self, layout: VolumeLayout) -> VolumeLayout:
        """Shards of whole powers of two of chunks."""
        layout = super().prepared(layout)
        if not layout.sharded:
            return layout
        ratio = [s // c for s, c in zip(layout.shard, layout.chunk, strict=True)]
        z, y, x = (c << (max(1, r).bit_length() - 1) for c, r in zip(layout.chunk, ratio,
                                                                     strict=True))  # fmt: skip
        return replace(layout, shard=(z, y, x))

    def remarks(self, layout: VolumeLayout) -> list[str]:
        """Sizes that the format demands though they are unknown; offsets that it cannot say."""
        said = []
        if layout.no_unit:
            said.append(
                f"precomputed volumes must give voxels a size in nanometres: that along "
                f"{', '.join(layout.no_unit)} is unknown, and stands as 1 nm a pixel"
            )
        offsets = [o for level in range(layout.level_count) for o in corner(layout, level)]
        if any(abs(offset - round(offset)) > 1e-6 for offset in offsets):
            said.append(
                "precomputed volumes lie on whole voxels of every level: this one is shown up to "
                "half a voxel of a level beside its place"
            )
        return said

    def alignment(self, level_count: int) -> int:
        """The first voxel lies at a whole number of voxels of the coarsest level."""
        return 1 << (level_count - 1)

    def cell(self, layout: VolumeLayout, level: int) -> Size3:
        """A shard covers the chunks that share the high bits of their number."""
        if not layout.sharded:
            return layout.grid(level)[1]
        bits = shard_bits(layout, level)
        z, y, x = (
            min(c << b, -(-size // c) * c)
            for c, b, size in zip(layout.chunk, bits, layout.level_shape(level), strict=True)
        )
        return z, y, x

    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Write whole chunks or shards."""
        scale = scale_document(layout, level)
        array = opened(
            "neuroglancer_precomputed",
            folder,
            multiscale_metadata={
                "type": "image",
                "data_type": layout.dtype,
                "num_channels": layout.channel_count,
            },
            scale_metadata=scale,
        )
        x, y, z = scale["voxel_offset"]
        at = (start[2] + x, start[1] + y, start[0] + z, channel)
        if not layout.sharded:
            write_block(array, at, block.T[..., None])
            return
        import tensorstore

        # one transaction for each shard: it is put together once, and not read again
        cell = self.cell(layout, level)
        for first in _cells(block.shape, cell):
            part = block[tuple(slice(f, f + c) for f, c in zip(first, cell, strict=True))]
            here = (at[0] + first[2], at[1] + first[1], at[2] + first[0], channel)
            with tensorstore.Transaction() as transaction:
                write_block(array.with_transaction(transaction), here, part.T[..., None])

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """The description of the volume."""
        yield "info", to_json(info_document(layout))


def _cells(shape: tuple[int, ...], cell: Size3) -> Iterator[Size3]:
    for z in range(0, shape[0], cell[0]):
        for y in range(0, shape[1], cell[1]):
            for x in range(0, shape[2], cell[2]):
                yield z, y, x


FORMAT = Precomputed()
