"""Transforms: mapping, inverting and fitting points, and boxes of tiles."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import Row
from renderapi.bounds import derive_boxes
from renderapi.transform import (
    AffineModel,
    AffineWarpFieldTransform,
    MovingLeastSquaresTransform,
    NonLinearCoordinateTransform,
    Polynomial2DTransform,
    SimilarityModel,
    ThinPlateSplineTransform,
    load_leaf_json,
)

SIDE = 4000.0


def run() -> list[Row]:
    """Seconds per call, and tiles per second for boxes."""
    points = np.random.default_rng(0).random((1_000_000, 2)) * SIDE
    return [*_mapping(points), *_fits(points), *_objects(), _boxes()]


def _seconds(function: Callable[[], Any], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def _row(name: str, ours: Callable[[], Any], theirs: Callable[[], Any], against: str) -> Row:
    mine, other = _seconds(ours), _seconds(theirs)
    return Row(name, mine, "s", other / mine, f"{against} {other:.3g} s")


def _bent(points: np.ndarray) -> np.ndarray:
    return points + 5 * np.sin(points / 900)


def _mapping(points: np.ndarray) -> list[Row]:
    from scipy.interpolate import RBFInterpolator

    affine = AffineModel(1.01, 0.02, -0.03, 0.99, 5, 6)
    few = points[:100]
    cubic = Polynomial2DTransform(src=points[:1000], dst=_bent(points[:1000]), order=3)
    lens = NonLinearCoordinateTransform()
    lens.estimate(points[:1000], _bent(points[:1000]), ndim=5)
    spline = ThinPlateSplineTransform()
    spline.estimate(few, _bent(few))
    scipys = RBFInterpolator(few, _bent(few), kernel="thin_plate_spline")
    field = AffineWarpFieldTransform(
        (0.0, 0.0), (SIDE, SIDE), np.tile(np.reshape((1.0, 0, 0, 1, 0, 0), (6, 1, 1)), (1, 9, 9))
    )
    local = MovingLeastSquaresTransform("affine", 1.0, few, _bent(few))
    some = points[:100_000]
    return [
        _row(
            "affine, 1e6 points",
            lambda: affine.tform(points),
            lambda: points @ affine.M[:2, :2].T + affine.M[:2, 2],
            "numpy",
        ),
        Row("affine inverse, 1e6 points", _seconds(lambda: affine.inverse_tform(points)), "s"),
        Row("polynomial order 3, 1e6 points", _seconds(lambda: cubic.tform(points)), "s"),
        Row("lens dimension 5, 1e6 points", _seconds(lambda: lens.tform(points)), "s"),
        Row("lens inverse, 1e5 points", _seconds(lambda: lens.inverse_tform(some), 2), "s"),
        Row("warp field, 1e6 points", _seconds(lambda: field.tform(points)), "s"),
        Row("moving least squares, 1e5 x 100", _seconds(lambda: local.tform(some), 2), "s"),
        _row(
            "thin plate spline, 1e5 x 100",
            lambda: spline.tform(some),
            lambda: scipys(some),
            "scipy",
        ),
    ]


def _fits(points: np.ndarray) -> list[Row]:
    from scipy.interpolate import RBFInterpolator

    some, target = points[:100_000], _bent(points[:100_000])
    marks, moved = points[:1000], _bent(points[:1000])
    return [
        Row("affine fit, 1e5 points", _seconds(lambda: AffineModel.fit(some, target)), "s"),
        Row("similarity fit, 1e5 points", _seconds(lambda: SimilarityModel.fit(some, target)), "s"),
        Row(
            "polynomial order 3 fit, 1e5 points",
            _seconds(lambda: Polynomial2DTransform.fit(some, target, 3)),
            "s",
        ),
        _row(
            "thin plate spline fit, 1000 landmarks",
            lambda: ThinPlateSplineTransform.fit(marks, moved),
            lambda: RBFInterpolator(marks, moved, kernel="thin_plate_spline"),
            "scipy",
        ),
    ]


def _objects() -> list[Row]:
    affine = AffineModel(1.01, 0.02, -0.03, 0.99, 5, 6)
    document = affine.to_dict()

    def concatenate() -> None:
        for _ in range(100_000):
            affine.concatenate(affine)

    def read_and_write() -> None:
        for _ in range(100_000):
            load_leaf_json(document).to_dict()

    return [
        Row("1e5 affine concatenations", _seconds(concatenate, 2), "s"),
        Row("1e5 affines from and to dict", _seconds(read_and_write, 2), "s"),
    ]


def _boxes(count: int = 60_000) -> Row:
    package = "mpicbg.trakem2.transform."
    curve = "12.5 1.01 -0.03 2e-5 -1e-5 3e-5 -7.25 0.02 0.99 1e-5 2e-5 -4e-5"
    lens = {"id": "lens", "className": package + "PolynomialTransform2D", "dataString": curve}
    tiles = [
        {
            "tileId": str(n),
            "width": 2560.0,
            "height": 2160.0,
            "transforms": {
                "type": "list",
                "specList": [
                    {"type": "ref", "refId": "lens"},
                    {
                        "type": "leaf",
                        "className": package + "AffineModel2D",
                        "dataString": f"1 0.01 -0.01 1 {n * 3.1} -3.5",
                    },
                ],
            },
        }
        for n in range(count)
    ]
    seconds = _seconds(lambda: derive_boxes(tiles, {"lens": lens}), 3)
    return Row("boxes behind a shared lens", count / seconds, "tiles/s")
