"""Moving least squares against a plain loop."""

import math

import numpy as np
import pytest

from renderapi.errors import EstimationError, SpecError
from renderapi.transform import (
    MovingLeastSquaresTransform,
    MovingLeastSquaresTransform2,
    load_leaf_json,
)

MODELS = ["translation", "rigid", "similarity", "affine"]
PACKAGE = "mpicbg.trakem2.transform."
RNG = np.random.default_rng(8)
P = RNG.random((15, 2)) * 1000
Q = P @ [[0.9, 0.3], [-0.3, 1.0]] + (50, -20) + RNG.normal(scale=4, size=P.shape)
W = RNG.random(15) + 0.5
X = np.vstack((RNG.random((60, 2)) * 1200 - 100, P[3:5]))


def fitted(model, p, q, w):
    """Weighted fit of one model as a function of a point."""
    total = sum(w)
    pc = sum(wi * pi for wi, pi in zip(w, p, strict=True)) / total
    qc = sum(wi * qi for wi, qi in zip(w, q, strict=True)) / total
    if model == "translation":
        return lambda x: x + qc - pc
    if model == "affine":
        left = sum(wi * np.outer(pi - pc, pi - pc) for wi, pi in zip(w, p, strict=True))
        right = sum(wi * np.outer(pi - pc, qi - qc) for wi, pi, qi in zip(w, p, q, strict=True))
        linear = np.linalg.solve(left, right).T
        return lambda x: linear @ (x - pc) + qc
    cos = sin = norm = 0.0
    for wi, pi, qi in zip(w, p, q, strict=True):
        (px, py), (qx, qy) = pi - pc, qi - qc
        cos += wi * (px * qx + py * qy)
        sin += wi * (px * qy - py * qx)
        norm += wi * (px * px + py * py)
    norm = math.hypot(cos, sin) if model == "rigid" else norm
    linear = np.array([[cos, -sin], [sin, cos]]) / norm
    return lambda x: linear @ (x - pc) + qc


def by_loop(model, alpha, points):
    result = []
    for x in points:
        squares = [float((pi - x) @ (pi - x)) for pi in P]
        if 0.0 in squares:
            result.append(Q[squares.index(0.0)])
            continue
        weights = [wi / s**alpha for wi, s in zip(W, squares, strict=True)]
        result.append(fitted(model, P, Q, weights)(x))
    return np.array(result)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.5])
@pytest.mark.parametrize("model", MODELS)
def test_map_is_the_formula(model, alpha):
    transform = MovingLeastSquaresTransform(model, alpha, P, Q, W)
    np.testing.assert_allclose(transform.tform(X), by_loop(model, alpha, X), atol=1e-8)


@pytest.mark.parametrize("model", MODELS)
def test_blocks_do_not_change_the_result(model):
    transform = MovingLeastSquaresTransform(model, 1.0, P, Q, W)
    many = np.tile(X, (200, 1))
    np.testing.assert_allclose(
        transform.tform(many), np.tile(transform.tform(X), (200, 1)), atol=1e-9
    )


def test_control_points_are_met_exactly():
    transform = MovingLeastSquaresTransform("affine", 1.0, P, Q, W)
    np.testing.assert_array_equal(transform.tform(P), Q)


def test_close_to_a_control_point_nothing_overflows():
    transform = MovingLeastSquaresTransform("affine", 3.0, P, Q, W)
    np.testing.assert_allclose(transform.tform(P + 1e-120), Q, atol=1e-6)
    np.testing.assert_allclose(transform.tform(P + 1e-9), Q, atol=1e-6)


@pytest.mark.parametrize("model", MODELS)
def test_the_single_precision_variant_is_close(model):
    double = MovingLeastSquaresTransform(model, 1.0, P, Q, W)
    single = MovingLeastSquaresTransform2(model, 1.0, P, Q, W)
    np.testing.assert_allclose(single.tform(X[:60]), double.tform(X[:60]), atol=2e-2)
    np.testing.assert_array_equal(single.p, P.astype(np.float32))


@pytest.mark.parametrize("cls", [MovingLeastSquaresTransform, MovingLeastSquaresTransform2])
@pytest.mark.parametrize("model", MODELS)
def test_round_trips(cls, model):
    transform = cls(model, 1.5, P, Q, W, labels=["a"])
    again = load_leaf_json(transform.to_dict())
    assert type(again) is cls
    assert again.to_dict() == transform.to_dict()
    again.alpha = 2.0
    assert again.dataString.split()[:3] == [model, "2", "2.0"]
    np.testing.assert_array_equal(cls(json=again.to_dict()).q, transform.q)


def test_a_read_string_is_kept():
    document = {
        "type": "leaf",
        "className": PACKAGE + "MovingLeastSquaresTransform",
        "dataString": "affine 2 1  0 0 1 1 1 10 0 11 1 1 0 10 1 11 1",
    }
    transform = load_leaf_json(document)
    assert transform.to_dict() == document
    np.testing.assert_allclose(transform.tform([[3, 4]]), [[4, 5]])


@pytest.mark.parametrize("model", MODELS)
def test_inverse(model):
    transform = MovingLeastSquaresTransform(model, 1.0, P, P + RNG.normal(size=P.shape), W)
    points = RNG.random((50, 2)) * 1000
    np.testing.assert_allclose(transform.inverse_tform(transform.tform(points)), points, atol=1e-6)


def test_where_no_model_fits_the_point_stays():
    line = np.stack((np.arange(5.0), np.zeros(5)), axis=1)
    collinear = MovingLeastSquaresTransform("affine", 1.0, line, line + 3)
    assert collinear.tform([[1.5, 2.0]]).tolist() == [[1.5, 2.0]]
    few = MovingLeastSquaresTransform("affine", 1.0, line[:2], line[:2] + 3)
    assert few.tform([[1.5, 2.0]]).tolist() == [[1.5, 2.0]]
    assert MovingLeastSquaresTransform().tform([[1.5, 2.0]]).tolist() == [[1.5, 2.0]]


def test_estimate_takes_the_points_as_control_points():
    transform = MovingLeastSquaresTransform("similarity", 1.0)
    transform.estimate(P, Q, weights=W)
    np.testing.assert_array_equal(transform.tform(P), Q)
    with pytest.raises(EstimationError, match="at least 2"):
        transform.estimate(P[:1], Q[:1])
    with pytest.raises(EstimationError, match="source points but"):
        transform.estimate(P, Q[:3])
    with pytest.raises(TypeError):
        transform.estimate(P, Q, alpha=3)


@pytest.mark.parametrize(
    "text",
    ["affine 2", "affine 2 1 0 0", "affine 3 1 0 0 1 1 1", "warp 2 1 0 0 1 1 1", "affine 2 x"],
)
def test_bad_strings_are_refused(text):
    with pytest.raises(SpecError, match="MovingLeastSquares"):
        load_leaf_json({"className": PACKAGE + "MovingLeastSquaresTransform", "dataString": text})
    with pytest.raises(SpecError, match="unknown model"):
        MovingLeastSquaresTransform("warp")
