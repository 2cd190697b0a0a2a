"""The service over HTTP, on a small store and on one ten times as large.

Bodies are made before and answers are received but not parsed, so that the service is measured and
not its client; one figure is that of the client in-process, all included. Times are the best of
several: what else the machine does only lengthens them.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson

import renderapi
from benchmarks import Row
from benchmarks._server import OWNER, STACK, Connection, peak_memory, server
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform

COLUMNS, TILES = 50, 2500  # of a section that is imported
GRID, LARGE = (50, 100), 5000  # of the section that is read
STEP_X, STEP_Y = 2300.0, 1950.0
SMALL_STORE, LARGE_STORE = 8, 80  # sections
PAIRS, POINTS = 5000, 100
MAPPED = 20_000
LENS = AffineModel(M00=1.001, M11=0.999, transformId="lens")
CONSTANT = """
import sys, uvicorn
from renderws.serve import _config, _listen
body = b"x" * int(sys.argv[1])
headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
listener = _listen("127.0.0.1", 0)
print("http://127.0.0.1:%d/" % listener.getsockname()[1], flush=True)
uvicorn.Server(_config(app, lifespan="off")).run(sockets=[listener])
"""


def run() -> list[Row]:
    """In-process import, then everything over HTTP, then the same with ten times the data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        floor = _raw_tile_rate(folder / "raw.db")
        rows = [Row("import by the client, in-process", _client_rate(folder), "tiles/s")]
        rows[0] = _against(rows[0], floor, f"raw sqlite3 {floor:,.0f}")
        with server(folder) as service, _connected(service.port) as ask:
            ask("POST", f"{STACK}tiles", b"{}")
            small = _rates(service.port, ask, range(SMALL_STORE))
            rows += [_against(row, *_reference(row, floor, folder)) for row in small]
            for z in range(2 * SMALL_STORE, LARGE_STORE - SMALL_STORE):
                _put(ask, "tiles", z)
            large = _rates(service.port, ask, range(LARGE_STORE - SMALL_STORE, LARGE_STORE))
            peak = peak_memory(service.process)
            for row, before in zip(large, small, strict=True):
                title = f"{row.name}, {LARGE_STORE * TILES:,} tiles stored"
                rows.append(Row(title, row.value, row.unit, row.value / before.value, "small"))
    rows.append(Row("peak memory of the server", peak, "MB"))
    return rows


def _against(row: Row, floor: float | None, against: str) -> Row:
    if floor is None:
        return row
    return Row(row.name, row.value, row.unit, row.value / floor, against)


def _reference(row: Row, floor: float, folder: Path) -> tuple[float | None, str]:
    if row.name.startswith("import"):
        return floor, f"raw sqlite3 {floor:,.0f}"
    if row.name.startswith("box"):
        rate = _constant_rate(int(row.against))
        return rate, f"constant answer {rate:,.0f}"
    return None, ""


@contextmanager
def _connected(port: int) -> Iterator[Connection]:
    ask = Connection(port)
    try:
        yield ask
    finally:
        ask.close()


def _best(count: int, actions: list[Callable[[], Any]]) -> float:
    """Highest rate of the actions, each of which does `count` things."""
    times = []
    for action in actions:
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return count / min(times)


