"""A very large store beside one of a tenth of it: 10 million tiles, 100,000 pairs of 1,000 points.

Runs only when it is named (`python -m benchmarks large`): it takes some minutes and, for that time,
some 15 GB of the folder for temporary files. Times of questions are medians of calls that alternate
between the two stores; ratios are the small store's time divided by the large one's, for the same
number of things found.
"""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import orjson

from benchmarks import Row
from benchmarks.store import AFFINE, COLLECTION, COLUMNS, ROWS, SIZE, STACK, STEP
from renderws.store.documents import new_tiles
from renderws.store.protocol import Match, MatchQuery, TileQuery, TileRecord
from renderws.store.sqlite import SqliteStore

LAYERS, SHARE, PAIRS_OF_LAYER, POINTS = 2000, 10, 50, 1000
LAYERS_AT_ONCE = 5
BYTES_OF_LAYER = 8_000_000
LENS = {
    "lens": orjson.dumps(
        {"type": "leaf", "id": "lens", "className": AFFINE, "dataString": "1 0 0 1 0 0"}
    )
}

Question = Callable[[SqliteStore, int], object]


def run() -> list[Row]:
    """Times of questions to both stores, and how fast the large one was filled."""
    layers = int(os.environ.get("LARGE_LAYERS", LAYERS))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _check_space(folder, layers)
        small, large = (
            stack.enter_context(SqliteStore(folder / f"{name}.db")) for name in ("small", "large")
        )
        fewer = max(1, layers // SHARE)
        first = _fill(small, fewer)
        rows = _rates(first, _fill(large, layers), layers)
        for question in _questions():
            rows += _compared(*question, small, large, fewer, layers)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [*rows, Row("peak memory", peak, "MB")]


def _check_space(folder: Path, layers: int) -> None:
    needed, free = 1.2 * BYTES_OF_LAYER * layers, shutil.disk_usage(folder).free
    if free < needed:
        raise SystemExit(
            f"{folder.parent} has {free / 1e9:.0f} GB free, {needed / 1e9:.0f} are needed; set"
            " TMPDIR to another folder, or LARGE_LAYERS to fewer than 2000 layers"
        )


def _fill(store: SqliteStore, layers: int) -> dict[str, float]:
    """Layers of 5,000 tiles and of 50 pairs each; rates."""
    took = dict.fromkeys(("save tiles", "save pairs", "make COMPLETE"), 0.0)
    store.create_stack(STACK, {})
    for z in range(0, layers, LAYERS_AT_ONCE):
        chosen = range(z, min(z + LAYERS_AT_ONCE, layers))
        tiles = new_tiles([tile for layer in chosen for tile in _tiles(layer)])
        matches = [match for layer in chosen for match in _matches(layer)]
        took["save tiles"] += _seconds(lambda tiles=tiles: store.save_tiles(STACK, tiles, LENS))
        took["save pairs"] += _seconds(lambda found=matches: store.save_matches(COLLECTION, found))
        if z % 100 == 0:
            print(f"\r{z} of {layers} layers", end="", file=sys.stderr, flush=True)
    took["make COMPLETE"] = _seconds(lambda: store.set_state(STACK, "COMPLETE"))
    print("\r", end="", file=sys.stderr)
    counts = {"save pairs": PAIRS_OF_LAYER * layers}
    return {name: counts.get(name, ROWS * COLUMNS * layers) / s for name, s in took.items()}


def _rates(small: dict[str, float], large: dict[str, float], layers: int) -> list[Row]:
    stored = f"{PAIRS_OF_LAYER * layers:,} pairs of {POINTS:,} points, and"
    rows = [Row(stored, ROWS * COLUMNS * layers, "tiles")]
    for name, rate in large.items():
        unit = "pairs/s" if name == "save pairs" else "tiles/s"
        against = f"1/{SHARE} of it: {small[name]:,.0f}"
        rows.append(Row(name, rate, unit, rate / small[name], against))
    return rows


def _tiles(z: int) -> Iterator[TileRecord]:
    """Tiles of a layer, about 450 bytes each, behind a shared lens transform."""
    section = f"{z}.0"
    for row in range(ROWS):
        for column in range(COLUMNS):
            name, x, y = f"{z:04d}_{row:04d}_{column:04d}", column * STEP, row * STEP
            document = (
                f'{{"tileId":"{name}","layout":{{"sectionId":"{section}","imageRow":{row},'
                f'"imageCol":{column},"camera":"camera1"}},"z":{z}.0,"minX":{x},"minY":{y},'
                f'"maxX":{x + SIZE},"maxY":{y + SIZE},"width":{SIZE},"height":{SIZE},'
                f'"mipmapLevels":{{"0":{{"imageUrl":"file:///data/volume/{z:04d}/{name}.tif"}}}},'
                '"transforms":{"type":"list","specList":[{"type":"ref","refId":"lens"},'
                f'{{"type":"leaf","className":"{AFFINE}","dataString":"1 0 0 1 {x} {y}"}}]}},'
                '"meshCellSize":64.0}'
            ).encode()
            yield TileRecord(
                name, float(z), x, y, x + SIZE, y + SIZE, section, None, False, document
            )


def _matches(z: int) -> list[Match]:
    """Pairs of a layer: neighbours in its first row, full of points of 32 bits."""
    rng = np.random.default_rng(z)
    points = rng.uniform(0, SIZE, (PAIRS_OF_LAYER, 2, 2, POINTS)).astype(np.float32).astype(float)
    ids = [f"{z:04d}_0000_{column:04d}" for column in range(PAIRS_OF_LAYER + 1)]
    section, w = f"{z}.0", np.ones(POINTS)
    return [
        Match(section, ids[n], section, ids[n + 1], p, q, w, 0) for n, (p, q) in enumerate(points)
    ]


def _questions() -> list[tuple[str, Question, int, bool]]:
    """Name, what is asked about one layer, calls, and whether the answer grows with the store."""

    def box(store: SqliteStore, z: int) -> object:
        x, y = np.random.default_rng(z).uniform((0, 0), (COLUMNS * STEP, ROWS * STEP)).tolist()
        return list(store.tiles(STACK, TileQuery(z=float(z), box=(x, y, x + STEP, y + STEP))))

    def one_pair(store: SqliteStore, z: int) -> object:
        ids = {"id": f"{z:04d}_0000_0007", "other_id": f"{z:04d}_0000_0008"}
        return list(
            store.matches(COLLECTION, MatchQuery(group=f"{z}.0", other_group=f"{z}.0", **ids))
        )

    def pairs_of(details: bool) -> Question:
        return lambda store, z: list(
            store.matches(COLLECTION, MatchQuery(within=f"{z}.0"), details)
        )

    return [
        ("5,000 tiles of a layer", lambda s, z: list(s.tiles(STACK, TileQuery(z=z))), 20, False),
        ("tiles of a box", box, 300, False),
        ("one tile", lambda s, z: s.tile(STACK, f"{z:04d}_0007_0009"), 300, False),
        ("bounds of a layer", lambda s, z: s.layer_bounds(STACK, z), 50, False),
        ("one pair", one_pair, 300, False),
        ("50 pairs of a section", pairs_of(True), 100, False),
        ("the same, without points", pairs_of(False), 100, False),
        ("zValues", lambda s, z: s.z_values(STACK), 20, True),
        ("sectionData", lambda s, z: s.section_data(STACK), 20, True),
        ("groupIds", lambda s, z: s.match_groups(COLLECTION, "both"), 20, True),
        ("sectionData of one z", lambda s, z: s.section_data(STACK, z, z), 100, False),
    ]


def _compared(
    name: str,
    question: Question,
    calls: int,
    grows: bool,
    small: SqliteStore,
    large: SqliteStore,
    fewer: int,
    layers: int,
) -> Iterator[Row]:
    """Median times in the large store, and those in the small one divided by them.

    The same questions are asked twice: first, what they read may have to come from the disk; then
    it is in the memory of the operating system, though no longer in SQLite's.
    """
    rng = np.random.default_rng(7)
    stores = ((small, rng.integers(fewer, size=calls)), (large, rng.integers(layers, size=calls)))
    grown = layers / fewer if grows else 1.0
    name = f"{name}, {layers:,} of them" if grows else name
    for turn in (f"{name}, first time", name):
        times: list[list[float]] = [[], []]
        for n in range(calls):
            for spent, (store, zs) in zip(times, stores, strict=True):
                spent.append(_seconds(lambda store=store, z=int(zs[n]): question(store, z)))
        before, after = (1000 * float(np.median(spent)) for spent in times)
        before *= grown
        yield Row(turn, after, "ms", before / after, f"1/{SHARE} of it: {before:.3g}")


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
