"""Matching two pictures of 2650 x 2260 pixel tiles at scale 0.4, about 4,000 features each.

What it is compared with: render's Java client took 0.4 s for the features of a picture and 1.6 s
to match two on a machine like this one; a plain OpenCV run is SIFT as it comes, matched by OpenCV's
brute force matcher. Where the real tiles are not there, generated ones take their place.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import Row

WIDTH, HEIGHT, SCALE = 2650, 2260, 0.4
JAVA_SECONDS = 0.4 + 0.4 + 1.6
JAVA_INLIERS = (212, 234)
REPEATS = 5


def run() -> list[Row]:
    """Seconds of the parts and of the whole, and how many matches agree."""
    from renderapi.matching.canvas_matches import SiftParameters
    from renderapi.matching.features import find_features, match_features

    with tempfile.TemporaryDirectory() as folder:
        pairs = _real_pairs() or _generated_pairs(Path(folder))
        p_tile, q_tile = pairs[0]
        sift = SiftParameters().features()
        p, q = _drawn(p_tile), _drawn(q_tile)
        features = [find_features(view.image, view.mask, sift) for view in (p, q)]
        whole = _seconds(lambda: _matched(p_tile, q_tile))
        plain = _seconds(lambda: _plain_opencv(p.image, q.image))
        counts = "" if _data() is None else " (the Java client's number)"
        return [
            Row("features of a picture", float(len(features[0].points)), ""),
            Row("draw a picture, image not at hand", _seconds(lambda: _drawn(p_tile)), "s"),
            Row("describe it", _seconds(lambda: find_features(p.image, p.mask, sift)), "s"),
            Row("pair the features", _seconds(lambda: match_features(*features)), "s"),
            Row("two pictures, everything", whole, "s", JAVA_SECONDS / whole, "Java 2.4 s"),
            Row(
                "the same, processor time",
                _seconds(lambda: _matched(p_tile, q_tile), clock=time.process_time),
                "s",
            ),
            Row("the same", whole, "s", plain / whole, f"plain OpenCV, no RANSAC {plain:.2f} s"),
            _threads_row(pairs),
            *[
                Row(f"matches of pair {number + 1}", found, "", found / java, f"{java}{counts}")
                for number, (pair, java) in enumerate(zip(pairs, JAVA_INLIERS, strict=True))
                for found in [float(_matched(*pair))]
            ],
        ]


def _threads_row(pairs: list[tuple[dict, dict]]) -> Row:
    """Rate of a run: both pairs, again and again, on two threads as the bulk client works."""
    from concurrent.futures import ThreadPoolExecutor

    work = pairs * 2
    one = _seconds(lambda: [_matched(*pair) for pair in work], 2) / len(work)
    with ThreadPoolExecutor(2) as pool:
        two = _seconds(lambda: list(pool.map(lambda pair: _matched(*pair), work)), 2) / len(work)
    return Row("two pictures, two at a time", two, "s per pair", one / two, "one at a time")


def _matched(p_tile: dict, q_tile: dict) -> int:
    """Number of matches of two tiles, from the files on disk."""
    from renderapi.matching.canvas_matches import (
        DerivationParameters,
        SiftParameters,
        match_canvases,
    )
    from renderapi.matching.features import find_features

    sift = SiftParameters().features()
    views = [_drawn(tile) for tile in (p_tile, q_tile)]
    p, q = (find_features(view.image, view.mask, sift) for view in views)
    area = float(views[1].image.size)
    return sum(len(s.p) for s in match_canvases(p, q, area, DerivationParameters(), SCALE))


def _plain_opencv(p: np.ndarray, q: np.ndarray) -> int:
    import cv2

    sift = cv2.SIFT.create(nfeatures=4000)
    described = [sift.detectAndCompute(image, None)[1] for image in (p, q)]
    near = cv2.BFMatcher().knnMatch(described[0], described[1], k=2)
    return sum(first.distance < 0.92 * second.distance for first, second in near)


def _drawn(tile: dict) -> Any:
    from renderapi.matching.canvases import CanvasSpec, draw

    document = {
        "x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": SCALE, "tileSpecs": [tile],
    }  # fmt: skip
    return draw(CanvasSpec(document, np.zeros(2), SCALE, np.eye(3)))


def _data() -> Path | None:
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("RENDERAPPS_TEST_DATA", beside)) / "tem_2x2"
    return folder if folder.is_dir() else None


def _real_pairs() -> list[tuple[dict, dict]]:
    folder = _data()
    if folder is None:
        return []
    listed = json.loads((folder / "reference_affines.json").read_text())
    tiles = {tile["tileId"]: _tile(tile["tileId"], folder / tile["image"], 1) for tile in listed}
    return [(tiles["tile_1"], tiles["tile_3"]), (tiles["tile_2"], tiles["tile_4"])]


def _generated_pairs(folder: Path) -> list[tuple[dict, dict]]:
    """Pairs cut from one scene each, 1,900 pixels apart."""
    import cv2
    import tifffile

    pairs = []
    for number in range(2):
        rng = np.random.default_rng(number)
        noise = rng.normal(size=(HEIGHT, WIDTH + 1900)).astype(np.float32)
        scene = sum(s * cv2.GaussianBlur(noise, (0, 0), s) for s in (5.0, 12.0, 30.0))
        grey = cv2.normalize(np.asarray(scene), None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)  # type: ignore[call-overload]
        pair = []
        for side, left in (("p", 0), ("q", 1900)):
            path = folder / f"{side}{number}.tif"
            tifffile.imwrite(path, np.ascontiguousarray(grey[:, left : left + WIDTH]))
            pair.append(_tile(path.stem, path, 0))
        pairs.append((pair[0], pair[1]))
    return pairs


def _tile(name: str, image: Path, level: int) -> dict:
    return {
        "tileId": name,
        "width": WIDTH,
        "height": HEIGHT,
        "minIntensity": 0,
        "maxIntensity": 255,
        "mipmapLevels": {str(level): {"imageUrl": str(image)}},
        "transforms": {"type": "list", "specList": []},
    }


def _seconds(
    function: Callable[[], object],
    repeats: int = REPEATS,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    function()
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)
