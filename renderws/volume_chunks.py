"""Chunks of stacks that are read as volumes: drawn at full scale, coarser ones as block means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from renderapi.volume.layout import Size3, VolumeLayout
from renderws.routes.answers import HttpError
from renderws.routes.flattening import flat_tiles, limited
from renderws.routes.gate import client_values
from renderws.routes.windows import stack_options
from renderws.stack_volumes import StackVolume
from renderws.store.protocol import TileDocument, TileQuery

if TYPE_CHECKING:
    from renderws.routes.call import Call

Json = dict[str, Any]

_BAND = 1 << 22  # pixels of full scale that are drawn at once for coarser levels


class _Channel(msgspec.Struct):
    name: str | None = None


class _Tile(msgspec.Struct):
    channels: list[_Channel] | None = None


_DECODER = msgspec.json.Decoder(_Tile)


def chunk_pixels(
    call: Call, volume: StackVolume, level: int, channel: int, start: Size3, stop: Size3
) -> NDArray:
    """Voxels of one plane of a level.

    Parameters
    ----------
    channel : int
        Index on the channel axis.
    start, stop : (z, y, x)
        In voxels of the level; one plane.

    Returns
    -------
    (y, x) array of the volume's type
        Pixels of full scale; on coarser levels means of them, halves rounded up.
    """
    z = volume.z(start[0])
    if z is None:
        return np.zeros((stop[1] - start[1], stop[2] - start[2]), volume.layout.dtype)
    name = volume.channels[channel]
    # chunks of full scale, which cost little, must not drive out the others
    kept = call.service.volumes.chunks if level else call.service.volumes.full_scale
    key = (call.stack, call.store.data_version(call.stack), volume.x, volume.y, level, name)
    return kept.get((*key, start, stop), lambda: _pixels(call, volume, z, name, level, start, stop))


def _pixels(
    call: Call,
    volume: StackVolume,
    z: float,
    channel: str | None,
    level: int,
    start: Size3,
    stop: Size3,
) -> NDArray:
    if level:
        return _means(call, volume, z, channel, level, start, stop)
    return _drawn(call, volume, z, channel, (start[1], stop[1]), (start[2], stop[2]))


def _means(
    call: Call,
    volume: StackVolume,
    z: float,
    channel: str | None,
    level: int,
    start: Size3,
    stop: Size3,
) -> NDArray:
    """Block means of full scale, which is drawn band by band."""
    layout, step = volume.layout, 1 << level
    height, width = layout.shape[1:]
    columns = start[2] * step, min(stop[2] * step, width)
    rows = start[1] * step, min(stop[1] * step, height)
    sums = [
        _block_sums(_drawn(call, volume, z, channel, band, columns), step)
        for band in _bands(rows, columns[1] - columns[0], step)
    ]
    return _rounded(np.concatenate(sums), layout, level, start, stop)


def _bands(rows: tuple[int, int], width: int, step: int) -> Iterator[tuple[int, int]]:
    """Rows of whole blocks, as many as may be drawn at once."""
    size = max(1, _BAND // (width * step)) * step
    for first in range(rows[0], rows[1], size):
        yield first, min(first + size, rows[1])


def _block_sums(pixels: NDArray, step: int) -> NDArray[np.uint64]:
    """Sums of blocks of `step` x `step` pixels; of those that are there at the ends."""
    rows, columns = (np.arange(0, size, step) for size in pixels.shape)
    across = np.add.reduceat(pixels, rows, axis=0, dtype=np.uint32)
    return np.add.reduceat(across, columns, axis=1, dtype=np.uint64)


def _rounded(
    sums: NDArray[np.uint64], layout: VolumeLayout, level: int, start: Size3, stop: Size3
) -> NDArray:
    """Means of sums, halves rounded up."""
    rows, columns = (layout.covered(level, axis, start[axis], stop[axis]) for axis in (1, 2))
    counts = np.outer(rows, columns).astype(np.uint64)
    return ((2 * sums + counts) // (2 * counts)).astype(layout.dtype)


def _drawn(
    call: Call,
    volume: StackVolume,
    z: float,
    channel: str | None,
    rows: tuple[int, int],
    columns: tuple[int, int],
) -> NDArray:
    """Pixels of a box of a section, as the service would answer for the whole section."""
    from renderapi.rendering import render_canvas, windows
    from renderapi.rendering.output import to_rgb_over_black, to_values_16

    x, y = volume.x + columns[0], volume.y + rows[0]
    width, height = columns[1] - columns[0], rows[1] - rows[0]
    query: Json = {"convertToGray": True}
    if channel is not None:
        query["channels"] = channel
    with call.snapshot():
        tiles = _tiles(call, z, channel, (x, y, x + width, y + height))
        options = stack_options(call, call.stack)
    document = windows.box_parameters(tiles, x, y, width, height, 1.0, query, **options)
    with call.service.painters() as threads, client_values("what the volume shows"):
        canvas = render_canvas(
            document, sources=call.service.sources, threads=threads, stop=call.stop
        )
    call.stop.check()
    values = to_values_16 if volume.layout.dtype == "uint16" else to_rgb_over_black
    return values(canvas)


def _tiles(
    call: Call, z: float, channel: str | None, box: tuple[float, float, float, float]
) -> list[Json]:
    """Tiles that touch a box, and those that decide how all of the section is shown."""
    stack = call.stack
    records = limited(call, stack, TileQuery(z=z, box=box))
    most = call.settings.max_tile_specs_to_render
    if most is not None and len(records) > most:
        raise HttpError(400, f"{len(records)} tiles in a chunk are more than the {most} drawn here")
    if not records:
        return []
    tiles = {tile["tileId"]: tile for tile in flat_tiles(call.store, stack, records)}
    key = (stack, call.store.data_version(stack), z)
    ends = call.service.volumes.ends.get(key, lambda: _ends(call, z))
    return list((tiles | {tile["tileId"]: tile for tile in ends.get(channel, ())}).values())


def _ends(call: Call, z: float) -> dict[str | None, list[Json]]:
    """First and last tile of each channel of a section in painting order.

    The first decides the pixel type of a picture, the last how it is shown: with both in every
    chunk, neighbouring chunks are parts of one picture.
    """
    ends: dict[str | None, tuple[TileDocument, TileDocument]] = {}
    for record in call.store.tile_documents(call.stack, TileQuery(z=z)):
        for channel in _DECODER.decode(record.document).channels or (_Channel(),):
            ends[channel.name] = ends.get(channel.name, (record, record))[0], record
    return {name: flat_tiles(call.store, call.stack, pair) for name, pair in ends.items()}
