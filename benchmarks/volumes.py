"""Export of a section to sharded zstd OME-Zarr with its levels, against tensorstore alone.

36 tiles of 2048 x 2048 pixels, raw TIFF, make a section of 11,293 x 11,293; it is drawn, reduced
and written with all levels. A core's second is one second of processor time, so that the figures
mean something on a busy machine too; the seconds on the clock are given besides. The floor is what
tensorstore takes to write level 0 of such pixels from memory, in the same shards, in one thread.

A process exports twice: the second time its workers wait already, as in a chain of steps. How many
times faster two processes are than one is given for both, and for what cannot be faster: two
processes that export a volume each, and know nothing of each other.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import Row

TILE, STEP, COLUMNS = 2048, 1849, 6
SECTIONS = 12
SHARD = 2048

_PREPARE = """
import sys, json
from renderapps.dataimport.import_tiles import ImportTiles
ImportTiles(input_data=json.loads(sys.argv[1]), args=[]).run()
"""
_EXPORT = """
import sys, json, time, resource, os, multiprocessing
from pathlib import Path
from renderapps.materialize.export_volume import ExportVolume
def used():
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    own, others = map(resource.getrusage, who)
    ended = own.ru_utime + own.ru_stime + others.ru_utime + others.ru_stime
    return ended + sum(used_by(worker.pid) for worker in multiprocessing.active_children())
def used_by(process):
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
def run(options):
    clock, cores = time.perf_counter(), used()
    module = ExportVolume(input_data=options, args=[])
    module.run()
    shape = module.result["shape_zyx"]
    return {"pixels": shape[0] * shape[1] * shape[2], "clock": time.perf_counter() - clock,
            "cores": used() - cores}
options = json.loads(sys.argv[1])
first = run(options | {"output_volume": options["output_volume"] + "_first.ome.zarr"})
print(json.dumps(run(options) | {"first": first["clock"]}))
"""


def run() -> list[Row]:
    """Megapixels of level 0 in a second of one core; the ratio is the share of the floor."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pixels = _prepare(folder)
        floor = _floor(folder / "floor.zarr", pixels)
        rows = [Row("tensorstore alone, level 0, one thread", floor, "Mpx/s/core")]
        both = []
        for processes in (1, 2):
            (found,) = _exported(_export(folder, processes))
            both.append(found)
            rate = found["pixels"] / found["cores"] / 1e6
            name = f"raw TIFF to OME-Zarr with levels, {processes} process" + "es" * (processes > 1)
            rows.append(Row(name, rate, "Mpx/s/core", rate / floor, "tensorstore alone"))
            seconds = found["pixels"] / found["clock"] / 1e6
            rows.append(Row(f"the same by the clock, {processes}", seconds, "Mpx/s"))
        one, two = both
        side_by_side = _exported(*(_export(folder, 1, f"{number}_") for number in range(2)))
        clock = sum(found["clock"] for found in side_by_side) / 2
        gains = {
            "second process, workers waiting": one["clock"] / two["clock"],
            "second process, first export of a process": one["first"] / two["first"],
            "two exports side by side": 2 * one["clock"] / clock,
        }
        return rows + [Row(name, gain, "times", gain, "one") for name, gain in gains.items()]


def _prepare(folder: Path) -> np.ndarray:
    """A COMPLETE stack of some sections; the pixels of a tile."""
    import tifffile

    pixels = _tissue()
    lines = ["file,x,y,section,z,tile_id"]
    for row in range(COLUMNS):
        for column in range(COLUMNS):
            shifted = np.roll(pixels, (97 * row, 131 * column), (0, 1))
            tifffile.imwrite(folder / f"{row}_{column}.tif", shifted)
            for z in range(SECTIONS):
                os.link(folder / f"{row}_{column}.tif", folder / f"{z}_{row}_{column}.tif")
                lines.append(
                    f"{z}_{row}_{column}.tif,{STEP * column},{STEP * row},s{z},{z},"
                    f"t{z}_{row}_{column}"
                )
    (folder / "positions.csv").write_text("\n".join(lines))
    parameters = {
        "render": _connection(folder),
        "output_stack": "sections",
        "image_directory": str(folder),
        "positions_file": str(folder / "positions.csv"),
        "pixel_size_nm": [4.0, 4.0, 40.0],
    }
    _python(_PREPARE, json.dumps(parameters))
    return pixels


def _tissue() -> np.ndarray:
    """A tile that compresses about as badly as electron microscopy does."""
    import cv2

    generator = np.random.default_rng(0)
    smooth = cv2.GaussianBlur(generator.normal(0, 88, (TILE, TILE)).astype(np.float32), (0, 0), 1.2)
    return np.clip(smooth + 128 + generator.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8)


def _floor(path: Path, pixels: np.ndarray) -> float:
    """Megapixels that tensorstore writes in a second of one core."""
    from renderapi.volume.layout import VolumeLayout
    from renderapps.materialize.formats.omezarr import FORMAT

    side = 3 * SHARD
    layout = VolumeLayout((1, side, side), "uint8", (1.0, 1.0, 1.0), levels=1)
    block = np.ascontiguousarray(np.tile(pixels, (3, 3)))[None]
    rates = []
    for _ in range(3):
        begin = time.process_time()
        FORMAT.write(path, layout, 0, 0, (0, 0, 0), block)
        rates.append(block.size / (time.process_time() - begin) / 1e6)
    return max(rates)


def _export(folder: Path, processes: int, name: str = "") -> subprocess.Popen[str]:
    options = {
        "render": _connection(folder),
        "input_stack": "sections",
        "output_volume": str(folder / f"{name}{processes}.ome.zarr"),
        "shard": [1, SHARD, SHARD],
        "pool_size": processes,
        "overwrite": True,
        "log_level": "ERROR",
    }
    command = [sys.executable, "-c", _EXPORT, json.dumps(options)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def _exported(*programs: subprocess.Popen[str]) -> list[dict[str, Any]]:
    """What exports that run at once have found."""
    outputs = [program.communicate()[0] for program in programs]
    if any(program.returncode for program in programs):
        raise RuntimeError("an export failed")
    return [json.loads(output) for output in outputs]


def _connection(folder: Path) -> dict[str, str]:
    return {"host": "local", "owner": "o", "project": "p", "store": str(folder / "render.db")}


def _python(program: str, argument: str) -> str:
    command = [sys.executable, "-c", program, argument]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
