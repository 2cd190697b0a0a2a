"""Stacks as volumes that other programs read without anything being written: our own.

`S/volume/zarr` is an OME-Zarr 0.5 image, `S/volume/precomputed` a volume in neuroglancer's
precomputed format. Their documents and chunks are made when they are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from renderapi.volume import neuroglancer, ome_metadata, omezarr, precomputed
from renderapi.volume.layout import Size3
from renderws.routes.answers import Answer, HttpError, json_answer
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.routes.stacks import stack_bounds
from renderws.routes.values import Convert, Parameter, double, integer
from renderws.stack_volumes import StackVolume, stack_volume
from renderws.volume_chunks import chunk_pixels

_BYTES = "application/octet-stream"
_BOX = re.compile(r"(-?\d{1,12})-(-?\d{1,12})_(-?\d{1,12})-(-?\d{1,12})_(-?\d{1,12})-(-?\d{1,12})")


def _zarr(call: Call) -> StackVolume:
    return stack_volume(call, stack_bounds(call), aligned=False)


def _precomputed(call: Call) -> StackVolume:
    return stack_volume(call, stack_bounds(call), aligned=True)


def _level(call: Call, volume: StackVolume) -> int:
    """The level of the path; 404 for one that there is not."""
    level: int = call.path["level"]
    if not 0 <= level < volume.layout.level_count:
        raise HttpError(404, f"the volume has no level {level}, it has {volume.layout.level_count}")
    return level


def get_zarr_group(call: Call) -> Answer:
    """The stack as an OME-Zarr 0.5 image: its group."""
    return json_answer(omezarr.group_document(_zarr(call).layout))


def get_zarr_array(call: Call) -> Answer:
    """A resolution level of the stack as an OME-Zarr 0.5 image."""
    volume = _zarr(call)
    return json_answer(omezarr.array_document(volume.layout, _level(call, volume)))


def get_zarr_chunk(call: Call) -> Answer:
    """A chunk of a resolution level, drawn now: little endian pixels, rows first."""
    with call.snapshot():
        volume = _zarr(call)
    layout, level = volume.layout, _level(call, volume)
    chunk, shape = layout.grid(level)[0], layout.level_shape(level)
    index = tuple(call.path[f"chunk{axis}"] for axis in "ZYX")
    channel = call.path.get("chunkC", 0)
    counts = [-(-size // piece) for size, piece in zip(shape, chunk, strict=True)]
    if ("chunkC" in call.path) != bool(layout.channels):
        raise HttpError(404, "the chunks of this volume have another number of axes")
    if not (0 <= channel < layout.channel_count) or not all(
        0 <= number < count for number, count in zip(index, counts, strict=True)
    ):
        raise HttpError(404, f"level {level} of the volume has no such chunk")
    pixels = np.zeros(chunk[1:], np.dtype(layout.dtype).newbyteorder("<"))
    if not call.is_head:
        start = _size(number * piece for number, piece in zip(index, chunk, strict=True))
        stop = _size(min(s + c, n) for s, c, n in zip(start, chunk, shape, strict=True))
        found = chunk_pixels(call, volume, level, channel, start, stop)
        pixels[: found.shape[0], : found.shape[1]] = found
    return Answer(200, pixels.tobytes(), _BYTES)


def get_precomputed_info(call: Call) -> Answer:
    """The stack as a volume in neuroglancer's precomputed format."""
    return json_answer(precomputed.info_document(_precomputed(call).layout))


def get_precomputed_chunk(call: Call) -> Answer:
    """A chunk of a scale of such a volume, drawn now: little endian pixels, x first."""
    with call.snapshot():
        volume = _precomputed(call)
    layout = volume.layout
    scales = [precomputed.info_scale(layout, level) for level in range(layout.level_count)]
    level = next((n for n, one in enumerate(scales) if one["key"] == call.path["key"]), None)
    if level is None:
        raise HttpError(404, f"the volume has no scale {call.path['key']!r}")
    start, stop = _box(call.path["chunk"], scales[level]["voxel_offset"], layout.level_shape(level))
    shape = (layout.channel_count, stop[1] - start[1], stop[2] - start[2])
    pixels = np.zeros(shape, np.dtype(layout.dtype).newbyteorder("<"))
    if not call.is_head:
        for channel in range(layout.channel_count):
            pixels[channel] = chunk_pixels(call, volume, level, channel, start, stop)
    return Answer(200, pixels.tobytes(), _BYTES)


def get_neuroglancer_state(call: Call) -> Answer:
    """State by which neuroglancer shows the stack, at a place in the world where one is given."""
    volume, query = _precomputed(call), call.query
    info = precomputed.info_document(volume.layout)
    place = [query["x"], query["y"], query["z"]]
    if place[2] is not None:
        place[2] = volume.plane(place[2]) + info["scales"][0]["voxel_offset"][2]
    if query["zoom"] is not None and query["zoom"] <= 0:
        raise HttpError(400, "zoom must be greater than 0")
    source = call.url.partition("?")[0].rstrip("/").removesuffix("neuroglancer") + "precomputed"
    channels = ome_metadata.omero(volume.layout)["channels"]
    return json_answer(
        neuroglancer.viewer_state(call.stack.stack, source, info, channels, place, query["zoom"])
    )


def _box(text: str, offset: list[int], shape: Size3) -> tuple[Size3, Size3]:
    """Voxels (z, y, x) of a chunk from its name, `x-X_y-Y_z-Z`; 404 for what is none."""
    from renderws.stack_volumes import CHUNK

    match = _BOX.fullmatch(text)
    if match is not None:
        ends = [int(group) for group in match.groups()]
        start = _size(ends[2 * axis] - offset[axis] for axis in (2, 1, 0))
        stop = _size(ends[2 * axis + 1] - offset[axis] for axis in (2, 1, 0))
        if all(
            0 <= first < size and first % chunk == 0 and last == min(first + chunk, size)
            for first, last, chunk, size in zip(start, stop, CHUNK, shape, strict=True)
        ):
            return start, stop
    raise HttpError(404, f"the scale has no chunk {text!r}")


def _size(numbers: Iterator[int]) -> Size3:
    z, y, x = numbers
    return z, y, x


def routes() -> Iterator[Route]:
    """Documents and chunks of volumes."""
    zarr, other = "S/volume/zarr", "S/volume/precomputed"
    numbers: dict[str, Convert] = {f"chunk{axis}": integer for axis in "CZYX"}
    yield Route(0, "GET", f"{zarr}/zarr.json", get_zarr_group, revalidated=True)
    yield Route(0, "GET", f"{zarr}/{{level}}/zarr.json", get_zarr_array, revalidated=True)
    for axes in ("", "{chunkC}/"):
        path = f"{zarr}/{{level}}/c/{axes}{{chunkZ}}/{{chunkY}}/{{chunkX}}"
        yield Route(
            0, "GET", path, get_zarr_chunk, converters=numbers, pixels=True, revalidated=True,
            ranged=True, consistent=False,
        )  # fmt: skip
    asked = tuple(Parameter(name, double) for name in ("x", "y", "z", "zoom"))
    yield Route(0, "GET", "S/volume/neuroglancer", get_neuroglancer_state, asked)
    yield Route(0, "GET", f"{other}/info", get_precomputed_info, revalidated=True)
    yield Route(
        0, "GET", f"{other}/{{key}}/{{chunk}}", get_precomputed_chunk, pixels=True,
        revalidated=True, ranged=True, consistent=False,
    )  # fmt: skip
