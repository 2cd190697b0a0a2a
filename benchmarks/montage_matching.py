"""Matching a montage of 2048 pixel tiles with a tenth of overlap, images read from disk included.

The floor is what libraries need for the least that gives a shift: each tile read once by OpenCV,
then its `phaseCorrelate` of the strips of each pair, which looks for no significance, no rival and
no fraction of a pixel beyond the centre of the peak. Times are processor time, since machines are
shared; the share of the floor is of the same run.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import Row
from benchmarks._processor_time import used

SIDE, OVERLAP, GRID, SECTIONS = 2048, 0.1, 4, 10
STEP = round(SIDE * (1 - OVERLAP))
MISS = 30.0
"""The stage misses by up to so many pixels."""
WANTED = 40.0
"""Pairs in a second on two cores."""


@dataclass(frozen=True)
class Scene:
    """Tiles on disk by name, where they truly lie, and which are neighbours."""

    folder: Path
    true: dict[str, NDArray[np.float64]]
    claimed: dict[str, tuple[float, float]]
    pairs: list[tuple[str, str]]

    def tile(self, name: str, z: int = 0) -> dict[str, Any]:
        """Tile spec where the stage claims it is."""
        x, y = self.claimed[name]
        return {
            "tileId": f"{z}_{name}",
            "z": float(z),
            "width": SIDE,
            "height": SIDE,
            "minIntensity": 0,
            "maxIntensity": 255,
            "layout": {"sectionId": f"{z}.0"},
            "mipmapLevels": {"0": {"imageUrl": (self.folder / f"{name}.tif").as_uri()}},
            "transforms": {
                "type": "list",
                "specList": [
                    {
                        "type": "leaf",
                        "className": "mpicbg.trakem2.transform.AffineModel2D",
                        "dataString": f"1 0 0 1 {x} {y}",
                    }
                ],
            },
        }


def run() -> list[Row]:
    """Pairs in a second and their errors, by the engine alone and by the module."""
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            scene = make_scene(Path(folder))
            count = len(scene.pairs)
            engine, shifts = _timed(lambda: _by_engine(scene))
            floor, _ = _timed(lambda: _by_library(scene))
            errors = [
                float(np.abs(shifts[p, q] - scene.true[q] + scene.true[p]).max())
                for p, q in scene.pairs
            ]
            (_, one), (clock, ten) = (_by_module(scene, sections) for sections in (1, SECTIONS))
        return [
            Row("engine, one process", count / engine, "pairs/s", floor / engine, "library floor"),
            Row("the same on two cores", 2 * count / engine, "pairs/s", 2 * count / engine / WANTED,
                f"{WANTED:g} wanted"),
            Row("median error", float(np.median(errors)), "px", None, f"worst {max(errors):.4f}"),
            Row("module, 2 processes, all", 2 * SECTIONS * count / ten, "pairs/s",
                2 * SECTIONS * count / ten / WANTED, f"{WANTED:g} wanted, both cores in use"),
            Row("the same by the clock", SECTIONS * count / clock, "pairs/s"),
            Row("ten times the tiles", ten / one, "times", None, "the time; at most 12 wanted"),
        ]  # fmt: skip
    finally:
        cv2.setNumThreads(threads)


def make_scene(folder: Path, grid: int = GRID) -> Scene:
    """Tiles cut from one picture at places that are known to a fraction of a pixel."""
    import cv2

    rng = np.random.default_rng(0)
    size = STEP * (grid - 1) + SIDE + 160
    noise = rng.standard_normal((size, size), dtype=np.float32)
    blurred = [np.float32(s) * cv2.GaussianBlur(noise, (0, 0), s) for s in (1.5, 4.0, 15.0)]
    picture = np.sum(blurred, axis=0)
    picture *= np.float32(40 / np.std(picture))
    names = {f"r{row}c{column}": (row, column) for row, column in np.ndindex(grid, grid)}
    true, claimed = {}, {}
    for name, (row, column) in names.items():
        claimed[name] = (float(column * STEP), float(row * STEP))
        true[name] = np.array(claimed[name]) + 80 + rng.uniform(-MISS, MISS, 2)
        grey = 128 + _cut(picture, true[name]) + rng.normal(0, 3, (SIDE, SIDE))
        cv2.imwrite(
            str(folder / f"{name}.tif"),
            np.clip(np.rint(grey), 0, 255).astype(np.uint8),
            [cv2.IMWRITE_TIFF_COMPRESSION, 1],
        )
    pairs = [
        (one, two)
        for one, (row, column) in names.items()
        for two in (f"r{row}c{column + 1}", f"r{row + 1}c{column}")
        if two in names
    ]
    return Scene(folder, true, claimed, pairs)


def _cut(picture: NDArray[np.float32], place: NDArray[np.float64]) -> NDArray[np.float32]:
    """What a tile at a place shows, by a windowed sinc."""
    import cv2

    whole = np.floor(place).astype(int)
    taps = np.arange(-7, 8)
    x, y = (np.sinc(taps - rest) * np.kaiser(15, 5) for rest in place - whole)
    rows, columns = (slice(start - 8, start + SIDE + 8) for start in whole[::-1])
    moved = cv2.sepFilter2D(picture[rows, columns], cv2.CV_32F, x / x.sum(), y / y.sum())
    return np.asarray(moved[8:-8, 8:-8], np.float32)


def _by_engine(scene: Scene) -> dict[tuple[str, str], NDArray[np.float64]]:
    """Shifts of all pairs, found as the module's first stage finds them."""
    from renderapi.matching.batches import PairTask, ViewCache, match_pairs
    from renderapi.matching.candidates import TranslationLimits
    from renderapi.matching.canvases import canvas_spec
    from renderapi.matching.chance import CERTAIN
    from renderapi.matching.neighbours import Pair
    from renderapi.matching.pair_parameters import PairParameters

    canvases = {name: canvas_spec(scene.tile(name), None) for name in scene.true}
    tasks = [PairTask(Pair("0.0", p, "", "0.0", q, "", None)) for p, q in scene.pairs]
    parameters = PairParameters(translation=TranslationLimits(CERTAIN, bands=1), use_features=False)
    cache = ViewCache(1_000_000_000)
    found = {}
    for outcome in match_pairs(tasks, canvases, parameters, cache):
        if not outcome.match.accepted:
            raise RuntimeError(f"{outcome.pair.p_id} - {outcome.pair.q_id}: {outcome.match.reason}")
        pair = outcome.pair
        found[pair.p_id, pair.q_id] = np.array(outcome.match.candidates[0].shift)
    return found


