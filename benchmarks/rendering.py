"""Pixel rates of the renderer beside cv2.warpAffine, one thread, warm sources, 2048 x 2048 tiles.

The comparison warps the same tiles by the same affines with bilinear interpolation and copies them
into one picture through their outlines, as a mosaic needs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import Row

SIDE, STEP = 2048, 1900
SECTION = 8000  # 20,000 is what the limit of 2 GB is given for; it takes minutes
REPEATS = 7
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
PLACES = [(12.3, 7.9), (1890.4, 21.6), (-8.2, 1911.7), (1902.8, 1888.1)]
LINEAR = (0.998, 0.013, -0.011, 1.003)
BEND = "mpicbg.trakem2.transform.PolynomialTransform2D"

_FIRST = """
import json, sys
from renderapi.rendering import render
render(json.load(open(sys.argv[1])))
"""
_SECTION = """
import json, re, sys, time
from renderapi.rendering import write_image
start = time.perf_counter()
write_image(json.load(open(sys.argv[1])), sys.argv[2], "tiff", threads=2)
peak = re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1]
print(time.perf_counter() - start, int(peak) / 1024)
"""


def run() -> list[Row]:
    """Rates in million output pixels per second."""
    import cv2

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        return [
            *_affine_rows(Path(folder), np.uint8),
            *_affine_rows(Path(folder), np.uint16),
            _mesh_row(Path(folder), "polynomial", [_polynomial()]),
            _mesh_row(Path(folder), "mask", [], masked=True),
            _mesh_row(Path(folder), "lens + moving least squares + mask", _lens_and_mls(), True),
            _threads_row(Path(folder)),
            *_section_rows(Path(folder)),
            *_first_picture_rows(Path(folder)),
        ]


def _affine_rows(folder: Path, dtype: type) -> list[Row]:
    depth = 8 * np.dtype(dtype).itemsize
    rows = []
    images = [_image(n, dtype) for n in range(4)]
    tiles = [_tile(folder, n, images[n], [_affine(*place)]) for n, place in enumerate(PLACES)]
    for scale in (1.0, 0.5, 0.25) if depth == 8 else (1.0,):
        side = int(3900 * scale)
        ours = _rate(_renderer(tiles, 3900, scale), side * side)
        theirs = _rate(_mosaic_with_cv2(images, scale, side), side * side)
        name = f"render affine mosaic, {depth} bit, scale {scale:g}"
        rows.append(Row(name, ours, "Mpx/s", ours / theirs, f"cv2.warpAffine {theirs:.0f}"))
    return rows


def _mesh_row(folder: Path, name: str, transforms: list[dict], masked: bool = False) -> Row:
    mask = np.full((SIDE, SIDE), 255, np.uint8)
    mask[:40] = mask[:, :40] = 128
    image = _image(0, np.uint8)
    placed = [*transforms, _affine(3.3, 4.4)]
    tile = _tile(folder, 9, image, placed, mask if masked else None)
    ours = _rate(_renderer([tile], 2000, 1.0), 2000 * 2000)
    theirs = _rate(_mosaic_with_cv2([image], 1.0, 2000), 2000 * 2000)
    return Row(f"render {name}", ours, "Mpx/s", ours / theirs, f"cv2.warpAffine {theirs:.0f}")


def _threads_row(folder: Path) -> Row:
    tiles = [
        _tile(folder, n, _image(n, np.uint8), [_affine(*place)]) for n, place in enumerate(PLACES)
    ]
    one = _rate(_renderer(tiles, 3900, 1.0), 3900 * 3900)
    two = _rate(_renderer(tiles, 3900, 1.0, threads=2), 3900 * 3900)
    return Row("render affine mosaic, two threads", two, "Mpx/s", two / one, "one thread")


def _section_rows(folder: Path, side: int = SECTION) -> list[Row]:
    """A section image in a process of its own: its rate, and the most memory it needed."""
    images = [_tile(folder, 100 + n, _image(n, np.uint8), [])["mipmapLevels"] for n in range(9)]
    count = -(-side // STEP)
    tiles = [
        {
            "tileId": f"{column}_{row}",
            "width": SIDE,
            "height": SIDE,
            "mipmapLevels": images[(row * count + column) % 9],
            "transforms": {
                "type": "list",
                "specList": [_affine(STEP * column + 0.3, STEP * row - 20.6)],
            },
        }
        for row in range(count)
        for column in range(count)
    ]
    document = {"x": 0, "y": 0, "width": side, "height": side, "tileSpecs": tiles}
    (folder / "section.json").write_text(json.dumps(document))
    done = subprocess.run(
        [sys.executable, "-c", _SECTION, folder / "section.json", folder / "section.tif"],
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, megabytes = map(float, done.stdout.split())
    name = f"section image of {side:,} x {side:,}"
    return [
        Row(f"{name}, written", side * side / seconds / 1e6, "Mpx/s"),
        Row(f"{name}, peak memory", megabytes, "MB"),
    ]


def _first_picture_rows(folder: Path) -> list[Row]:
    """Seconds from the start of a process until it has drawn one tile; first without a cache."""
    tile = _tile(folder, 200, _image(0, np.uint8)[:512, :512], [_affine(3.3, 4.4)])
    document = {"x": 0, "y": 0, "width": 512, "height": 512, "tileSpecs": [tile]}
    (folder / "first.json").write_text(json.dumps(document))
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "compiled")}

    def seconds() -> float:
        start = time.perf_counter()
        command = [sys.executable, "-c", _FIRST, str(folder / "first.json")]
        subprocess.run(command, env=environment, check=True)
        return time.perf_counter() - start

    compiling, warm = seconds(), min(seconds() for _ in range(REPEATS))
    return [
        Row("first picture of a process that compiles", compiling, "s"),
        Row("first picture of a process", warm, "s"),
    ]


def _renderer(tiles: list[dict], side: int, scale: float, threads: int = 1) -> Callable[[], object]:
    from renderapi.rendering import SourceCache, render_canvas

    sources = SourceCache(max_bytes=1 << 30)
    document = {
        "x": 0, "y": 0, "width": side, "height": side, "scale": scale, "tileSpecs": tiles,
    }  # fmt: skip
    return lambda: render_canvas(document, sources=sources, threads=threads)


def _mosaic_with_cv2(images: list[np.ndarray], scale: float, side: int) -> Callable[[], object]:
    import cv2

    level = int(np.log2(1 / scale))
    small = [
        cv2.resize(im, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) for im in images
    ]
    forward = []
    for x, y in PLACES[: len(images)]:
        m00, m10, m01, m11 = LINEAR
        half = (2**level - 1) / 2
        shift = np.array([m00 * half + m01 * half + x, m10 * half + m11 * half + y]) * scale
        forward.append(np.array([[m00, m01, shift[0]], [m10, m11, shift[1]]]))

    def mosaic() -> np.ndarray:
        canvas = np.zeros((side, side), images[0].dtype)
        for image, matrix in zip(small, forward, strict=True):
            _warp_into(canvas, image, matrix)
        return canvas

    return mosaic


def _warp_into(canvas: np.ndarray, image: np.ndarray, matrix: np.ndarray) -> None:
    """Warp a tile into its part of the picture; pixels outside of the tile stay."""
    import cv2

    height, width = image.shape
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ matrix.T
    x0, y0 = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    x1, y1 = np.minimum(np.ceil(corners.max(axis=0)), canvas.shape[::-1]).astype(int)
    matrix = matrix - np.array([[0, 0, x0], [0, 0, y0]])
    cv2.warpAffine(
        image, matrix, (int(x1 - x0), int(y1 - y0)), dst=canvas[y0:y1, x0:x1],
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_TRANSPARENT,
    )  # fmt: skip


def _rate(function: Callable[[], object], pixels: int) -> float:
    function()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return pixels / min(times) / 1e6


def _image(seed: int, dtype: type) -> np.ndarray:
    high = np.iinfo(dtype).max + 1
    return np.random.default_rng(seed).integers(0, high, (SIDE, SIDE)).astype(dtype)


def _tile(
    folder: Path, number: int, image: np.ndarray, transforms: list, mask: np.ndarray | None = None
) -> dict:
    import tifffile

    path = folder / f"{number}_{image.dtype}.tif"
    tifffile.imwrite(path, image)
    entry = {"imageUrl": str(path)}
    if mask is not None:
        tifffile.imwrite(folder / f"{number}_mask.tif", mask)
        entry["maskUrl"] = str(folder / f"{number}_mask.tif")
    return {
        "tileId": str(number),
        "width": SIDE,
        "height": SIDE,
        "maxIntensity": 255 if image.dtype == np.uint8 else 65535,
        "mipmapLevels": {"0": entry},
        "transforms": {"type": "list", "specList": transforms},
    }


def _affine(x: float, y: float) -> dict:
    return {"className": AFFINE, "dataString": " ".join(map(repr, (*LINEAR, x, y)))}


def _polynomial() -> dict:
    data = "2.5 1.001 -0.003 2e-6 -1e-6 3e-6 -3.25 0.002 0.999 1e-6 2e-6 -4e-6"
    return {"className": BEND, "dataString": data}


def _lens_and_mls() -> list[dict]:
    random = np.random.default_rng(3)
    points = [(x, y) for x in (0, 700, 1400, 2048) for y in (0, 700, 1400, 2048)]
    rows = [
        f"{x} {y} {x + dx:.3f} {y + dy:.3f} 1.0"
        for (x, y), (dx, dy) in zip(points, random.uniform(-4, 4, (len(points), 2)), strict=True)
    ]
    name = "mpicbg.trakem2.transform.MovingLeastSquaresTransform"
    return [
        _polynomial(),
        {"className": name, "dataString": f"affine 2 2.0 {' '.join(rows)}"},
    ]
