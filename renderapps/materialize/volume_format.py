"""What a format of volumes is: a description that the export works by.

The export draws, averages, keeps a ledger and moves files; a format says only what it can hold and
how a block of voxels becomes files. One file in `renderapps.materialize.formats` describes one
format: a class derived from `VolumeFormat`, and `FORMAT`, an instance of it. Nothing else has to
change to add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.module.errors import RenderModuleException

if TYPE_CHECKING:
    from renderapps.materialize.place import Place


class VolumeFormat(ABC):
    """A format of volumes.

    Attributes
    ----------
    name : str
        As `--format` takes it.
    title : str
        As people call it.
    suffixes : tuple of str
        Ends of file names by which the format is chosen.
    marker : str or None
        Name of a file by which a folder is known as a volume of this format; None: by none.
    encodings : tuple of str
        Ways to compress pixels, by custom first.
    chunk, shard : (z, y, x)
        What is compressed together and written at once, by custom.
    default_levels : int or None
        Number of levels by custom; None: until the larger side is at most 512.
    is_file : bool
        Whether a volume is one file rather than a folder.
    can_shard, shards_by_custom : bool
        Whether many chunks can be one file, and are if nothing is said.
    can_halve_z, holds_channels, holds_uint16 : bool
        What the format has room for; what it has not is refused.
    """

    name: str
    title: str
    suffixes: tuple[str, ...] = ()
    marker: str | None = None
    encodings: tuple[str, ...] = ("zstd",)
    chunk: Size3 = (1, 512, 512)
    shard: Size3 = (1, 2048, 2048)
    default_levels: int | None = None
    is_file = False
    can_shard = False
    shards_by_custom = False
    can_halve_z = True
    holds_channels = True
    holds_uint16 = True

    def check(self, layout: VolumeLayout) -> None:
        """Refuse, with a reason, what the format cannot hold."""
        refused = [
            (layout.encoding not in self.encodings, f"no encoding {layout.encoding}; it has "
             f"{', '.join(self.encodings)}"),
            (layout.sharded and not self.can_shard, "no shards; leave out sharded"),
            (layout.halve_z and not self.can_halve_z, "no levels with a reduced z; leave out "
             "halve_z"),
            (bool(layout.channels) and not self.holds_channels, "no channels; choose one of "
             "channels, and give channel_axis false"),
            (layout.dtype == "uint16" and not self.holds_uint16, "no 16 bit pixels; give dtype "
             "uint8"),
        ]  # fmt: skip
        for is_refused, what in refused:
            if is_refused:
                raise RenderModuleException(f"{self.title} ({self.name}) has {what}")

    def prepared(self, layout: VolumeLayout) -> VolumeLayout:
        """The layout as the format needs it; by default as it is, once it is checked."""
        self.check(layout)
        return layout

    def remarks(self, layout: VolumeLayout) -> list[str]:
        """What the format cannot say of this volume, for the user to know."""
        return []

    def alignment(self, level_count: int) -> int:
        """Of how many voxels the place of the first one must be a multiple, along y and x."""
        return 1

    def cell(self, layout: VolumeLayout, level: int) -> Size3:
        """Size of what is written at once in a level; no file reaches over several of them."""
        return layout.grid(level)[1]

    @abstractmethod
    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Write voxels of a level into files below `folder`, named as in the volume.

        Parameters
        ----------
        start : (z, y, x)
            Index of the first voxel: where a cell begins.
        block : (planes, rows, columns) array of the volume's type, C order
            Whole cells, or up to the end of the level.
        """

    @abstractmethod
    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """Name and content of the files of metadata. The last one makes a folder a volume."""

    def assemble(self, parts: Place, layout: VolumeLayout, target: Path) -> None:
        """Make the one file of a volume from what `write` has written (`is_file` only)."""
        raise NotImplementedError
