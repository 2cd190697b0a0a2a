"""The SQLite store beside plain SQLite that writes and reads the same documents by their ids.

Small stack: 10 layers of 5,000 tiles; large: ten times as many in the same file.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import orjson

from benchmarks import Row
from renderws.store.documents import new_tiles
from renderws.store.protocol import CollectionId, Match, MatchQuery, StackId, TileQuery, TileRecord
from renderws.store.sqlite import SqliteStore

STACK = StackId("owner", "project", "stack")
COLLECTION = CollectionId("owner", "matches")
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
ROWS, COLUMNS, STEP, SIZE = 50, 100, 2000.0, 2200.0
LAYERS = (10, 100)
BOXES = 2000
PAIRS, POINTS = 5000, 100


def run() -> list[Row]:
    """Rates of the store; ratios to plain SQLite, or to the small stack."""
    with tempfile.TemporaryDirectory() as folder:
        layer = [_tile(row, column) for row in range(ROWS) for column in range(COLUMNS)]
        write_floor, read_floor = _floor(Path(folder) / "floor.db", layer)
        with SqliteStore(Path(folder) / "render.db") as store:
            store.create_stack(STACK, {})
            small = _tile_rates(store, layer, 0, LAYERS[0])
            large = _tile_rates(store, layer, *LAYERS)
            pairs = _match_rates(store)
    count = len(layer)
    names = ("save tiles", "read layers", "box queries")
    units = ("tiles/s", "tiles/s", "/s")
    floors = (write_floor, read_floor, None)
    rows = []
    for name, unit, floor, first, second in zip(names, units, floors, small, large, strict=True):
        against = "" if floor is None else f"plain SQLite {floor:,.0f}"
        rows.append(Row(name, first, unit, None if floor is None else first / floor, against))
        name = f"{name}, {count * LAYERS[1]:,} tiles stored"
        rows.append(Row(name, second, unit, second / first, f"{count * LAYERS[0]:,} tiles stored"))
    return rows + pairs


def _tile(row: int, column: int) -> TileRecord:
    """A tile of about 700 bytes behind a shared lens transform."""
    x, y, name = column * STEP, row * STEP, f"{row:04d}_{column:04d}"
    affine = {"type": "leaf", "className": AFFINE, "dataString": f"1 0 0 1 {x} {y}"}
    spec = {
        "tileId": name,
        "layout": {"sectionId": "1.0", "imageRow": row, "imageCol": column, "camera": "camera1"},
        "z": 1.0,
        "minX": x,
        "minY": y,
        "maxX": x + SIZE,
        "maxY": y + SIZE,
        "width": SIZE,
        "height": SIZE,
        "mipmapLevels": {"0": {"imageUrl": f"file:///data/{'folder/' * 25}{name}.tif"}},
        "transforms": {"type": "list", "specList": [{"type": "ref", "refId": "lens"}, affine]},
        "meshCellSize": 64.0,
    }
    document = orjson.dumps(spec)
    return TileRecord(name, 1.0, x, y, x + SIZE, y + SIZE, "1.0", None, False, document)


def _at(layer: list[TileRecord], z: int) -> list[TileRecord]:
    return [tile._replace(tile_id=f"{z}_{tile.tile_id}", z=float(z)) for tile in layer]


def _floor(path: Path, layer: list[TileRecord]) -> tuple[float, float]:
    """Rates of writing and reading the documents with nothing but a unique index on their ids."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE tile (z REAL, id TEXT, document BLOB)")
        connection.execute("CREATE UNIQUE INDEX tile_id ON tile (z, id)")

        def write(rows: list[tuple[float | None, str, bytes]]) -> None:
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO tile VALUES (?, ?, ?)", rows)
            connection.execute("COMMIT")

        def read(z: float) -> None:
            sql = "SELECT document FROM tile WHERE z = ? ORDER BY id"
            connection.execute(sql, (z,)).fetchall()

        batches = [
            [(tile.z, tile.tile_id, tile.document) for tile in _at(layer, z)]
            for z in range(LAYERS[0])
        ]
        writing = _seconds([lambda rows=rows: write(rows) for rows in batches])
        reading = _seconds([lambda z=z: read(z) for z in range(LAYERS[0])])
    return len(layer) / writing, len(layer) / reading


def _tile_rates(
    store: SqliteStore, layer: list[TileRecord], first: int, last: int
) -> tuple[float, float, float]:
    """Add layers; rates of saving tiles, reading layers and box queries."""
    lens = orjson.dumps(
        {"type": "leaf", "id": "lens", "className": AFFINE, "dataString": "1 0 0 1 0 0"}
    )
    times = []
    for z in range(first, last):
        tiles = new_tiles(_at(layer, z))
        times.append(_seconds([lambda tiles=tiles: store.save_tiles(STACK, tiles, {"lens": lens})]))
    places = np.random.default_rng(last).uniform(0, (last, COLUMNS * STEP, ROWS * STEP), (BOXES, 3))
    queries = [
        TileQuery(z=float(int(z)), box=(x, y, x + STEP, y + STEP)) for z, x, y in places.tolist()
    ]
    reads = [TileQuery(z=float(z)) for z in range(first, first + LAYERS[0])]
    reading = _seconds([lambda query=query: list(store.tiles(STACK, query)) for query in reads])
    start = time.perf_counter()
    for query in queries:
        list(store.tiles(STACK, query))
    boxes = BOXES / (time.perf_counter() - start)
    return len(layer) / min(times), len(layer) / reading, boxes


def _match_rates(store: SqliteStore) -> list[Row]:
    rng = np.random.default_rng(0)
    matches = [
        Match(
            "1.0", f"p{n}", "1.0", f"q{n}", *rng.uniform(0, 2e3, (2, 2, POINTS)), np.ones(POINTS), 0
        )
        for n in range(PAIRS)
    ]
    saving = _seconds([lambda: store.save_matches(COLLECTION, matches)])
    reading = _seconds([lambda: list(store.matches(COLLECTION, MatchQuery(within="1.0")))] * 3)
    name = f"pairs of {POINTS} points"
    return [
        Row(f"save {name}", PAIRS / saving, "pairs/s"),
        Row(f"read {name}", PAIRS / reading, "pairs/s"),
    ]


def _seconds(calls: list[Callable[[], object]]) -> float:
    """Shortest time of the calls: what else the machine does only lengthens them."""
    times = []
    for call in calls:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)
