"""Pictures over HTTP: 1024 x 1024 pixels over four tiles, warm, from a real server process.

Latencies are medians of one client; the rate is that of four clients at once.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import orjson

from benchmarks import Row
from benchmarks._server import STACK, Connection, server

SIDE, STEP = 2048, 1850
BOX = f"{STACK}images/z/1/box/{STEP - 400},{STEP - 400},1024,1024,1"
FORMATS = ("jpeg", "tiff16", "png")
REPEATS, CLIENTS = 40, 4
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def run() -> list[Row]:
    """Milliseconds per picture and format, and pictures per second of four clients."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiles = [_tile(folder, n) for n in range(4)]
        with server(folder) as (port, _):
            ask = Connection(port)
            ask("POST", f"{STACK}images", b"{}")
            body = orjson.dumps({"tileIdToSpecMap": {tile["tileId"]: tile for tile in tiles}})
            ask("PUT", f"{STACK}images/resolvedTiles", body)
            rows = [
                Row(
                    f"box of 1024 x 1024, {kind}, median",
                    _latency(ask, f"{BOX}/{kind}-image"),
                    "ms",
                )
                for kind in FORMATS
            ]
            ask.close()
            rows.append(Row("box of 1024 x 1024, jpeg, four clients", _rate(port), "images/s"))
    return rows


def _tile(folder: Path, number: int) -> dict:
    """A tile of smooth noise, which compresses about as tissue does."""
    import cv2
    import tifffile

    noise = np.random.default_rng(number).normal(128, 60, (SIDE, SIDE)).astype(np.float32)
    image = np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) * 3 - 256, 0, 255).astype(np.uint8)
    path = folder / f"{number}.tif"
    tifffile.imwrite(path, image)
    x, y = STEP * (number % 2), STEP * (number // 2)
    data = f"0.9995 0.01 -0.01 1.0005 {x + 12.3} {y + 7.9}"
    return {
        "tileId": str(number),
        "z": 1.0,
        "layout": {"sectionId": "1.0"},
        "minX": x - 20.0,
        "minY": y - 20.0,
        "maxX": x + SIDE + 40.0,
        "maxY": y + SIDE + 40.0,
        "width": SIDE,
        "height": SIDE,
        "minIntensity": 0,
        "maxIntensity": 255,
        "mipmapLevels": {"0": {"imageUrl": path.as_uri()}},
        "transforms": {"type": "list", "specList": [{"className": AFFINE, "dataString": data}]},
    }


def _latency(ask: Connection, path: str) -> float:
    for _ in range(3):
        ask("GET", path)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        ask("GET", path)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def _rate(port: int) -> float:
    def client(_: int) -> None:
        ask = Connection(port)
        for _ in range(REPEATS):
            ask("GET", f"{BOX}/jpeg-image")
        ask.close()

    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(client, range(CLIENTS)))
    return CLIENTS * REPEATS / (time.perf_counter() - start)
