"""The service from a client's side, against sqlite3 alone writing the same documents."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson

import renderapi
from benchmarks import Row
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform

SECTIONS, TILES = 8, 2500
PAIRS, POINTS = 2000, 100


def run() -> list[Row]:
    """Import, read back and matches, in-process."""
    with tempfile.TemporaryDirectory() as folder:
        render = renderapi.connect(
            host="local", store=Path(folder) / "render.db", owner="bench", project="bench"
        )
        floor = _raw_tile_rate(Path(folder) / "raw.db")
        imported = _import_rate(render)
        read = _rate(SECTIONS * TILES, lambda: _read_sections(render))
        saved = _rate(PAIRS, lambda: _save_matches(render))
    return [
        Row("tiles imported, shared lens", imported, "tiles/s", imported / floor, "raw sqlite3"),
        Row("tiles read by section", read, "tiles/s"),
        Row(f"match pairs of {POINTS} points saved", saved, "pairs/s"),
    ]


def _rate(count: int, action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return count / (time.perf_counter() - start)


def _section(z: int) -> list[TileSpec]:
    return [
        TileSpec(
            tileId=f"tile_{z:04d}_{i:05d}",
            z=float(z),
            width=2560,
            height=2160,
            imageUrl=f"file:///data/section_{z}/tile_{i}.tif",
            sectionId=f"{z}.0",
            tforms=[ReferenceTransform("lens"), AffineModel(B0=2300.0 * i, B1=10.0 * z)],
        )
        for i in range(TILES)
    ]


def _import_rate(render: renderapi.Render) -> float:
    """Tiles per second through the client, boxes derived, LOADING to COMPLETE."""
    lens = AffineModel(M00=1.001, M11=0.999, transformId="lens")
    sections = [_section(z) for z in range(SECTIONS)]
    renderapi.stack.create_stack("tiles", render=render)

    def put() -> None:
        for tiles in sections:
            renderapi.resolvedtiles.put_tilespecs(
                "tiles", resolved_tiles=ResolvedTiles(tiles, [lens]), render=render
            )
        renderapi.stack.set_stack_state("tiles", "COMPLETE", render=render)

    return _rate(SECTIONS * TILES, put)


def _raw_tile_rate(path: Path) -> float:
    """Tiles per second that sqlite3 writes alone: encoded documents, one index, durable."""
    sections = [[tile.to_dict() for tile in _section(z)] for z in range(SECTIONS)]

    def put() -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE tile (id TEXT PRIMARY KEY, z REAL, document BLOB)")
        for tiles in sections:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO tile VALUES (?, ?, ?)",
                [(tile["tileId"], tile["z"], orjson.dumps(tile)) for tile in tiles],
            )
            connection.execute("COMMIT")
        connection.close()

    return _rate(SECTIONS * TILES, put)


def _read_sections(render: renderapi.Render) -> None:
    for z in range(SECTIONS):
        renderapi.tilespec.get_tile_specs_from_z("tiles", z, render=render)


def _save_matches(render: renderapi.Render) -> None:
    points = np.random.default_rng(0).uniform(0, 2000, (2, POINTS)).round(3)
    coordinates = {"p": points.tolist(), "q": points.tolist(), "w": [1.0] * POINTS}
    matches = [
        {"pGroupId": "0", "pId": f"a{i}", "qGroupId": "0", "qId": f"b{i}", "matches": coordinates}
        for i in range(PAIRS)
    ]
    renderapi.pointmatch.import_matches("bench", matches, render=render)
