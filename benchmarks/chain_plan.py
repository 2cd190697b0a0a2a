"""What each step of a chain takes, against what its plan says before it is run.

Real sections that were never aligned (`tem_sections_512nm`), each enlarged with noise of the camera
and cut into tiles of 2048 pixels that overlap by a tenth. All steps run in this process, one after
the other, on a few sections; once before on fewer, so that nothing is compiled or loaded in what
counts. Seconds are processor time of this process and of those it has started. The ratio is what
the plan says by what was taken: above 1 the plan says too much. Nothing is run without the data.
"""

from __future__ import annotations

import csv
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import Row
from benchmarks._processor_time import used
from benchmarks.section_alignment import connection, data_folder

SIDE, STEP, GRID = 2048, 1843, (2, 4)
LARGER = 4
"""Times the sections are enlarged: 2048 x 1024 pixels are cut into 4 x 2 tiles."""
WARM, SECTIONS = 2, 4


def run() -> list[Row]:
    """A row for each step."""
    data = data_folder("tem_sections_512nm")
    if data is None:
        return []
    rows = []
    for count in (WARM, SECTIONS):
        with tempfile.TemporaryDirectory() as folder:
            rows = [
                Row(f"{step}, {count} sections", taken, "s", said / max(taken, 0.01), "in the plan")
                for step, taken, said in steps_taken(Path(folder), data, count)
            ]
    return rows


def steps_taken(folder: Path, data: Path, count: int) -> Iterator[tuple[str, float, float]]:
    """Name of each step, seconds it took, and seconds that were said."""
    from renderapps.alignment.chain import Chain
    from renderapps.alignment.chain_plan import Size, plan
    from renderapps.alignment.chain_steps import Wanted, across_steps, last_steps, montage_steps

    given = acquired(folder / "raw", data, count)
    wanted = Wanted(
        folder, "aligned", "acquired", given, output_volume=str(folder / "volume.ome.zarr")
    )
    chain = Chain(folder / "chain", connection(folder), lambda _: None, {"pool_size": 1})
    tiles = count * GRID[0] * GRID[1]
    size = Size(tiles, count, float(tiles * SIDE * SIDE))
    side = (size.pixels / count) ** 0.5
    steps = [
        *montage_steps(wanted),
        *across_steps(wanted, range(count), side),
        *last_steps(wanted, "aligned"),
    ]
    for step, said in zip(steps, plan(steps, size, 1, side), strict=True):
        begin = used(os.getpid())
        chain.run(step)
        yield step.name, used(os.getpid()) - begin, said["core_seconds"]


def acquired(folder: Path, data: Path, count: int) -> dict[str, Any]:
    """Tiles of so many sections as files, and what import_tiles is told of them."""
    import cv2
    import tifffile

    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for z, path in enumerate(sorted(data.glob("*.png"))[:count]):
        small = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        whole = cv2.resize(small, None, fx=LARGER, fy=LARGER, interpolation=cv2.INTER_CUBIC)
        for row, column in np.ndindex(GRID):
            x, y = (STEP * k + rng.integers(-15, 16) + 100 for k in (column, row))
            tile = whole[y : y + SIDE, x : x + SIDE].astype(np.float32)
            tile += rng.normal(0, 6, tile.shape).astype(np.float32)
            name = f"z{z:02}_r{row}_c{column}.tif"
            tifffile.imwrite(folder / name, np.clip(tile, 0, 255).astype(np.uint8))
            rows.append({"file": name, "x": STEP * column, "y": STEP * row, "z": z})
    with (folder / "positions.csv").open("w", newline="") as stream:
        table = csv.DictWriter(stream, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return {
        "image_directory": str(folder),
        "positions_file": str(folder / "positions.csv"),
        "position_unit": "pixel",
        "pixel_size_nm": [128, 128, 70],
    }
