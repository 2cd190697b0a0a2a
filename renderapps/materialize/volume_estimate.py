"""What an export will take, told before anything is written: measured on one cell of the volume."""

from __future__ import annotations

import math
import tempfile
import time
from pathlib import Path
from typing import Any

from renderapi.rendering.cache import DEFAULT_BYTES
from renderapi.volume.layout import Size3
from renderapps.materialize.volume_drawing import DrawnBox
from renderapps.materialize.volume_job import (
    Part,
    VolumeJob,
    box_end,
    bytes_of_sums,
    cell_bytes,
)
from renderapps.materialize.volume_pyramid import means_of

PROCESS_BYTES = 300 << 20  # of Python with its libraries, before it draws


def estimate(job: VolumeJob, workers: int) -> dict[str, Any]:
    """Tasks, bytes, memory and seconds of an export.

    Sizes are exact. Bytes on disk and seconds are those of one cell in the middle of the volume,
    which is drawn and written to a temporary folder, times how many there are.

    Returns
    -------
    dict
        `tasks`, `voxels`, `bytes_raw` (all levels, not compressed), `bytes_expected`,
        `workers`, `megabytes_per_worker`, `megabytes_of_memory`, `seconds_expected`.
    """
    layout = job.layout
    itemsize = 1 if layout.dtype == "uint8" else 2
    voxels = layout.channel_count * sum(
        math.prod(layout.level_shape(level)) for level in range(layout.level_count)
    )
    tasks = sum(sum(1 for _ in job.parts(number)) for number in range(len(job.passes)))
    seconds, share = _sample(job)
    processes = min(workers, tasks)
    per_process = memory_per_process(job)
    return {
        "dry_run": True,
        "tasks": tasks,
        "voxels": voxels,
        "bytes_raw": voxels * itemsize,
        "bytes_expected": round(voxels * itemsize * share),
        "workers": processes,
        "megabytes_per_worker": math.ceil(per_process / 1e6),
        "megabytes_of_memory": math.ceil(per_process * processes / 1e6),
        "seconds_expected": math.ceil(seconds * voxels / processes),
    }


def memory_per_process(job: VolumeJob) -> int:
    """Most bytes that a process holds: libraries, source images, three cells, sums of a part."""
    sums = max(bytes_of_sums(job.layout, work) for work in job.passes)
    return PROCESS_BYTES + DEFAULT_BYTES + 3 * cell_bytes(job.format, job.layout, 0) + sums


def _sample(job: VolumeJob) -> tuple[float, float]:
    """Seconds to draw and write a voxel; bytes written for each byte of pixels."""
    cell, shape = job.format.cell(job.layout, 0), job.layout.level_shape(0)
    start: Size3 = _middle(job, cell, shape)
    stop = box_end(start, cell, shape)
    seconds = 0.0
    pixels = None
    for _ in range(2):  # the first time compiles and starts libraries
        begin = time.perf_counter()
        box = DrawnBox(job, Part(0, 0, start, stop))
        values = box.values(start, stop)
        pixels = values
        if job.layout.step != 1:
            pixels = means_of(values, start, job.layout, 0, job.weight)
        with tempfile.TemporaryDirectory(prefix="render-") as folder:
            job.format.write(Path(folder), job.layout, 0, 0, start, pixels)
            written = sum(p.stat().st_size for p in Path(folder).rglob("*") if p.is_file())
        seconds = time.perf_counter() - begin
    assert pixels is not None
    return seconds / pixels.size, written / pixels.nbytes


def _middle(job: VolumeJob, cell: Size3, shape: Size3) -> Size3:
    """A cell in the middle of a plane that shows a section."""
    shown = [k for k, plane in enumerate(job.planes) if plane]
    middle = (shown[len(shown) // 2], shape[1] // 2, shape[2] // 2)
    z, y, x = (n // c * c for n, c in zip(middle, cell, strict=True))
    return z, y, x
