"""Fits of a handful of points, against the general fits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.errors import EstimationError
from renderapi.transform import AffineModel, TranslationModel
from renderapi.transform.leaf import few_points
from renderapi.transform.leaf.linear_fits import COLLINEAR

seeds = st.integers(0, 2**32 - 1).map(np.random.default_rng)


def least_squares(p, q):
    """Solution of the N x 3 system by singular values, centred first."""
    p0, q0 = p.mean(axis=0), q.mean(axis=0)
    solution, *_ = np.linalg.lstsq(p - p0, q - q0, rcond=None)
    return np.column_stack((solution.T, q0 - p0 @ solution))


@given(seeds, st.integers(3, 16), st.floats(1e-2, 1e5), st.floats(0, 1e6), st.floats(1e-5, 1))
def test_few_points_are_fitted_as_many_are(random, count, size, place, flatness):
    p = random.random((count, 2)) * (size, size * flatness) + place
    q = p @ random.normal(size=(2, 2)) + random.normal(size=2) * place
    q += random.normal(size=q.shape) * size / 100
    spread = np.linalg.svd(p - p.mean(axis=0), compute_uv=False)
    found = few_points.affine(p, q, COLLINEAR)
    if found is None:  # where the general fit decides
        assert spread[1] < 1e-9 * spread[0]
        return
    expected = least_squares(p, q)
    got, best = (p @ rows[:, :2].T + rows[:, 2] for rows in (np.array(found), expected))
    scale = np.abs(q).max() + np.abs(p).max() * np.abs(expected[:, :2]).max()
    assert np.linalg.norm(got - q) <= np.linalg.norm(best - q) + 1e-14 * count * scale


def test_an_estimate_is_the_same_whatever_way_is_taken():
    random = np.random.default_rng(3)
    for count in (3, 16, 17, 64, 65):
        p = random.random((count, 2)) * 2000 + 1e4
        q = p * 1.01 + random.normal(size=p.shape)
        weights = np.ones(count)
        for model in (AffineModel, TranslationModel):
            plain, weighted = model().estimate(p, q), model().estimate(p, q, weights=weights)
            np.testing.assert_allclose(plain, weighted, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(plain[:2, :2], np.eye(2))


@pytest.mark.parametrize(
    "p",
    [
        np.zeros((4, 2)),
        np.column_stack((np.arange(5.0), np.arange(5.0) * 2 + 1e6)),
        np.column_stack((np.zeros(5), np.arange(5.0))),
        np.array([[0.0, 0.0], [1.0, 0.0], [np.nan, 1.0]]),
        np.array([[0.0, 0.0], [1.0, 0.0], [np.inf, 1.0]]),
        np.array([[0.0, 0.0], [1.0, 2.0]]),
    ],
)
def test_points_that_determine_no_affine_are_refused(p):
    assert few_points.affine(p, p, COLLINEAR) is None
    with pytest.raises(EstimationError, match="affine"):
        AffineModel().estimate(p, p)


def test_the_first_column_may_be_much_shorter_than_the_second():
    p = np.array([[0.0, 0.0], [1e-3, 500.0], [0.0, 1000.0]])
    fitted = AffineModel().estimate(p, p + 7.0)
    np.testing.assert_allclose(fitted, [[1, 0, 7], [0, 1, 7], [0, 0, 1]], atol=1e-9)


@pytest.mark.parametrize("kind", [list, tuple, np.asarray, lambda rows: np.asarray(rows, int)])
def test_lists_and_whole_numbers_are_points_too(kind):
    points = kind([[1, 2], [3, 4]])
    moved = TranslationModel().estimate(points, np.add(points, 5))
    assert moved.tolist() == [[1, 0, 5], [0, 1, 5], [0, 0, 1]]


def test_huge_numbers_go_the_general_way():
    p = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]) * 1e150
    assert few_points.affine(p, p, COLLINEAR) is None
    np.testing.assert_allclose(AffineModel().estimate(p, p)[:, :2], np.eye(3)[:, :2], atol=1e-10)
    assert few_points.mean(np.full((3, 2), 1.7e308)) is None