def _by_library(scene: Scene) -> None:
    import cv2

    images = {name: cv2.imread(str(scene.folder / f"{name}.tif"), -1) for name in scene.true}
    for p, q in scene.pairs:
        x, y = np.subtract(scene.claimed[q], scene.claimed[p]).astype(int)
        strips = images[p][y:, x:], images[q][: SIDE - y, : SIDE - x]
        one, two = (np.asarray(strip, np.float32) for strip in strips)
        cv2.phaseCorrelate(one, two, cv2.createHanningWindow(one.shape[::-1], cv2.CV_32F))


def _by_module(scene: Scene, sections: int) -> tuple[float, float]:
    """Seconds that generate_point_matches takes for so many sections: by the clock, and of the
    processors, those of its workers and of their start included."""
    import renderapi
    from renderapps.pointmatch.create_tilepairs import CreateTilePairs
    from renderapps.pointmatch.generate_point_matches import GeneratePointMatches

    with tempfile.TemporaryDirectory() as name:
        store = Path(name)
        connection = {
            "host": "local", "store": str(store / "render.db"), "owner": "o", "project": "p",
        }  # fmt: skip
        render = renderapi.connect(**connection)
        tiles = [
            renderapi.tilespec.TileSpec(json=scene.tile(tile, z))
            for z in range(sections)
            for tile in scene.true
        ]
        renderapi.stack.create_stack("s", render=render)
        renderapi.resolvedtiles.put_tilespecs("s", tilespecs=tiles, render=render)
        renderapi.stack.set_stack_state("s", "COMPLETE", render=render)
        given = {"render": connection, "log_level": "ERROR", "stack": "s"}
        pairs = str(store / "pairs.json")
        CreateTilePairs(input_data=given | {"tilepair_output": pairs}, args=[]).run()
        matching = {"tilepair_file": pairs, "matchCollection": "m", "pool_size": 2}
        module = GeneratePointMatches(input_data=given | matching, args=[])
        start, before = time.perf_counter(), used(os.getpid())
        module.run()
        return time.perf_counter() - start, used(os.getpid()) - before


def _timed(function: Callable[[], Any], repeats: int = 3) -> tuple[float, Any]:
    """Least seconds of processor time of some runs, after one that does not count."""
    result, times = function(), []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times), result
