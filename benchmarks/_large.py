"""A very large store, once: `python -m benchmarks._large FOLDER [TILES] [PAIRS] [SECONDS]`.

Fills a store with layers of 5,000 tiles (10 million by default) and match pairs of 1,000 points
(100,000), or as many as SECONDS allow, and prints how long indexed questions take, first with
little in the store and then with all of it. The store stays in FOLDER.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson

from benchmarks.store import COLLECTION, COLUMNS, ROWS, STACK, STEP, _at, _tile
from renderws.store.protocol import Match, MatchQuery, TileQuery
from renderws.store.sqlite import SqliteStore

LENS = {"lens": orjson.dumps({"type": "leaf", "id": "lens", "className": "C", "dataString": "0"})}
FIRST_LAYERS, POINTS, PAIRS_AT_ONCE = 10, 1000, 500


def main(folder: Path, tiles: int = 10_000_000, pairs: int = 100_000, seconds: int = 600) -> None:
    """Fill the store and print the figures."""
    layer = [_tile(row, column) for row in range(ROWS) for column in range(COLUMNS)]
    layers = max(FIRST_LAYERS, tiles // len(layer))
    with SqliteStore(folder / "large.db") as store:
        store.create_stack(STACK, {})
        end = time.monotonic() + seconds
        for z in range(FIRST_LAYERS):
            store.save_tiles(STACK, _at(layer, z), LENS)
        _save_pairs(store, 0)
        _report(store, FIRST_LAYERS, PAIRS_AT_ONCE)
        last = 1
        while last * PAIRS_AT_ONCE < pairs and time.monotonic() < end - 0.7 * seconds:
            _save_pairs(store, last)
            last += 1
        z = FIRST_LAYERS
        while z < layers and time.monotonic() < end:
            store.save_tiles(STACK, _at(layer, z), LENS)
            z += 1
        _report(store, z, last * PAIRS_AT_ONCE)


def _save_pairs(store: SqliteStore, group: int) -> None:
    rng = np.random.default_rng(group)
    p, q = rng.uniform(0, 2000, (2, PAIRS_AT_ONCE, 2, POINTS)).astype(np.float32).astype(float)
    w, name = np.ones(POINTS), f"{group}.0"
    matches = [Match(name, f"p{n}", name, f"q{n}", p[n], q[n], w, 0) for n in range(PAIRS_AT_ONCE)]
    store.save_matches(COLLECTION, matches)


def _report(store: SqliteStore, layers: int, pairs: int) -> None:
    rng = np.random.default_rng(5)
    zs = rng.integers(0, layers, 50).astype(float).tolist()
    groups = rng.integers(0, pairs // PAIRS_AT_ONCE, 20).tolist()
    x, y = rng.uniform((0, 0), (COLUMNS * STEP, ROWS * STEP), (50, 2)).T.tolist()
    boxes = [
        TileQuery(z=z, box=(a, b, a + STEP, b + STEP)) for z, a, b in zip(zs, x, y, strict=True)
    ]
    print(f"{layers * ROWS * COLUMNS:,} tiles, {pairs:,} pairs of {POINTS:,} points")
    _time("a box", [lambda q=q: list(store.tiles(STACK, q)) for q in boxes])
    _time("a tile", [lambda z=z: store.tile(STACK, f"{int(z)}_0007_0009") for z in zs])
    _time("a layer", [lambda z=z: list(store.tiles(STACK, TileQuery(z=z))) for z in zs[:10]])
    _time("bounds of a layer", [lambda z=z: store.layer_bounds(STACK, z) for z in zs])
    _time("all z values", [lambda: store.z_values(STACK)] * 3)
    for name, details in (("pairs of a group", True), ("the same, without points", False)):
        queries = [MatchQuery(within=f"{g}.0") for g in groups]
        _time(name, [lambda q=q, d=details: list(store.matches(COLLECTION, q, d)) for q in queries])


def _time(name: str, calls: list[Callable[[], object]]) -> None:
    times = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    print(f"  {name:28} median {1000 * float(np.median(times)):9.2f} ms", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