def _section(z: int, count: int = TILES) -> list[TileSpec]:
    columns = COLUMNS if count == TILES else GRID[1]
    return [
        TileSpec(
            tileId=f"tile_{z:04d}_{i:05d}",
            z=float(z),
            width=2560,
            height=2160,
            imageUrl=f"file:///data/section_{z}/tile_{i}.tif",
            sectionId=f"{z}.0",
            tforms=[
                ReferenceTransform("lens"),
                AffineModel(B0=STEP_X * (i % columns), B1=STEP_Y * (i // columns)),
            ],
        )
        for i in range(count)
    ]


def _body(z: int, count: int = TILES) -> bytes:
    tiles = {tile.tileId: tile.document() for tile in _section(z, count)}
    return orjson.dumps(
        {"transformIdToSpecMap": {"lens": LENS.to_dict()}, "tileIdToSpecMap": tiles}
    )


def _put(ask: Connection, stack: str, z: int, count: int = TILES) -> None:
    ask("PUT", f"{STACK}{stack}/resolvedTiles?deriveData=true", _body(z, count))


def _rates(port: int, ask: Connection, sections: range) -> list[Row]:
    """Every figure over HTTP; `sections` are imported by one connection, and as many by four."""
    rows = [
        Row("import, one connection", _import_rate(ask, sections), "tiles/s"),
        Row("import, four connections", _import_rate_of_four(port, sections), "tiles/s"),
        *_read_rates(ask, f"read_{sections[0]}"),
    ]
    saved = _matches()
    collection = f"{OWNER}/matchCollection/matches_{sections[0]}/matches"
    rate = _best(PAIRS, [lambda: ask("PUT", collection, saved)] * 3)
    return [*rows, Row(f"save pairs of {POINTS} points", rate, "pairs/s")]


def _import_rate(ask: Connection, sections: range) -> float:
    bodies = [_body(z) for z in sections]
    path = f"{STACK}tiles/resolvedTiles?deriveData=true"
    return _best(TILES, [lambda body=body: ask("PUT", path, body) for body in bodies])


def _import_rate_of_four(port: int, sections: range) -> float:
    """Best of two rounds in which each of four connections imports a section."""
    bodies = [_body(z) for z in range(len(sections), 2 * len(sections))]
    bodies = [body.replace(b"tile_00", b"four_%d_" % sections[0]) for body in bodies]
    path = f"{STACK}tiles/resolvedTiles?deriveData=true"
    connections = [Connection(port) for _ in range(4)]

    def put(place: int) -> None:
        connections[place % 4]("PUT", path, bodies[place])

    with ThreadPoolExecutor(4) as pool:
        rounds = [range(first, first + 4) for first in range(0, len(bodies), 4)]
        rate = _best(4 * TILES, [lambda part=part: list(pool.map(put, part)) for part in rounds])
    for connection in connections:
        connection.close()
    return rate


def _read_rates(ask: Connection, stack: str) -> list[Row]:
    """Reading a section, boxes, and mapping points, of a stack of one large section."""
    ask("POST", STACK + stack, b"{}")
    _put(ask, stack, 1, LARGE)
    ask("PUT", f"{STACK}{stack}/state/COMPLETE")
    rng = np.random.default_rng(0)
    read = _best(LARGE, [lambda: ask("GET", f"{STACK}{stack}/z/1.0/tile-specs")] * 5)
    corners = rng.uniform(0, (STEP_X * 95, STEP_Y * 45), (400, 2)).round().tolist()
    boxes = [
        f"{STACK}{stack}/z/1.0/box/{x:.0f},{y:.0f},5000,5000,0.1/render-parameters"
        for x, y in corners
    ]
    size = int(np.mean([len(ask("GET", path)) for path in boxes]))
    rate = 100 * _best(1, [lambda n=n: _all(ask, boxes[n : n + 100]) for n in range(0, 400, 100)])
    numbers = rng.integers(0, LARGE, MAPPED).tolist()
    local = rng.uniform(10, 2000, (MAPPED, 2)).round(3)
    to_world = [
        {"tileId": f"tile_0001_{i:05d}", "local": p}
        for i, p in zip(numbers, local.tolist(), strict=True)
    ]
    world = orjson.loads(
        ask("PUT", f"{STACK}{stack}/z/1.0/local-to-world-coordinates", orjson.dumps(to_world))
    )
    to_local = [{"world": element["world"]} for element in world]
    rows = [
        Row("read a section of 5,000 tiles", read, "tiles/s"),
        Row("box render-parameters", rate, "/s", None, str(size)),
        _beside_own_constant(ask, rate),
    ]
    for name, points in (("local-to-world", to_world), ("world-to-local", to_local)):
        body, path = orjson.dumps(points), f"{STACK}{stack}/z/1.0/{name}-coordinates"
        mapped = _best(MAPPED, [lambda path=path, body=body: ask("PUT", path, body)] * 5)
        rows.append(Row(name, mapped, "points/s"))
    return rows


def _beside_own_constant(ask: Connection, rate: float) -> Row:
    """The rate of boxes beside that of an answer of this service that never changes."""
    path = "/render-ws/v1/namedFilterSpecLists"
    own = 100 * _best(1, [lambda: _all(ask, [path] * 100)] * 5)
    against = f"constant answer of the same service {own:,.0f}"
    return Row("render-parameters of boxes", rate, "/s", rate / own, against)


def _all(ask: Connection, paths: list[str]) -> None:
    for path in paths:
        ask("GET", path)


def _constant_rate(size: int) -> float:
    """Answers a second of the same server and client, when nothing has to be looked up."""
    import re
    import subprocess
    import sys

    command = [sys.executable, "-c", CONSTANT, str(size)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+)/", process.stdout.readline())
        assert found is not None
        with _connected(int(found[1])) as ask:
            rate = 100 * _best(1, [lambda: _all(ask, ["/"] * 100)] * 5)
        process.terminate()
    return rate


def _client_rate(folder: Path) -> float:
    """Tiles per second through the client and the service in its own process."""
    render = renderapi.connect(
        host="local", store=folder / "local.db", owner="bench", project="bench"
    )
    sections = [_section(z) for z in range(SMALL_STORE)]
    renderapi.stack.create_stack("tiles", render=render)

    def put(tiles: list[TileSpec]) -> None:
        resolved = ResolvedTiles(tiles, [LENS])
        renderapi.resolvedtiles.put_tilespecs("tiles", resolved_tiles=resolved, render=render)

    return _best(TILES, [lambda tiles=tiles: put(tiles) for tiles in sections])


def _raw_tile_rate(path: Path) -> float:
    """Tiles per second that sqlite3 writes alone: encoded documents, one index, durable."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE tile (id TEXT PRIMARY KEY, z REAL, document BLOB)")

    def put(tiles: list[dict[str, Any]]) -> None:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO tile VALUES (?, ?, ?)",
            [(tile["tileId"], tile["z"], orjson.dumps(tile)) for tile in tiles],
        )
        connection.execute("COMMIT")

    sections = [[tile.document() for tile in _section(z)] for z in range(SMALL_STORE)]
    rate = _best(TILES, [lambda tiles=tiles: put(tiles) for tiles in sections])
    connection.close()
    return rate


def _matches() -> bytes:
    points = np.random.default_rng(0).uniform(0, 2000, (2, POINTS)).round(3).tolist()
    coordinates = {"p": points, "q": points, "w": [1.0] * POINTS}
    ids = {"pGroupId": "0", "qGroupId": "0", "matches": coordinates}
    return orjson.dumps([{"pId": f"a{i}", "qId": f"b{i}", **ids} for i in range(PAIRS)])
