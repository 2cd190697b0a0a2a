"""Bulk operations: tile pairs of a large stack, points mapped there and back, a pair of tiles."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import renderapi
from benchmarks import Row
from renderapi.client import call_run_ws_client
from renderapi.client.programs.canvases import CanvasRequest, CanvasStore
from renderapi.client.programs.match_pairs import CanvasPair, matched
from renderapi.matching.canvas_matches import DerivationParameters, SiftParameters
from renderapi.transform import AffineModel

SECTIONS, COLUMNS, ROWS = 500, 20, 10
SIDE, STEP = 2048, 1843
POINTS = 1_000_000
JAVA_FEATURES, JAVA_MATCHING = 0.4, 1.6
"""Seconds that the Java client takes for the features of a picture and for a pair of pictures."""


def run() -> list[Row]:
    """Figures of the bulk operations."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render = renderapi.connect(
            host="local", store=folder / "render.db", owner="benchmark", project="bulk"
        )
        make_stack(render)
        return [*tile_pairs(render, folder), *points(render, folder), *features(folder)]


def make_stack(render):
    """Sections of COLUMNS x ROWS tiles, 100,000 in all."""
    renderapi.stack.create_stack("large", render=render)
    base = renderapi.render.format_preamble(render.DEFAULT_HOST, None, "benchmark", "bulk", "large")
    for z in range(SECTIONS):
        tiles = {}
        for n in range(COLUMNS * ROWS):
            x, y = n % COLUMNS * STEP, n // COLUMNS * STEP
            tile = _tile(f"{z:04d}.{n:03d}", z, x + z % 7, y + z % 5)
            tiles[tile["tileId"]] = tile
        body = {"transformIdToSpecMap": {}, "tileIdToSpecMap": tiles}
        renderapi.utils.put_json(render.session, f"{base}/resolvedTiles", body)
    renderapi.stack.set_stack_state("large", "COMPLETE", render=render)


def _tile(tile_id, z, x, y):
    affine = AffineModel(B0=x, B1=y).to_dict()
    return {
        "tileId": tile_id,
        "z": float(z),
        "width": SIDE,
        "height": SIDE,
        "minX": x,
        "minY": y,
        "maxX": x + SIDE,
        "maxY": y + SIDE,
        "layout": {"sectionId": f"{z}.0"},
        "mipmapLevels": {"0": {"imageUrl": f"file:///tiles/{tile_id}.tif"}},
        "transforms": {"type": "list", "specList": [affine]},
    }


def arguments(render, *words):
    """Arguments of a client for the large stack."""
    stack = renderapi.stack.make_stack_params(
        render.DEFAULT_HOST, None, "benchmark", "bulk", "large"
    )
    return [*stack, *words]


def tile_pairs(render, folder):
    """Pairs within layers and two layers up."""
    number = SECTIONS * COLUMNS * ROWS
    start = time.perf_counter()
    words = arguments(render, "--toJson", folder / "pairs.json")
    call_run_ws_client("org.janelia.render.client.TilePairClient", words)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 30 if sys.platform == "darwin" else 1 << 20
    )
    return [
        Row(f"tile pairs of {number:,} tiles", seconds, "s", 60 / seconds, "60 s"),
        Row("peak memory after that", peak, "GB", 1 / peak, "1 GB"),
    ]


def points(render, folder):
    """Points of one section to the world and back, through the files of the client."""
    rng = np.random.default_rng(0)
    numbers = rng.integers(0, COLUMNS * ROWS, POINTS).tolist()
    local = rng.uniform(300, 1700, (POINTS, 2)).tolist()
    entries = [
        [{"tileId": f"0100.{n:03d}", "local": point}]
        for n, point in zip(numbers, local, strict=True)
    ]
    (folder / "local.json").write_text(json.dumps(entries))
    name = "org.janelia.render.client.CoordinateClient"
    ways = {
        "local.json": ["--toJson", folder / "world.json", "--localToWorld"],
        "world.json": ["--toJson", folder / "back.json"],
    }
    start = time.perf_counter()
    for source, words in ways.items():
        more = ["--z", 100, "--fromJson", folder / source, *words]
        call_run_ws_client(name, arguments(render, *more))
    seconds = time.perf_counter() - start
    text = f"{POINTS:,} points local -> world -> local"
    return [Row(text, seconds, "s", 10 / seconds, "10 s")]


def features(folder):
    """Two tiles of 2650 x 2260 with 12 % overlap drawn at scale 0.4, described and matched."""
    urls = _pictures(folder)
    store_of = _DocumentSession(urls)
    pair = CanvasPair(CanvasRequest("p"), CanvasRequest("q"), ("g", "p"), ("g", "q"))
    best, found, count = float("inf"), 0, 0
    for _ in range(4):  # the first compiles and warms up
        store = CanvasStore(store_of, SiftParameters(), 0.4)
        start = time.perf_counter()
        parameters = DerivationParameters(max_epsilon_full_scale=20.0)
        (documents,) = matched([pair], store, parameters, lambda request, canvas: ("g", "c"), 2)
        best = min(best, time.perf_counter() - start)
        found = len(documents[0]["matches"]["w"]) if documents else 0
        count = len(store.get(CanvasRequest("p")).features.points)
    java = 2 * JAVA_FEATURES + JAVA_MATCHING
    return [
        Row("features and matches of two TEM tiles", best, "s", java / best, "Java, 2.4 s"),
        Row("features of such a tile", count, ""),
        Row("matches of such a pair", found, ""),
    ]


class _DocumentSession:
    """Answers with render parameters by name, as a service would."""

    def __init__(self, documents):
        self.documents = documents

    def get(self, url, **_):
        import requests

        answer = requests.Response()
        answer.status_code, answer.url = 200, url
        answer._content = json.dumps(self.documents[url]).encode()
        return answer


def _pictures(folder):
    """Render parameters of two tiles cut from one noisy random picture."""
    import imagecodecs
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(3)
    shape, dx = (2260, 2650 * 2 - 318), 2650 - 318
    parts = [gaussian_filter(rng.standard_normal(shape, np.float32), s) * s for s in (2, 5, 12)]
    picture = sum(parts)
    picture = 128 + 40 * picture / picture.std()
    documents = {}
    for name, left in (("p", 0), ("q", dx)):
        tile = picture[:, left : left + 2650] + rng.normal(0, 6, (2260, 2650))
        path = folder / f"{name}.png"
        pixels = np.clip(tile, 0, 255).astype(np.uint8)
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels), level=1))
        spec = {**_tile(name, 1, 0, 0), "width": 2650, "height": 2260}
        spec["mipmapLevels"] = {"0": {"imageUrl": path.as_uri()}}
        window = {"x": 0, "y": 0, "width": 2650, "height": 2260, "scale": 1.0}
        documents[name] = {**window, "tileSpecs": [spec]}
    return documents
