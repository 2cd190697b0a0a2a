"""The most memory that a large section image and a volume need, each in a process of its own.

The limit is 2 GB whatever the size of the section. `SIDE` is the side of the section in pixels;
its tiles are 2048 x 2048 files of different names, so that caches have as much to hold as in life.
Takes about a minute and 3 GB of disk.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import Row

SIDE, TILE, STEP = 20_000, 2048, 1900
LIMIT = 2000.0  # MB
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"

_PEAK = """
import re
def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]) / 1024
"""
_PREPARE = """
import sys, orjson
import renderapi
from renderapi.tilespec import TileSpec
render = renderapi.connect(host="local", store=sys.argv[1], owner="o", project="p")
tiles = [TileSpec(json=tile) for tile in orjson.loads(open(sys.argv[2], "rb").read())]
renderapi.stack.create_stack("section", render=render)
renderapi.client.import_tilespecs("section", tiles, use_rest=True, render=render)
renderapi.stack.set_stack_state("section", "COMPLETE", render=render)
"""
_MODULE = """
import sys, json
from importlib import import_module
name, class_name = sys.argv[1].rsplit(".", 1)
cls = getattr(import_module(name), class_name)
module = cls(input_data=json.loads(sys.argv[2]), args=[])
module.run()
print(peak())
"""
MODULE = "renderapps.materialize."
IMAGES = MODULE + "render_section_images.RenderSectionImages"
JOBS = {
    **{
        f"section image, {suffix}": (IMAGES, {"image_format": suffix, "scale": 1.0})
        for suffix in ("tif", "png", "jpg")
    },
    "volume export": (MODULE + "export_volume.ExportVolume", {}),
}


def run() -> list[Row]:
    """Megabytes at most; the ratio is how often they fit into the limit."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder, SIDE)
        return [_row(folder, job, *JOBS[job]) for job in JOBS]


def _prepare(folder: Path, side: int) -> None:
    """A COMPLETE stack of one section."""
    import tifffile

    noise = np.random.default_rng(0).integers(60, 200, (TILE, TILE), dtype=np.uint8)
    first = folder / "tile.tif"
    tifffile.imwrite(first, noise)
    count = -(-side // STEP)
    tiles = [_tile(folder, first, column, row) for row in range(count) for column in range(count)]
    (folder / "tiles.json").write_text(json.dumps(tiles))
    _run(_PREPARE, str(folder / "store.db"), str(folder / "tiles.json"))


def _tile(folder: Path, first: Path, column: int, row: int) -> dict[str, Any]:
    path = folder / f"{column}_{row}.tif"
    os.link(first, path)
    place = f"0.998 0.013 -0.011 1.003 {STEP * column + 0.3} {STEP * row - 20.6}"
    return {
        "tileId": f"{column:02}_{row:02}", "z": 0.0, "width": TILE, "height": TILE,
        "layout": {"sectionId": "0"}, "minIntensity": 0.0, "maxIntensity": 255.0,
        "mipmapLevels": {"0": {"imageUrl": path.as_uri()}},
        "transforms": {
            "type": "list",
            "specList": [{"type": "leaf", "className": AFFINE, "dataString": place}],
        },
    }  # fmt: skip


def _row(folder: Path, name: str, module: str, options: dict[str, Any]) -> Row:
    out = folder / name.replace(" ", "_").replace(",", "")
    where = "image_directory" if module == IMAGES else "output_volume"
    parameters = {
        "render": {
            "host": "local", "store": str(folder / "store.db"), "owner": "o", "project": "p",
        },
        "input_stack": "section", where: str(out), "pool_size": 1, **options,
    }  # fmt: skip
    peak = float(_run(_PEAK + _MODULE, module, json.dumps(parameters)).split()[-1])
    shutil.rmtree(out)
    return Row(f"{name} of {SIDE:,} x {SIDE:,}", peak, "MB", LIMIT / peak, f"{LIMIT:,.0f} MB")


def _run(code: str, *arguments: str) -> str:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
