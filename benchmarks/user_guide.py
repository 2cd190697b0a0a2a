"""The user guide's tutorial: a stack of many sections, imported in parallel, and read back.

A tenth of the guide's 100,000 tiles; all of them with RENDERAPI_BENCH_SECTIONS=500.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

import renderapi
from benchmarks import Row
from renderapi.tilespec import Layout, TileSpec
from renderapi.transform import AffineModel

ROWS, COLUMNS, WIDTH, OVERLAP, PIXEL_SIZE = 10, 20, 2048, 0.8, 3.0
SECTIONS = 50
STACK = "mystack"


def run() -> list[Row]:
    """Tiles per second of the guide's steps, wall time, in-process service."""
    sections = int(os.environ.get("RENDERAPI_BENCH_SECTIONS", SECTIONS))
    with tempfile.TemporaryDirectory() as folder:
        render = renderapi.connect(
            "local", store=Path(folder) / "render.db", owner="myowner", project="myproject"
        )
        renderapi.stack.create_stack(STACK, render=render)
        start = time.perf_counter()
        tiles = [tile for z in range(sections) for tile in section(z)]
        made = time.perf_counter()
        renderapi.client.import_tilespecs_parallel(STACK, tiles, close_stack=True, render=render)
        imported = time.perf_counter()
        found = renderapi.tilespec.get_tile_specs_from_stack(STACK, render=render)
        read = time.perf_counter()
    if len(found) != len(tiles):
        raise AssertionError(f"{len(found)} tiles came back, not {len(tiles)}")
    count = f"{len(tiles):,} tiles in {sections} sections"
    return [
        Row(f"{count}: made", len(tiles) / (made - start), "tiles/s"),
        Row(f"{count}: imported in parallel", len(tiles) / (imported - made), "tiles/s"),
        Row(f"{count}: read back", len(tiles) / (read - imported), "tiles/s"),
    ]


def section(z: int) -> list[TileSpec]:
    """Tiles of one section, as the guide makes them."""
    return [
        TileSpec(
            tileId=f"{z}_{row}_{column}",
            z=z,
            width=WIDTH,
            height=WIDTH,
            imageUrl=f"/data/images/{z}_{row}_{column}.tif",
            maskUrl=None,
            layout=Layout(
                sectionId=f"{z:05d}",
                scopeId="myscope",
                cameraId="mycamera",
                imageRow=0,
                imageCol=0,
                stageX=column * WIDTH * OVERLAP * PIXEL_SIZE,
                stageY=row * WIDTH * OVERLAP * PIXEL_SIZE,
                rotation=0.0,
                pixelsize=PIXEL_SIZE,
            ),
            tforms=[AffineModel(B0=column * WIDTH * OVERLAP, B1=row * WIDTH * OVERLAP)],
        )
        for row in range(ROWS)
        for column in range(COLUMNS)
    ]
