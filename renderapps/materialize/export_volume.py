"""Write a stack as an image volume: OME-Zarr 0.5, sharded, with resolution levels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, Int, List, Nested, OutputDir, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf, Range

import renderapi
from renderapps.materialize.mask_check import masks_text
from renderapps.materialize.omezarr import (
    LevelWriter,
    VolumeLayout,
    create_volume,
    reduce_slab,
    whole_folder,
)
from renderapps.materialize.reduction import area_means, band_rows, step_of
from renderapps.materialize.section_pictures import (
    Window,
    require_channel,
    section_document,
    section_tiles,
)
from renderapps.materialize.section_survey import (
    WIDEST_8_BIT,
    DisplayRange,
    SectionContents,
    common_channels,
    section_contents,
    widest_range,
    zs_beyond_8_bit,
)
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    ZParameters,
    parameter,
)
from renderapps.module.display_range import DisplayRangeParameters
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_metadata, stack_zs

Size3 = tuple[int, int, int]


class BoundsParameters(DefaultSchema):
    """A box of the world, in pixels of full scale."""

    minX = parameter(Int, "left side")
    maxX = parameter(Int, "right side")
    minY = parameter(Int, "upper side")
    maxY = parameter(Int, "lower side")

    @validates_schema
    def not_empty(self, data: dict[str, Any], **_: Any) -> None:
        """The box has an inside."""
        for low, high in (("minX", "maxX"), ("minY", "maxY")):
            if data[low] >= data[high]:
                raise ValidationError(f"must be less than {high}", low)


MOST_PLANES = 1_000_000


class ExportVolumeParameters(
    DisplayRangeParameters, ZParameters, ParallelParameters, RenderParameters
):
    """Parameters of export_volume."""

    input_stack = parameter(Str, "stack to write, COMPLETE")
    output_volume = parameter(OutputDir, "folder of the volume, by custom called NAME.ome.zarr")
    format = parameter(Str, "kind of volume", default="omezarr", validate=OneOf(["omezarr"]))
    scale = parameter(
        Float,
        "pixels of level 0 for each pixel of the stack; below 1 they are means of what is drawn "
        "at full scale",
        default=1.0,
        validate=Range(0, 1, min_inclusive=False),
    )
    bounds = parameter(
        Nested,
        "part of the world to write",
        BoundsParameters,
        default=None,
        default_text="all tiles",
    )
    z_step = parameter(
        Float,
        "z from plane to plane; a plane without a section stays 0 and is listed in the output",
        default=1.0,
        validate=Range(min=0, min_inclusive=False),
    )
    channels = parameter(
        List, "channels to write", Str(), default=None, default_text="all", validate=Length(min=1)
    )
    channel_axis = parameter(
        Boolean,
        "keep an axis c for a single named channel; false writes z, y, x alone, as programs need "
        "that read three axes only (cloud-volume)",
        default=True,
    )
    dtype = parameter(
        Str,
        "pixel type: uint16 holds the values as they are, uint8 those of the display range",
        default=None,
        default_text="uint16 where the display range of a section ends above 255",
        validate=OneOf(("uint8", "uint16")),
    )
    chunk = parameter(
        List,
        "z, y and x size of what is compressed together",
        Int(validate=Range(min=1)),
        default=lambda: [1, 512, 512],
        default_text="1 512 512",
        validate=Length(equal=3),
    )
    shard = parameter(
        List,
        "z, y and x size of a file: whole chunks; a process holds depth x height x width of the "
        "volume in memory",
        Int(validate=Range(min=1)),
        default=lambda: [1, 2048, 2048],
        default_text="1 2048 2048",
        validate=Length(equal=3),
    )
    levels = parameter(
        Int,
        "number of resolution levels, the full one included",
        default=None,
        default_text="until the larger side is at most 512",
        validate=Range(1, 32),
    )
    halve_z = parameter(Boolean, "halve z too from level to level", default=False)
    overwrite = parameter(
        Boolean, "let a finished volume take the place of one that is there", default=False
    )

    @validates_schema
    def shards_of_chunks(self, data: dict[str, Any], **_: Any) -> None:
        """A shard is a whole number of chunks."""
        if any(s % c for s, c in zip(data["shard"], data["chunk"], strict=True)):
            raise ValidationError(f"must be multiples of chunk {data['chunk']}", "shard")


@dataclass(frozen=True)
class VolumeJob:
    """What a worker needs to draw and write a part of a volume.

    Attributes
    ----------
    zs : tuple of float or None
        z of each plane; None where there is no section.
    channels : tuple of str or None
        Channel of each index of the channel axis; (None,) without one.
    """

    render: renderapi.Render
    stack: str
    path: Path
    layout: VolumeLayout
    window: Window
    zs: tuple[float | None, ...]
    channels: tuple[str | None, ...]
    query: Mapping[str, Any]


class ExportVolume(RenderModule):
    """Write a stack as an image volume: OME-Zarr 0.5, sharded, with resolution levels."""

    default_schema = ExportVolumeParameters

    def run(self) -> None:
        """Draw the sections into a temporary folder, which becomes the volume when it is whole."""
        self.warnings: list[str] = []
        target = Path(self.args["output_volume"]).resolve()
        if target.exists() and not self.args["overwrite"]:
            raise RenderModuleException(
                f"{target} exists: name another volume, or give overwrite to replace it"
            )
        if target.is_dir() and any(target.iterdir()) and not (target / "zarr.json").is_file():
            raise RenderModuleException(
                f"{target} is not a volume: it is left as it is; name another folder"
            )
        zs = chosen_zs(
            stack_zs(self.render, self.args["input_stack"]),
            self.args["zs"],
            self.args["minZ"],
            self.args["maxZ"],
            f"stack {self.args['input_stack']}",
        )
        with whole_folder(target) as folder:
            job = self.job(folder, zs)
            create_volume(folder, job.layout, self.args["input_stack"])
            self.write(job)
        self.output(self.report(target, job))

    def job(self, folder: Path, zs: Sequence[float]) -> VolumeJob:
        """Decide the size, channels and pixel type of the volume."""
        stack = self.args["input_stack"]
        sections = self.survey(zs)
        channels = common_channels(sections, self.args["channels"], stack)
        drawn: tuple[str | None, ...] = tuple(channels) or (None,)
        if len(drawn) > 1 and not self.args["channel_axis"]:
            raise RenderModuleException(
                f"{len(drawn)} channels ({', '.join(channels)}) need the axis c: leave out "
                "channel_axis, or choose one of the channels"
            )
        ranges = [self.display_range(sections, channel) for channel in drawn]
        dtype = self.args["dtype"] or self.pixel_type(sections, drawn)
        window = self.window()
        planes = plane_zs(zs, self.args["z_step"])
        columns, rows = window.size
        layout = VolumeLayout(
            shape=(len(planes), rows, columns),
            dtype=dtype,
            channels=tuple(channels) if self.args["channel_axis"] else (),
            windows=tuple(ranges) if dtype == "uint16" else ((0.0, 255.0),) * len(ranges),
            chunk=_triple(self.args["chunk"]),
            shard=_triple(self.args["shard"]),
            levels=self.args["levels"],
            halve_z=self.args["halve_z"],
            **self.placement(window, zs[0]),
        )
        query = {
            "minIntensity": self.args["minIntensity"],
            "maxIntensity": self.args["maxIntensity"],
            "convertToGray": True,
        }
        return VolumeJob(self.render, stack, folder, layout, window, planes, drawn, query)

    def survey(self, zs: Sequence[float]) -> list[SectionContents]:
        """Channels and display ranges of every section; no image is read."""
        given = (self.args["minIntensity"], self.args["maxIntensity"])
        look = partial(section_contents, self.render, self.args["input_stack"], given=given)
        sections = self.map_tasks(look, zs, "looking at sections")
        for result in sections:
            if isinstance(result, TaskFailure):
                self.logger.debug("%s", result.details)
                raise RenderModuleException(f"z={result.item:g}: {result.reason}")
        self.ignored_masks = [mask for section in sections for mask in section.ignored_masks]
        if self.ignored_masks:
            self.warn(masks_text(self.ignored_masks))
        return sections

    def warn(self, line: str) -> None:
        """Log a line, and put it into the report."""
        self.logger.warning("%s", line)
        self.warnings.append(line)

    def display_range(
        self, sections: Sequence[SectionContents], channel: str | None
    ) -> DisplayRange:
        """Display range of a channel: as given, else that of all sections together."""
        low, high = self.args["minIntensity"], self.args["maxIntensity"]
        widest = widest_range(sections, channel)
        return (
            float(widest[0] if low is None else low),
            float(widest[1] if high is None else high),
        )

    def pixel_type(
        self, sections: Sequence[SectionContents], channels: Sequence[str | None]
    ) -> str:
        """uint16 where a display range of any section ends above 255."""
        highest = self.args["maxIntensity"]
        if highest is not None:
            return "uint16" if highest > WIDEST_8_BIT else "uint8"
        beyond = zs_beyond_8_bit(sections, channels)
        if beyond and len(beyond) < len(sections):
            line = (
                f"display ranges end above 255 in {len(beyond)} of {len(sections)} sections, "
                f"first at z={beyond[0]:g}: the volume is uint16 with the values as they are; "
                "give dtype uint8 for those of the display ranges"
            )
            self.warn(line)
        return "uint16" if beyond else "uint8"

    def window(self) -> Window:
        """What is drawn of each section: `bounds`, else all tiles."""
        box = self.args["bounds"]
        if box is None:
            box = renderapi.stack.get_stack_bounds(self.args["input_stack"], render=self.render)
        x, y = math.floor(box["minX"]), math.floor(box["minY"])
        width, height = math.ceil(box["maxX"]) - x, math.ceil(box["maxY"]) - y
        return Window(x, y, width, height, self.args["scale"])

    def placement(self, window: Window, first_z: float) -> dict[str, Any]:
        """Size of a voxel and place of the first one, in nanometres; pixels where unknown."""
        version = stack_metadata(self.render, self.args["input_stack"])["currentVersion"]
        sizes = {axis: version.get(f"stackResolution{axis}") for axis in "ZYX"}
        unknown = [axis.lower() for axis, size in sizes.items() if not size]
        if unknown:
            line = (
                f"the stack has no resolution in {', '.join(unknown)}: these axes of the volume "
                "have no unit, and count pixels of the stack (set_stack_resolution gives it one)"
            )
            self.warn(line)
        z, y, x = (float(size or 1.0) for size in sizes.values())
        step = step_of(window.scale)
        middle = (step - 1) / 2  # the first voxel is the mean of so many pixels
        return {
            "voxel_nm": (z * self.args["z_step"], y * step, x * step),
            "origin_nm": (z * first_z, y * (window.y + middle), x * (window.x + middle)),
            "no_unit": tuple(unknown),
        }

    def write(self, job: VolumeJob) -> None:
        """Draw all slabs; levels are made slab by slab too where z is not halved."""
        self.map_slabs(partial(write_slab, job), job.layout.slabs(), "drawing sections")
        if job.layout.halve_z:
            for level in range(1, job.layout.level_count):
                reduce = partial(reduce_slab, job.path, job.layout, level)
                self.map_slabs(reduce, job.layout.slabs(level), f"making level {level}")

    def map_slabs(self, function: Any, slabs: list[range], progress: str) -> None:
        """Work through slabs in parallel; one that fails is the failure of the volume."""
        for result in self.map_tasks(function, slabs, progress):
            if isinstance(result, TaskFailure):
                self.logger.debug("%s", result.details)
                first, last = result.item[0], result.item[-1]
                raise RenderModuleException(f"planes {first} to {last}: {result.reason}")

    def report(self, target: Path, job: VolumeJob) -> dict[str, Any]:
        """What was written, and the planes that are empty."""
        first = next(z for z in job.zs if z is not None)
        step = self.args["z_step"]
        return {
            "output_volume": target,
            "shape_zyx": job.layout.shape,
            "channels": [name for name in job.channels if name is not None],
            "dtype": job.layout.dtype,
            "warnings": self.warnings,
            "ignored_masks": self.ignored_masks,
            "levels": job.layout.level_count,
            "voxel_nm_zyx": job.layout.known(job.layout.voxel_nm),
            "origin_nm_zyx": job.layout.known(job.layout.origin_nm),
            "sections": sum(z is not None for z in job.zs),
            "empty_planes_z": [first + k * step for k, z in enumerate(job.zs) if z is None],
        }


def plane_zs(zs: Sequence[float], step: float) -> tuple[float | None, ...]:
    """z of every plane from the first section to the last; None where there is no section.

    Raises
    ------
    RenderModuleException
        A section lies between two planes, or there would be more than `MOST_PLANES`.
    """
    numbers = [(z - zs[0]) / step for z in zs]
    if numbers[-1] >= MOST_PLANES:
        raise RenderModuleException(
            f"z={zs[0]:g} to {zs[-1]:g} with a z_step of {step:g} is more than {MOST_PLANES} "
            "planes; give a larger z_step"
        )
    for z, number in zip(zs, numbers, strict=True):
        if abs(number - round(number)) > 1e-6:
            raise RenderModuleException(
                f"z={z:g} lies between two planes of a volume that starts at z={zs[0]:g} with a "
                f"z_step of {step:g}; choose a z_step that meets every section"
            )
    placed = dict(zip((round(number) for number in numbers), zs, strict=True))
    return tuple(placed.get(plane) for plane in range(max(placed) + 1))


def write_slab(job: VolumeJob, slab: range) -> None:
    """Draw the planes of a slab and write them, and their levels unless z is halved."""
    writer = LevelWriter(job.path)
    rows = job.layout.grid(0)[1][1]
    for index, channel in enumerate(job.channels):
        planes = [_bands(job, job.zs[plane], channel, rows) for plane in slab]
        for first_row, *blocks in zip(range(0, job.layout.shape[1], rows), *planes, strict=True):
            writer.write(np.stack(blocks), index, slab.start, first_row)
    if not job.layout.halve_z:
        for level in range(1, job.layout.level_count):
            reduce_slab(job.path, job.layout, level, slab)


def _bands(job: VolumeJob, z: float | None, channel: str | None, rows: int) -> Iterator[np.ndarray]:
    """Bands of a plane, (rows, columns) of the volume's type; 0 where there is no section."""
    if z is None:
        return _empty_bands(job.layout, rows)
    return _drawn_bands(job, z, channel, rows)


def _empty_bands(layout: VolumeLayout, rows: int) -> Iterator[np.ndarray]:
    _, height, width = layout.shape
    for first in range(0, height, rows):
        yield np.zeros((min(rows, height - first), width), layout.dtype)


def _drawn_bands(job: VolumeJob, z: float, channel: str | None, rows: int) -> Iterator[np.ndarray]:
    from renderapi.rendering import render_bands
    from renderapi.rendering.output import to_rgb_over_black, to_values_16

    tiles = section_tiles(job.render, job.stack, z)
    require_channel(tiles, channel, job.stack, z)
    query = {**job.query, "channels": channel}
    full = replace(job.window, scale=1.0)
    document = section_document(job.render, job.stack, tiles, full, query)
    pixels = to_values_16 if job.layout.dtype == "uint16" else to_rgb_over_black
    if job.window.scale == 1:
        return (pixels(canvas) for _, canvas in render_bands(document, rows))
    height = band_rows(job.window.scale)
    bands = (pixels(canvas) for _, canvas in render_bands(document, height))
    return area_means(bands, job.window.scale, job.window.size, rows)


def _triple(values: Sequence[int]) -> Size3:
    z, y, x = values
    return z, y, x


if __name__ == "__main__":
    ExportVolume.main()
