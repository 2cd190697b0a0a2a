"""Volumes in one TIFF file: tiles are compressed by the workers, and put together at the end.

What a worker leaves of a block is one file: the number of its tiles, their lengths in bytes, and
the compressed tiles, row by row.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.format_kinds import PlaneTiles
from renderapps.module.errors import RenderModuleException

if TYPE_CHECKING:
    from renderapps.materialize.place import Place

Json = dict[str, Any]

_LARGEST_CLASSIC = 1 << 31
_TILE_UNIT = 16  # tiles of a TIFF have sides of a multiple of so many pixels


class TiffVolume(PlaneTiles):
    """Pages of one TIFF file, by channel and plane; coarser levels are SubIFDs of the pages."""

    encodings = ("zlib", "zstd", "raw")
    is_file = True
    chunk = (1, 512, 512)
    shard = (1, 2048, 2048)

    def prepared(self, layout: VolumeLayout) -> VolumeLayout:
        """Tiles of one plane each."""
        depth, height, width = layout.chunk
        if depth != 1 or height % _TILE_UNIT or width % _TILE_UNIT:
            raise RenderModuleException(
                f"a TIFF tile is of one plane and its sides are multiples of {_TILE_UNIT}: give "
                f"chunk 1 y x, not {list(layout.chunk)}"
            )
        return super().prepared(layout)

    def write(
        self,
        folder: Path,
        layout: VolumeLayout,
        level: int,
        channel: int,
        start: Size3,
        block: NDArray,
    ) -> None:
        """Compress the tiles of each cell into a file."""
        _, rows, columns = layout.shard
        for plane, pixels in enumerate(block, start[0]):
            for y in range(0, pixels.shape[0], rows):
                for x in range(0, pixels.shape[1], columns):
                    at = (plane, start[1] + y, start[2] + x)
                    path = folder / _part(level, channel, at)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    cell = pixels[y : y + rows, x : x + columns]
                    path.write_bytes(_packed(list(_encoded_tiles(cell, layout))))

    def documents(self, layout: VolumeLayout) -> Iterator[tuple[str, bytes]]:
        """Everything is in the file."""
        return iter(())

    def metadata(self, layout: VolumeLayout) -> Json:
        """Further arguments of `TiffWriter.write` for the finest level."""
        raise NotImplementedError

    writes_ome = False

    def assemble(self, parts: Place, layout: VolumeLayout, target: Path) -> None:
        """Put the compressed tiles together, level by level."""
        import tifffile

        channels = (len(layout.channels),) if layout.channels else ()
        voxels = layout.channel_count * int(np.prod(layout.shape, dtype=np.int64))
        big = voxels * np.dtype(layout.dtype).itemsize > _LARGEST_CLASSIC
        common: dict[str, Any] = {
            "dtype": layout.dtype,
            "tile": layout.chunk[1:],
            "photometric": "minisblack",
            "compression": None if layout.encoding == "raw" else layout.encoding,
        }
        with tifffile.TiffWriter(target, bigtiff=big, ome=self.writes_ome) as writer:
            for level in range(layout.level_count):
                own: dict[str, Any] = (
                    {"subfiletype": 1, "metadata": None}
                    if level
                    else {"subifds": layout.level_count - 1, **self.metadata(layout)}
                )
                writer.write(
                    _tiles(parts, layout, level),
                    shape=(*channels, *layout.level_shape(level)),
                    **common,
                    **own,
                )


def _part(level: int, channel: int, start: Size3) -> str:
    return f"{level}/{channel}/{'-'.join(map(str, start))}.part"


def _encoded_tiles(cell: NDArray, layout: VolumeLayout) -> Iterator[bytes]:
    """Compressed tiles of a cell, row by row; those at an end are filled up with 0."""
    _, rows, columns = layout.chunk
    for y in range(0, cell.shape[0], rows):
        for x in range(0, cell.shape[1], columns):
            tile = cell[y : y + rows, x : x + columns]
            if tile.shape != (rows, columns):
                tile = np.pad(tile, ((0, rows - tile.shape[0]), (0, columns - tile.shape[1])))
            yield _encoded(np.ascontiguousarray(tile), layout.encoding)


def _encoded(tile: NDArray, encoding: str) -> bytes:
    import imagecodecs

    data = tile.astype(tile.dtype.newbyteorder("<"), copy=False).tobytes()
    if encoding == "zlib":
        return bytes(imagecodecs.zlib_encode(data, level=6))
    if encoding == "zstd":
        return bytes(imagecodecs.zstd_encode(data, level=1))
    return data


def _packed(tiles: list[bytes]) -> bytes:
    sizes = np.array([len(tiles), *map(len, tiles)], dtype="<u8")
    return sizes.tobytes() + b"".join(tiles)


def _unpacked(data: bytes) -> list[bytes]:
    count = int(np.frombuffer(data, "<u8", 1)[0])
    ends = np.cumsum(np.frombuffer(data, "<u8", count + 1)[1:]) + 8 * (count + 1)
    starts = [8 * (count + 1), *ends[:-1].tolist()]
    return [data[a:b] for a, b in zip(starts, ends.tolist(), strict=True)]


def _tiles(parts: Place, layout: VolumeLayout, level: int) -> Iterator[Any]:
    """Tiles of a level in the order of the file: by channel, plane, row and column."""
    depth, height, width = layout.level_shape(level)
    for channel in range(layout.channel_count):
        for z in range(depth):
            for y in range(0, height, layout.shard[1]):
                rows = -(-(min(y + layout.shard[1], height) - y) // layout.chunk[1])
                cells = [
                    _rows_of_part(parts, _part(level, channel, (z, y, x)), rows)
                    for x in range(0, width, layout.shard[2])
                ]
                for row in range(rows):
                    for cell in cells:
                        for tile in cell[row]:
                            yield _as_written(tile, layout)


def _rows_of_part(parts: Place, key: str, rows: int) -> list[list[bytes]]:
    data = parts.read(key)
    if data is None:
        raise RenderModuleException(f"{parts.url}/{key} is gone: run the export again")
    tiles = _unpacked(data)
    columns = len(tiles) // rows
    return [tiles[k * columns : (k + 1) * columns] for k in range(rows)]


def _as_written(tile: bytes, layout: VolumeLayout) -> Any:
    """A tile as tifffile takes it: compressed bytes, or pixels."""
    if layout.encoding != "raw":
        return tile
    return np.frombuffer(tile, np.dtype(layout.dtype)).reshape(layout.chunk[1:])
