"""One task of an export: draw or read a part, write its levels, and record what was written."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.volume.layout import Size3
from renderapps.materialize.part_records import (
    RECORDS,
    bytes_of,
    moved,
    moved_files,
    staged,
    valid_record,
)
from renderapps.materialize.volume_drawing import DrawnBox
from renderapps.materialize.volume_job import Part, Pass, VolumeJob, box_end, boxes
from renderapps.materialize.volume_pyramid import (
    add_reduced,
    means_of,
    next_box,
    type_of_sums,
    zeros_between,
)

SUMS = "sums"


def make_part(job: VolumeJob, part: Part) -> dict[str, Any]:
    """Write a part unless it is there already.

    Returns
    -------
    dict
        `kept`: whether it was there; `bytes`: of its files in the volume.
    """
    source = _source(job, part)
    key = f"{RECORDS}/{part.name}.json"
    found = valid_record(job.target, job.work, key, source.made_from)
    if found is not None:
        return {"kept": True, "bytes": bytes_of(found)}
    with staged(job.work) as stage:
        found = {"made_from": source.made_from} | _written(job, part, source, stage)
    job.work.write(key, json.dumps(found))
    return {"kept": False, "bytes": bytes_of(found)}


def _source(job: VolumeJob, part: Part) -> DrawnBox | SummedBox:
    return SummedBox(job, part) if part.number else DrawnBox(job, part)


class SummedBox:
    """A part of a coarser level, from the sums that the parts of the pass before have left."""

    def __init__(self, job: VolumeJob, part: Part) -> None:
        self.job = job
        self.part = part

    def _pieces(self, start: Size3, stop: Size3) -> Iterator[tuple[str, Size3]]:
        """Sums that reach into a box: their names, and where they begin."""
        number = self.part.number - 1
        before = self.job.passes[number]
        factors = self.job.layout.scale_of(before.last + 1 - before.first)
        shape = self.job.layout.level_shape(before.first)
        low = [a * f // n * n for a, f, n in zip(start, factors, before.block, strict=True)]
        high = [min(b * f, n) for b, f, n in zip(stop, factors, shape, strict=True)]
        for corner in boxes(high, before.block, _size3(low)):
            end = box_end(corner, before.block, shape)
            below = Part(number, self.part.channel, corner, end)
            yield f"{SUMS}/{below.name}.npy", _box_of_sums(self.job, below)[0]

    @property
    def made_from(self) -> str:
        """Digest of the sums."""
        digest = hashlib.blake2b(digest_size=16)
        for key, _ in self._pieces(self.part.start, self.part.stop):
            digest.update(self.job.work.read(key) or b"-")
        return digest.hexdigest()

    def values(self, start: Size3, stop: Size3) -> NDArray:
        """Sums of the voxels from `start` to `stop`."""
        level = self.job.passes[self.part.number].first
        sums = zeros_between(start, stop, type_of_sums(self.job.layout, level, self.job.weight))
        for key, first in self._pieces(start, stop):
            data = self.job.work.read(key)
            if data is None:
                raise FileNotFoundError(f"{self.job.work.url}/{key} is gone: run the export again")
            piece = np.load(io.BytesIO(data))
            _add_overlap(sums, start, piece, first)
        return sums


def _add_overlap(sums: NDArray, start: Size3, piece: NDArray, first: Size3) -> None:
    there, here = [], []
    for axis in range(3):
        low = max(start[axis], first[axis])
        high = min(start[axis] + sums.shape[axis], first[axis] + piece.shape[axis])
        there.append(slice(low - start[axis], high - start[axis]))
        here.append(slice(low - first[axis], high - first[axis]))
    sums[tuple(there)] += piece[tuple(here)]


def _box_of_sums(job: VolumeJob, part: Part) -> tuple[Size3, Size3]:
    """Box of the sums that a part leaves for the next pass."""
    work = job.passes[part.number]
    start, stop = part.start, part.stop
    for _ in range(work.first, work.last + 1):
        start, stop = next_box(start, stop, job.layout.factors)
    return start, stop


def _written(
    job: VolumeJob, part: Part, source: DrawnBox | SummedBox, stage: Path
) -> dict[str, Any]:
    """Write the levels of a part; what was written, with sizes and checksums."""
    volume = stage / "volume"
    volume.mkdir()
    work = job.passes[part.number]
    with _Writer(job, part, volume) as writer:
        sums, first = _first_level(job, part, work, source, writer)
        for level in range(work.first + 1, work.last + 1):
            writer.write(level, first, means_of(sums, first, job.layout, level, job.weight))
            sums, first = _next_sums(job, sums, first, level)
    left = {}
    if sums is not None:
        np.save(stage / "sums.npy", sums)
        key = f"{SUMS}/{part.name}.npy"
        left[key] = moved(stage / "sums.npy", job.work, key)
    return {"files": moved_files(volume, job.target), "sums": left}


def _first_level(
    job: VolumeJob, part: Part, work: Pass, source: DrawnBox | SummedBox, writer: _Writer
) -> tuple[Any, Size3]:
    """Write the first level cell by cell; sums of the next one, and where they begin."""
    level, layout = work.first, job.layout
    sums, first = None, part.start
    if level + 1 < layout.level_count:
        first, last = next_box(part.start, part.stop, layout.factors)
        sums = zeros_between(first, last, type_of_sums(layout, level + 1, job.weight))
    cell = job.format.cell(layout, level)
    for start in boxes(part.stop, cell, part.start):
        stop = box_end(start, cell, part.stop)
        values = source.values(start, stop)
        is_drawn = part.number == 0 and layout.step == 1
        pixels = values if is_drawn else means_of(values, start, layout, level, job.weight)
        writer.write(level, start, pixels)
        if sums is not None:
            add_reduced(values, start, sums, first, layout.factors)
    return sums, first


def _next_sums(job: VolumeJob, sums: NDArray, start: Size3, level: int) -> tuple[Any, Size3]:
    """Sums of the level after `level`, None where that was the last."""
    layout = job.layout
    if level + 1 >= layout.level_count:
        return None, start
    stop = box_end(start, _size3(sums.shape), layout.level_shape(level))
    first, last = next_box(start, stop, layout.factors)
    coarser = zeros_between(first, last, type_of_sums(layout, level + 1, job.weight))
    add_reduced(sums, start, coarser, first, layout.factors)
    return coarser, first


def _size3(shape: Sequence[int]) -> Size3:
    z, y, x = shape
    return z, y, x


class _Writer:
    """Writes blocks in a thread, one at a time, while the next one is drawn."""

    def __init__(self, job: VolumeJob, part: Part, folder: Path) -> None:
        self._job = job
        self._part = part
        self._folder = folder
        self._pool = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def write(self, level: int, start: Size3, block: NDArray) -> None:
        """Write a block after the one before is written."""
        if self._last is not None:
            self._last.result()
        self._last = self._pool.submit(
            self._job.format.write,
            self._folder,
            self._job.layout,
            level,
            self._part.channel,
            start,
            block,
        )

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        with self._pool:
            if self._last is not None:
                with contextlib.suppress(Exception) if kind else contextlib.nullcontext():
                    self._last.result()
