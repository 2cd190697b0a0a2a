"""From how much work on a second process is of use: edits of tile specs, and work on images.

Each ratio is how many times faster a module runs with `pool_size` 2 than with 1, by the clock; best
of several runs that take turns. `waiting`: a step of a process in which an earlier step has left
workers waiting. `first`: the first step of a process, which has to start them if they pay.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import renderapi
from benchmarks import Row
from benchmarks.stack_edits import make_stack
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url

EDITED, EDITED_SECTIONS = (2_000, 20_000), 20
IMAGES, IMAGES_OF_SECTION = (8, 16), 2
SIDE = 2048
TURNS = 3

_RUN = """
import sys, json, time
from importlib import import_module
from renderapps.module import map_tasks
name, class_name = sys.argv[1].rsplit(".", 1)
cls = getattr(import_module(name), class_name)
given, sizes, turns, turn = json.loads(sys.argv[2]), *map(json.loads, sys.argv[3:6])
if len(sizes) == 2:
    map_tasks(abs, [1, 2], 2)
def seconds(turn, size):
    output = f"out_{turn}_{size}_{len(sizes)}"
    more = {"output_stack": output, "pool_size": size}
    if "output_directory" in given:
        more["output_directory"] = given["output_directory"] + output
    begin = time.perf_counter()
    cls(input_data=given | more, args=[]).run()
    return time.perf_counter() - begin
print(json.dumps([[seconds(turn + k, size) for size in sizes] for k in range(turns)]))
"""
_START = """
import time
from renderapps.module import map_tasks
begin = time.perf_counter()
map_tasks(abs, [1, 2], 2)
print(time.perf_counter() - begin)
"""

EDITS = {
    "levels": ("stack.set_stack_levels.SetStackLevels", {"stack": "raw", "maxIntensity": 4000}),
    "affine": (
        "stack.apply_global_affine_to_stack.ApplyAffine",
        {"input_stack": "raw", "transformId": "shift", "B0": 100.5},
    ),
}
IMAGE_WORK = {
    "mipmaps": ("dataimport.generate_mipmaps.GenerateMipMaps", {"input_stack": "raw", "levels": 3}),
    "automatic levels": ("stack.auto_set_stack_levels.AutoSetStackLevels", {"stack": "raw"}),
}


def run() -> list[Row]:
    """Start of two workers, and ratios of one process to two."""
    rows = [_start()]
    with tempfile.TemporaryDirectory() as name:
        for count in EDITED:
            folder = Path(name, f"edits_{count}")
            folder.mkdir()
            make_stack(_connected(folder), EDITED_SECTIONS, count // EDITED_SECTIONS)
            for what, (module, given) in EDITS.items():
                rows += _rows(folder, f"{what} of {count:,} tiles", module, given)
        for count in IMAGES:
            folder = Path(name, f"images_{count}")
            folder.mkdir()
            _make_images(folder, count)
            for what, (module, given) in IMAGE_WORK.items():
                if what == "mipmaps":
                    given = given | {"output_directory": f"{folder}/"}
                rows += _rows(folder, f"{what} of {count} images", module, given)
    return rows


def _start() -> Row:
    """Seconds until two workers have started and done nothing, in a process that has begun."""
    seconds = [float(_python(_START)) for _ in range(TURNS)]
    return Row("two workers start", min(seconds), "s")


def _rows(folder: Path, what: str, module: str, given: dict[str, Any]) -> list[Row]:
    given = given | {"render": _connection(folder)}
    arguments = (f"renderapps.{module}", json.dumps(given))
    waiting = json.loads(_python(_RUN, *arguments, "[1, 2]", str(TURNS), "0"))
    first: list[list[float]] = []
    for turn in range(TURNS):
        first.append([])
        for size in (1, 2):
            ((seconds,),) = json.loads(_python(_RUN, *arguments, f"[{size}]", "1", str(turn)))
            first[-1].append(seconds)
    return [_row(f"{what}, workers waiting", waiting), _row(f"{what}, first step", first)]


def _row(name: str, seconds: list[list[float]]) -> Row:
    one, two = (min(column) for column in zip(*seconds, strict=True))
    return Row(name, two, "s", one / two, "one process")


def _make_images(folder: Path, count: int) -> None:
    """A COMPLETE stack of 16 bit tiles."""
    import tifffile

    render = _connected(folder)
    generator = np.random.default_rng(0)
    tiles = []
    for number in range(count):
        path = folder / f"{number}.tif"
        tifffile.imwrite(path, generator.poisson(900, (SIDE, SIDE)).astype(np.uint16))
        z, column = divmod(number, IMAGES_OF_SECTION)
        tiles.append(
            TileSpec(
                tileId=f"t{number}",
                z=float(z),
                width=SIDE,
                height=SIDE,
                sectionId=f"{z}.0",
                imageUrl=path_to_url(path),
                tforms=[AffineModel(B0=1900.0 * column)],
            )
        )
    renderapi.stack.create_stack("raw", render=render)
    renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=tiles, render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)


def _connection(folder: Path) -> dict[str, str]:
    return {"host": "local", "owner": "o", "project": "p", "store": str(folder / "render.db")}


def _connected(folder: Path) -> renderapi.Render:
    return renderapi.connect(**_connection(folder))


def _python(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
