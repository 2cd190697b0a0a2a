"""Whole stacks edited by modules: read, edit, written to a new stack and completed."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import renderapi
from benchmarks import Row
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform

SECTIONS, TILES = 10, 2000
WANTED = 10_000  # tiles/s


def run() -> list[Row]:
    """Tiles per second of three modules, end to end, in one process and in two."""
    with tempfile.TemporaryDirectory() as folder:
        render = renderapi.connect(
            host="local", store=Path(folder) / "render.db", owner="bench", project="bench"
        )
        make_stack(render, SECTIONS, TILES)
        return [
            row
            for pool_size in (1, 2)
            for row in (
                _row(render, "levels", pool_size, _levels()),
                _row(render, "affine", pool_size, _affine()),
                _row(render, "filenames", pool_size, _filenames()),
            )
        ]


def _levels() -> tuple[Any, dict[str, Any]]:
    from renderapps.stack.set_stack_levels import SetStackLevels

    return SetStackLevels, {"stack": "raw", "minIntensity": 10, "maxIntensity": 4000}


def _affine() -> tuple[Any, dict[str, Any]]:
    from renderapps.stack.apply_global_affine_to_stack import ApplyAffine

    return ApplyAffine, {"input_stack": "raw", "transformId": "shift", "B0": 100.5}


def _filenames() -> tuple[Any, dict[str, Any]]:
    from renderapps.stack.regex_replace_filenames import ReplaceFileNames

    find = {"regex_find": "^file:///data/", "regex_replace": "file:///archive/data/"}
    return ReplaceFileNames, {"input_stack": "raw", **find}


def _row(
    render: renderapi.Render, name: str, pool_size: int, edit: tuple[Any, dict[str, Any]]
) -> Row:
    module, parameters = edit
    place = {"host": render.DEFAULT_HOST, "owner": "bench", "project": "bench"}
    output = f"{name}_{pool_size}"
    given = parameters | {"render": place, "output_stack": output, "pool_size": pool_size}
    start = time.perf_counter()
    module(input_data=given, args=[]).run()
    rate = SECTIONS * TILES / (time.perf_counter() - start)
    _require_shared(render, output)
    label = f"{name}, {pool_size} process{'es' if pool_size > 1 else ''}"
    return Row(label, rate, "tiles/s", rate / WANTED, f"{WANTED:,} tiles/s wanted")


def _require_shared(render: renderapi.Render, stack: str) -> None:
    """The tiles still refer to one lens."""
    section = renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, 0, render=render)
    if "lens" not in {transform.transformId for transform in section.transforms}:
        raise AssertionError(f"the lens of stack {stack} is no longer shared")


def make_stack(render: renderapi.Render, sections: int, tiles_each: int) -> None:
    """A COMPLETE stack `raw` whose tiles share a lens."""
    renderapi.stack.create_stack("raw", render=render)
    lens = AffineModel(M00=1.001, M11=0.999, transformId="lens")
    for z in range(sections):
        tiles = [
            TileSpec(
                tileId=f"tile_{z:04d}_{i:05d}",
                z=float(z),
                width=2560,
                height=2160,
                imageUrl=f"file:///data/section_{z}/tile_{i}.tif",
                sectionId=f"{z}.0",
                tforms=[ReferenceTransform("lens"), AffineModel(B0=2300.0 * i, B1=10.0 * z)],
            )
            for i in range(tiles_each)
        ]
        renderapi.resolvedtiles.put_tilespecs(
            "raw", resolved_tiles=ResolvedTiles(tiles, [lens]), render=render
        )
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
