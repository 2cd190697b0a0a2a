"""Write a stack as an image volume with resolution levels: OME-Zarr, N5, precomputed, TIFF, ..."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import renderapi
from renderapi.volume.layout import Size3, VolumeLayout
from renderapps.materialize.formats import format_of
from renderapps.materialize.mask_check import masks_text
from renderapps.materialize.place import Place
from renderapps.materialize.reduction import step_of
from renderapps.materialize.section_pictures import Window
from renderapps.materialize.section_survey import (
    WIDEST_8_BIT,
    DisplayRange,
    SectionContents,
    common_channels,
    section_contents,
    widest_range,
    zs_beyond_8_bit,
)
from renderapps.materialize.unfinished import (
    alone,
    begun,
    check_target,
    forget_if_empty,
    parts_place,
    put_back,
    put_in_place,
    unfinished,
)
from renderapps.materialize.volume_estimate import estimate
from renderapps.materialize.volume_format import VolumeFormat
from renderapps.materialize.volume_job import (
    TASKS_PER_WORKER,
    Pass,
    VolumeJob,
    planned_passes,
    with_small_ones_last,
)
from renderapps.materialize.volume_parameters import ExportVolumeParameters
from renderapps.materialize.volume_parts import make_part
from renderapps.materialize.volume_planes import filled, plane_zs
from renderapps.module import RenderModule, RenderModuleException, TaskFailure
from renderapps.module.effort import Effort
from renderapps.module.parallel import each_task
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_metadata, stack_zs
from renderapps.transfer.storage import Storage

LOOKED_AT = Effort(25, 5)  # sections
DRAWN = Effort(1 << 27, 1 << 24)  # pixels of full scale
SUMMED = Effort(1 << 28, 1 << 22)  # voxels of a coarser level


class ExportVolume(RenderModule):
    """Write a stack as an image volume with resolution levels, in one of several formats."""

    default_schema = ExportVolumeParameters

    def run(self) -> None:
        """Write the parts of the volume beside its place, which it takes when it is whole."""
        self.warnings: list[str] = []
        target = self.target()
        form = format_of(target.url, self.args["format"])
        put_back(target)
        check_target(target, form, self.args["overwrite"])
        zs = chosen_zs(
            stack_zs(self.render, self.args["input_stack"]),
            self.args["zs"],
            self.args["minZ"],
            self.args["maxZ"],
            f"stack {self.args['input_stack']}",
        )
        job = self.job(target, form, zs)
        if self.args["dry_run"]:
            self.output(self.report(target, job) | estimate(job, self.workers(target)))
            return
        self.output(self.report(target, job) | self.write(target, form, job))

    def target(self) -> Place:
        """Where the volume goes."""
        storage = Storage(
            self.args["aws_region"], self.args["endpoint_url"], self.args["storage_options"]
        )
        return Place.of(self.args["output_volume"], storage)

    def workers(self, target: Place) -> int:
        """Number of processes that draw."""
        return 1 if target.is_of_process else self.at_once()

    def job(self, target: Place, form: VolumeFormat, zs: Sequence[float]) -> VolumeJob:
        """Decide the size, channels and pixel type of the volume."""
        stack = self.args["input_stack"]
        window = self.window()
        sections = self.survey(zs, window)
        channels = common_channels(sections, self.args["channels"], stack)
        drawn: tuple[str | None, ...] = tuple(channels) or (None,)
        if len(drawn) > 1 and not self.args["channel_axis"]:
            raise RenderModuleException(
                f"{len(drawn)} channels ({', '.join(channels)}) need the axis c: leave out "
                "channel_axis, or choose one of the channels"
            )
        planes = plane_zs(zs, self.args["z_step"])
        layout = self.layout(form, window, sections, drawn, planes)
        aligned = _aligned(window, form.alignment(layout.level_count))
        if aligned != window:
            window, layout = aligned, self.layout(form, aligned, sections, drawn, planes)
        for line in form.remarks(layout):
            self.warn(line)
        version = stack_metadata(self.render, stack).get("currentVersion") or {}
        query = {
            "minIntensity": self.args["minIntensity"],
            "maxIntensity": self.args["maxIntensity"],
            "convertToGray": True,
        }
        return VolumeJob(
            self.render,
            stack,
            form.name,
            layout,
            window,
            filled(planes, self.args["z_gaps"]),
            drawn,
            query,
            {
                "mipmap_path_builder": version.get("mipmapPathBuilder"),
                "default_channel": version.get("defaultChannel"),
            },
            parts_place(target, form),
            unfinished(target),
            planned_passes(form, layout, self.workers(target)),
            {
                (section.z, channel): section.ends[channel]
                for section in sections
                for channel in drawn
                if channel in section.ends
            },
        )

    def layout(
        self,
        form: VolumeFormat,
        window: Window,
        sections: Sequence[SectionContents],
        channels: Sequence[str | None],
        planes: Sequence[float | None],
    ) -> VolumeLayout:
        """The volume as its format can hold it."""
        ranges = [self.display_range(sections, channel) for channel in channels]
        dtype = self.args["dtype"] or self.pixel_type(sections, channels)
        colors = tuple(self.args["channel_colors"] or ())
        if colors and len(colors) != len(channels):
            raise RenderModuleException(
                f"{len(colors)} channel_colors for {len(channels)} channels: give one for each"
            )
        columns, rows = window.size
        names = tuple(name for name in channels if name is not None)
        first, step = next(z for z in planes if z is not None), self.args["z_step"]
        sharded = self.args["sharded"]
        chunk, shard = _sizes(form, self.args["chunk"], self.args["shard"])
        return form.prepared(
            VolumeLayout(
                shape=(len(planes), rows, columns),
                dtype=dtype,
                channels=names if self.args["channel_axis"] else (),
                windows=tuple(ranges) if dtype == "uint16" else ((0.0, 255.0),) * len(ranges),
                colors=colors,
                chunk=chunk,
                shard=shard,
                levels=self.args["levels"] or form.default_levels,
                halve_z=self.args["halve_z"],
                encoding=self.args["encoding"] or form.encodings[0],
                sharded=form.shards_by_custom if sharded is None else sharded,
                name=self.args["input_stack"],
                zs=tuple(first + k * step for k in range(len(planes))),
                **self.placement(window, first),
            )
        )

    def survey(self, zs: Sequence[float], window: Window) -> list[SectionContents]:
        """Channels and display ranges of every section; no image is read."""
        given = (self.args["minIntensity"], self.args["maxIntensity"])
        stack = self.args["input_stack"]
        look = partial(section_contents, self.render, stack, given=given, window=window)
        processes = LOOKED_AT.processes(len(zs), self.args["pool_size"])
        sections = self.map_tasks(look, zs, "looking at sections", processes, also_here=True)
        for result in sections:
            if isinstance(result, TaskFailure):
                self.logger.debug("%s", result.details)
                raise RenderModuleException(f"z={result.item:g}: {result.reason}")
        self.ignored_masks = [mask for section in sections for mask in section.ignored_masks]
        if self.ignored_masks:
            self.warn(masks_text(self.ignored_masks))
        return sections

    def warn(self, line: str) -> None:
        """Log a line, and put it into the report; once."""
        if line not in self.warnings:
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
            self.warn(
                f"display ranges end above 255 in {len(beyond)} of {len(sections)} sections, "
                f"first at z={beyond[0]:g}: the volume is uint16 with the values as they are; "
                "give dtype uint8 for those of the display ranges"
            )
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
        no_unit = [axis.lower() for axis, size in sizes.items() if not size]
        if no_unit:
            self.warn(
                f"the stack has no resolution in {', '.join(no_unit)}: these axes of the volume "
                "have no unit, and count pixels of the stack (set_stack_resolution gives it one)"
            )
        z, y, x = (float(size or 1.0) for size in sizes.values())
        step = step_of(window.scale)
        middle = (step - 1) / 2  # the first voxel is the mean of so many pixels
        return {
            "voxel_nm": (z * self.args["z_step"], y * step, x * step),
            "origin_nm": (z * first_z, y * (window.y + middle), x * (window.x + middle)),
            "no_unit": tuple(no_unit),
            "step": step,
        }

    def write(self, target: Place, form: VolumeFormat, job: VolumeJob) -> dict[str, Any]:
        """Write what is not there yet, then let the volume take its place."""
        with alone(job.work):
            if target.folder is None and unfinished(target).read("plan.json") is None:
                target.remove()  # check_target has let it be replaced
            plan: dict[str, Any] = {
                "volume": _fingerprint(job),
                "passes": [asdict(one) for one in job.passes],
            }
            plan = begun(job.work, job.target, plan)
            job = replace(job, passes=tuple(_pass(one) for one in plan["passes"]))
            try:
                counts = self.passes(target, job)
            except BaseException:
                forget_if_empty(job.work)
                raise
            with self.whole_file(form, job) as file:
                for key, data in form.documents(job.layout):
                    job.target.write(key, data)
                put_in_place(target, form, job.work, file)
        return counts

    def passes(self, target: Place, job: VolumeJob) -> dict[str, int]:
        """Work through all parts; one that fails is the failure of the volume."""
        counts = {"tasks": 0, "kept_tasks": 0, "bytes": 0}
        for number, work in enumerate(job.passes):
            name = "drawing sections" if number == 0 else f"making levels from {work.first}"
            failed: TaskFailure | None = None
            for result in self.map_parts(target, job, number, name):
                if isinstance(result, TaskFailure):
                    failed = result if failed is None else min(failed, result, key=_place)
                    continue
                counts["tasks"] += 1
                counts["kept_tasks"] += result["kept"]
                counts["bytes"] += result["bytes"]
            if failed is not None:
                raise self.failure(failed, job)
        if counts["kept_tasks"]:
            self.logger.info("%d of %d tasks were done before", counts["kept_tasks"],
                             counts["tasks"])  # fmt: skip
        return counts

    def map_parts(
        self, target: Place, job: VolumeJob, number: int, progress: str
    ) -> Iterable[dict[str, Any] | TaskFailure]:
        """Make the parts of a pass, in parallel where others than this process see the place."""
        make, parts = partial(make_part, job), job.parts(number)
        if self.args["dask_scheduler"]:
            found = each_task(
                make,
                parts,
                self.args["dask_scheduler"],
                progress,
                self.logger,
                self.name_of_tasks(),
                job.part_count(number),
            )
            return (result for _, _, result in found)
        voxels = job.voxels(number)
        pixels = voxels * job.weight
        most = self.workers(target)
        processes = SUMMED.processes(voxels, most) if number else DRAWN.processes(pixels, most)
        ordered = with_small_ones_last(list(parts), TASKS_PER_WORKER * processes)
        return self.map_tasks(make, ordered, progress, processes)

    def failure(self, failed: TaskFailure, job: VolumeJob) -> RenderModuleException:
        """What went wrong, and that the rest is kept."""
        self.logger.debug("%s", failed.details)
        first, last = failed.item.start[0], failed.item.stop[0] - 1
        return RenderModuleException(
            f"planes {first} to {last}: {failed.reason}; what is finished is kept in "
            f"{job.work.url}, and the same command goes on from there"
        )

    @contextmanager
    def whole_file(self, form: VolumeFormat, job: VolumeJob) -> Iterator[Path | None]:
        """The one file of a volume, where the format makes one of its parts."""
        if not form.is_file:
            yield None
            return
        with tempfile.TemporaryDirectory(prefix="stage-", dir=job.work.folder) as folder:
            path = Path(folder) / "file"
            form.assemble(job.target, job.layout, path)
            yield path

    def report(self, target: Place, job: VolumeJob) -> dict[str, Any]:
        """What is written, and the planes that have no section."""
        zs = job.layout.zs
        return {
            "output_volume": target.url,
            "format": job.format_name,
            "shape_zyx": job.layout.shape,
            "channels": [name for name in job.channels if name is not None],
            "dtype": job.layout.dtype,
            "warnings": self.warnings,
            "ignored_masks": self.ignored_masks,
            "levels": job.layout.level_count,
            "voxel_nm_zyx": job.layout.known(job.layout.voxel_nm),
            "origin_nm_zyx": job.layout.known(job.layout.origin_nm),
            "sections": sum(len(p) == 1 and abs(p[0][0] - z) < 1e-6 for p, z in zip(
                job.planes, zs, strict=True)),
            "empty_planes_z": [z for p, z in zip(job.planes, zs, strict=True) if not p],
            "filled_planes": [
                {"z": z, "from": [section for section, _ in p]}
                for p, z in zip(job.planes, zs, strict=True)
                if p and (len(p) > 1 or abs(p[0][0] - z) > 1e-6)
            ],
        }  # fmt: skip


def _aligned(window: Window, multiple: int) -> Window:
    """A window that begins at a multiple of so many voxels; larger by what lies before."""
    step = step_of(window.scale) * multiple
    if multiple == 1 or step != int(step):
        return window
    x, y = (int(math.floor(place / step) * step) for place in (window.x, window.y))
    return replace(
        window,
        x=x,
        y=y,
        width=window.width + int(window.x - x),
        height=window.height + int(window.y - y),
    )


def _place(failed: TaskFailure) -> Any:
    return failed.item.start, failed.item.channel


def _sizes(
    form: VolumeFormat, chunk: Sequence[int] | None, shard: Sequence[int] | None
) -> tuple[Size3, Size3]:
    """Chunk and shard as given, else as the format has them; one given alone leads the other."""
    if chunk is None:
        chunk = form.chunk
        if shard is not None:
            chunk = [math.gcd(c, s) for c, s in zip(chunk, shard, strict=True)]
    if shard is None:
        shard = [max(1, s // c) * c for c, s in zip(chunk, form.shard, strict=True)]
    return (chunk[0], chunk[1], chunk[2]), (shard[0], shard[1], shard[2])


def _fingerprint(job: VolumeJob) -> dict[str, Any]:
    """What two runs must have in common to write one volume together, besides the tiles."""
    return {
        "format": job.format_name,
        "stack": [job.render.DEFAULT_OWNER, job.render.DEFAULT_PROJECT, job.stack],
        "layout": asdict(job.layout),
        "window": asdict(job.window),
        "planes": job.planes,
        "channels": job.channels,
        "query": dict(job.query),
    }


def _pass(plan: dict[str, Any]) -> Pass:
    z, y, x = plan["block"]
    return Pass(plan["first"], plan["last"], (z, y, x))


if __name__ == "__main__":
    ExportVolume.main()
