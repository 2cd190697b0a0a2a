"""Stacks read as volumes over HTTP, chunks drawn on demand: against box images and against files.

A section of 4 x 4 tiles of 2048 x 2048 pixels is 7,595 pixels wide: 225 chunks of 512 x 512. Each
reading is of a section of its own, so nothing is kept of another one. *Boxes* are the same squares
as TIFF over as many connections as tensorstore makes; *files* are chunks of the same size and
number, written before, read by the same library from the same service. Processor time is that of
the service alone.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks import Row
from benchmarks._processor_time import TICKS, processor_seconds
from benchmarks._server import STACK, Connection, server
from benchmarks._tile_documents import grid_tile, smooth_noise

SIDE, STEP, GRID, CHUNK, CLIENTS = 2048, 1849, 4, 512, 4
WIDTH = STEP * (GRID - 1) + SIDE
SECTIONS, WRITTEN = 16, 2
LEVEL = 2
VOLUME = f"{STACK}read/volume"


def run() -> list[Row]:
    """Megapixels (and chunks) in a second by the clock, and of the service's processor time."""
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as (port, process):
        folder = Path(name)
        _fill(port, folder)
        _write_files(folder / "files.zarr")
        zs = iter(count())
        base = f"http://127.0.0.1:{port}"

        def measured(read: Callable[[int], int]) -> tuple[float, float]:
            """Megapixels a second of the clock and of processors, the better of two."""
            found = [_rate(read, next(zs), process) for _ in range(2)]
            return max(f[0] for f in found), max(f[1] for f in found)

        readers = {
            "zarr-python": (_zarr(base, VOLUME + "/zarr"), _zarr(base, FILES)),
            "tensorstore": (_tensorstore(base, VOLUME + "/zarr"), _tensorstore(base, FILES)),
        }
        _rate(readers["tensorstore"][0], next(zs), process)  # the first pictures of a service
        boxes = measured(_boxes(port))
        rows = list(_rows("boxes of 512 x 512 as TIFF", boxes))
        for library, (virtual, files) in readers.items():
            floor = measured(files)
            rows += _rows(f"{library}, files", floor)
            found = measured(virtual)
            rows += _rows(f"{library}, virtual volume", found, boxes, "boxes")
            rows.append(Row("    the same", found[0], "Mpx/s", found[0] / floor[0], "files"))
        found = measured(_precomputed(base))
        rows += _rows("tensorstore, virtual precomputed volume", found, boxes, "boxes")
        found = measured(_tensorstore(base, VOLUME + "/zarr", LEVEL))
        name = f"tensorstore, level {LEVEL}, in pixels of full scale"
        rows += _rows(name, found, boxes, "boxes", LEVEL)
        return rows


FILES = "/render-ws/volumes/files.zarr"


def _rows(
    name: str,
    found: tuple[float, float],
    boxes: tuple[float, float] | None = None,
    against: str = "",
    level: int = 0,
) -> Iterator[Row]:
    """Rows of one reading: by the clock, and of processor time."""
    ratios = [None, None] if boxes is None else [f / b for f, b in zip(found, boxes, strict=True)]
    yield Row(name, found[0], "Mpx/s", ratios[0], against)
    yield Row("    chunks", found[0] * 1e6 / (CHUNK << level) ** 2, "chunks/s")
    yield Row("    service", found[1], "Mpx/s/core", ratios[1], against)


def _rate(read: Callable[[int], int], z: int, process: int) -> tuple[float, float]:
    used, clock = processor_seconds(process), time.perf_counter()
    pixels = read(z)
    seconds = time.perf_counter() - clock
    cores = max(processor_seconds(process) - used, 1 / TICKS)
    return pixels / seconds / 1e6, pixels / cores / 1e6


def _boxes(port: int) -> Callable[[int], int]:
    def read(z: int) -> int:
        def row(top: int) -> None:
            ask = Connection(port)
            for left in range(0, WIDTH, CHUNK):
                ask("GET", f"{STACK}read/z/{z}/box/{left},{top},{CHUNK},{CHUNK},1/tiff-image")
            ask.close()

        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(row, range(0, WIDTH, CHUNK)))
        return WIDTH * WIDTH

    return read


def _zarr(base: str, path: str) -> Callable[[int], int]:
    import zarr

    array: Any = zarr.open_array(f"{base}{path}/0", mode="r")
    return lambda z: array[z % array.shape[0]].size


def _tensorstore(base: str, path: str, level: int = 0) -> Callable[[int], int]:
    kvstore = {"driver": "http", "base_url": base, "path": f"{path}/{level}/"}
    return _opened({"driver": "zarr3", "kvstore": kvstore}, level)


def _precomputed(base: str) -> Callable[[int], int]:
    kvstore = {"driver": "http", "base_url": base, "path": f"{VOLUME}/precomputed/"}
    spec = {"driver": "neuroglancer_precomputed", "kvstore": kvstore, "scale_index": 0}
    return _opened(spec, 0, precomputed=True)


def _opened(spec: dict, level: int, precomputed: bool = False) -> Callable[[int], int]:
    import tensorstore

    volume = tensorstore.open(spec, open=True, read=True).result()

    def read(z: int) -> int:
        part = volume[:, :, z, 0] if precomputed else volume[z % volume.shape[0]]
        return part.read().result().size * 4**level

    return read


def _fill(port: int, folder: Path) -> None:
    """Stack `read`: all sections show the same images, each under a name of its own."""
    import tifffile

    tifffile.imwrite(folder / "image.tif", smooth_noise(SIDE))
    ask = Connection(port)
    ask("POST", f"{STACK}read", b"{}")
    tiles = [_tile(folder, z, n) for z in range(SECTIONS) for n in range(GRID * GRID)]
    body = orjson.dumps({"tileIdToSpecMap": {tile["tileId"]: tile for tile in tiles}})
    ask("PUT", f"{STACK}read/resolvedTiles", body)
    ask("PUT", f"{STACK}read/state/COMPLETE")
    ask.close()


def _tile(folder: Path, z: int, number: int) -> dict:
    path = folder / f"{z}_{number}.tif"
    path.hardlink_to(folder / "image.tif")
    levels = {"0": {"imageUrl": path.as_uri()}}
    return grid_tile(f"{z}_{number}", z, (number % GRID, number // GRID), levels, SIDE, STEP)


def _write_files(path: Path) -> None:
    """Chunks of the same size and number as files of a Zarr array, some planes of them."""
    import tensorstore

    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "file", "path": f"{path}/0"},
        "metadata": {
            "shape": [WRITTEN, WIDTH, WIDTH],
            "data_type": "uint8",
            "chunk_grid": {
                "name": "regular",
                "configuration": {"chunk_shape": [1, CHUNK, CHUNK]},
            },
            "codecs": [{"name": "bytes"}],
        },
    }
    volume = tensorstore.open(spec, create=True).result()
    pixels = np.random.default_rng(2).integers(0, 255, (1, WIDTH, WIDTH), np.uint8)
    for z in range(WRITTEN):
        volume[z : z + 1].write(pixels).result()
