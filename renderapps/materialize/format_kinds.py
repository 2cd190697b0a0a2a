"""What several formats of volumes have in common: arrays in chunks, and tiles of one plane each."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.chunked_arrays import write_block
from renderapps.materialize.volume_format import VolumeFormat


class ArrayVolume(VolumeFormat):
    """An array in chunks for each level, axes (c,) z, y, x."""

    @abstractmethod
    def array(self, folder: Path, layout: VolumeLayout, level: int) -> Any:
        """The array of a level, open for writing (`chunked_arrays.opened`)."""

    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Write whole chunks, or shards of them."""
        array = self.array(folder, layout, level)
        if layout.channels:
            write_block(array, (channel, *start), block[None])
        else:
            write_block(array, start, block)


class PlaneTiles(VolumeFormat):
    """Tiles of one plane each; what is written at once has whole tiles."""

    can_halve_z = False

    def prepared(self, layout: VolumeLayout) -> VolumeLayout:
        """One plane is written at once."""
        return super().prepared(replace(layout, shard=(1, *layout.shard[1:])))

    def cell(self, layout: VolumeLayout, level: int) -> Size3:
        """Whole tiles, whatever the size of the level."""
        return layout.shard
