"""Fits of translation, rigid, similarity and affine against independent solutions."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.errors import EstimationError
from renderapi.transform import AffineModel, RigidModel, SimilarityModel, TranslationModel

MODELS = [TranslationModel, RigidModel, SimilarityModel, AffineModel]
SQUARE = np.stack(np.meshgrid(np.arange(5) * 100.0, np.arange(5) * 100.0), axis=-1).reshape(-1, 2)


def umeyama(source, target, scaled):
    """Umeyama 1991, equations 38 to 42, by singular value decomposition."""
    p_mean, q_mean = source.mean(axis=0), target.mean(axis=0)
    p, q = source - p_mean, target - q_mean
    u, d, vt = np.linalg.svd(q.T @ p / len(p))
    sign = np.diag((1, np.sign(np.linalg.det(u) * np.linalg.det(vt))))
    rotation = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / (p**2).sum(axis=1).mean() if scaled else 1.0
    matrix = np.eye(3)
    matrix[:2, :2] = scale * rotation
    matrix[:2, 2] = q_mean - scale * rotation @ p_mean
    return matrix


def similarity(scale, theta, tx, ty):
    a, b = scale * math.cos(theta), scale * math.sin(theta)
    return np.array([[a, -b, tx], [b, a, ty], [0, 0, 1]])


def apply(matrix, points):
    return points @ matrix[:2, :2].T + matrix[:2, 2]


@given(st.floats(-3.1, 3.1), st.floats(0.01, 100), st.floats(-1e5, 1e5), st.floats(-1e5, 1e5))
@settings(deadline=None, max_examples=100)
def test_exact_square_grids_give_the_parameters(theta, scale, tx, ty):
    truth = similarity(scale, theta, tx, ty)
    target = apply(truth, SQUARE)
    for model in (SimilarityModel(), AffineModel()):
        np.testing.assert_allclose(model.estimate(SQUARE, target), truth, rtol=1e-9, atol=1e-8)
    rigid = similarity(1.0, theta, tx, ty)
    np.testing.assert_allclose(
        RigidModel().estimate(SQUARE, apply(rigid, SQUARE)), rigid, rtol=1e-9, atol=1e-8
    )
    moved = similarity(1.0, 0.0, tx, ty)
    np.testing.assert_allclose(
        TranslationModel().estimate(SQUARE, apply(moved, SQUARE)), moved, rtol=1e-9, atol=1e-8
    )


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("kind", ["noisy", "reflected", "unrelated"])
def test_rigid_and_similarity_are_umeyama(seed, kind):
    rng = np.random.default_rng(seed)
    source = rng.random((12, 2)) * 500
    target = apply(similarity(1.3, rng.uniform(-3, 3), 20, -30), source)
    target += rng.normal(scale=5, size=target.shape)
    if kind == "reflected":
        target[:, 0] *= -1
    elif kind == "unrelated":
        target = rng.random((12, 2)) * 500
    for model, scaled in ((RigidModel, False), (SimilarityModel, True)):
        fitted = model.fit(source, target)
        np.testing.assert_allclose(fitted, umeyama(source, target, scaled), rtol=1e-6, atol=1e-6)
        assert np.linalg.det(fitted[:2, :2]) > 0


def test_a_mirrored_square_has_no_preferred_rotation():
    mirrored = SQUARE * (-1, 1)
    fitted = RigidModel.fit(SQUARE, mirrored)
    error = ((apply(fitted, SQUARE) - mirrored) ** 2).sum()
    assert error == pytest.approx(
        ((apply(umeyama(SQUARE, mirrored, False), SQUARE) - mirrored) ** 2).sum()
    )
    with pytest.raises(EstimationError, match="mirrored"):
        SimilarityModel.fit(SQUARE, mirrored)


def test_affine_recovers_a_reflection():
    truth = np.array([[-1.0, 0.1, 700], [0.2, 1.1, 3], [0, 0, 1]])
    np.testing.assert_allclose(
        AffineModel().estimate(SQUARE, apply(truth, SQUARE)), truth, atol=1e-9
    )


def test_affine_far_from_the_origin_is_as_exact_as_the_points():
    truth = np.array([[1.001, 2e-4, -5.0], [-3e-4, 0.999, 8.0], [0, 0, 1]])
    far = SQUARE + 1e6
    fitted = AffineModel().estimate(far, apply(truth, far))
    np.testing.assert_allclose(fitted[:2, :2], truth[:2, :2], atol=1e-11)


@pytest.mark.parametrize("cls", MODELS)
def test_weights_count_points_several_times(cls):
    rng = np.random.default_rng(5)
    source, target = rng.random((8, 2)) * 100, rng.random((8, 2)) * 100
    counts = np.array([1, 2, 3, 1, 1, 4, 0, 2])
    repeated = cls().estimate(np.repeat(source, counts, axis=0), np.repeat(target, counts, axis=0))
    np.testing.assert_allclose(cls().estimate(source, target, weights=counts), repeated, atol=1e-8)


@pytest.mark.parametrize(
    ("cls", "needed"),
    [(TranslationModel, 1), (RigidModel, 2), (SimilarityModel, 2), (AffineModel, 3)],
)
def test_minimum_counts(cls, needed):
    points = np.array([[0.0, 0], [10, 0], [0, 10]])
    np.testing.assert_allclose(cls().estimate(points[:needed], points[:needed] + 5)[:2, 2], 5)
    with pytest.raises(EstimationError, match=f"at least {needed}"):
        cls().estimate(points[: needed - 1], points[: needed - 1])


@pytest.mark.parametrize("cls", [RigidModel, SimilarityModel, AffineModel])
def test_identical_points_and_unequal_numbers_are_refused(cls):
    with pytest.raises(EstimationError):
        cls().estimate(np.ones((5, 2)), SQUARE[:5])
    with pytest.raises(EstimationError, match="4 source points but 5"):
        cls().estimate(SQUARE[:4], SQUARE[:5])
    with pytest.raises(EstimationError, match="NaN"):
        cls().estimate(SQUARE, np.where(SQUARE == 100, np.nan, SQUARE))
    with pytest.raises(EstimationError):
        cls().estimate(SQUARE[:, :1], SQUARE[:, :1])


def test_translation_takes_sets_of_different_sizes():
    fitted = TranslationModel.fit(SQUARE[:4], SQUARE)
    np.testing.assert_allclose(fitted[:2, 2], SQUARE.mean(axis=0) - SQUARE[:4].mean(axis=0))


@pytest.mark.parametrize("weights", [[1, 1], [-1] * 25, [0] * 25, [np.nan] * 25])
def test_unusable_weights_are_refused(weights):
    with pytest.raises(EstimationError, match="weights"):
        AffineModel().estimate(SQUARE, SQUARE, weights=weights)
