"""RANSAC and the trust filter."""

import numpy as np
import pytest

from renderapi.matching.models import MODELS, Model, apply
from renderapi.matching.ransac import RansacParameters, find_consensus

TRUE = {
    "translation": np.array([[1, 0, 40], [0, 1, -7], [0, 0, 1.0]]),
    "rigid": np.array([[0.8, -0.6, 40], [0.6, 0.8, -7], [0, 0, 1.0]]),
    "similarity": np.array([[0.88, -0.66, 40], [0.66, 0.88, -7], [0, 0, 1.0]]),
    "affine": np.array([[1.1, -0.2, 40], [0.1, 0.9, -7], [0, 0, 1.0]]),
}


def matches(name, inliers, outliers, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.uniform(0, 1000, (inliers + outliers, 2))
    q = apply(TRUE[name], p) + rng.normal(0, noise, p.shape)
    q[inliers:] = rng.uniform(-500, 1500, (outliers, 2))
    return p, q


@pytest.mark.parametrize("name", MODELS)
def test_inliers_are_found_among_three_times_as_many_outliers(name):
    p, q = matches(name, 60, 180)
    found = find_consensus(p, q, Model(name), RansacParameters(max_epsilon=3, max_trust=6))
    assert set(range(60)) <= set(found.inliers.tolist())
    assert len(found.inliers) <= 62
    assert apply(found.matrix, p[:60]) == pytest.approx(apply(TRUE[name], p[:60]), abs=0.5)
    assert (np.diff(found.inliers) > 0).all()


def test_the_trust_filter_drops_what_lies_beyond_the_median():
    p, q = matches("translation", 50, 0, noise=0.1)
    q[7] += 2.0
    generous = RansacParameters(max_epsilon=20, max_trust=1000)
    assert 7 in find_consensus(p, q, Model("translation"), generous).inliers
    strict = RansacParameters(max_epsilon=20, max_trust=4)
    assert 7 not in find_consensus(p, q, Model("translation"), strict).inliers


def test_exact_matches_are_all_kept():
    p, _ = matches("affine", 30, 0)
    found = find_consensus(p, apply(TRUE["affine"], p), Model("affine"), RansacParameters())
    assert len(found.inliers) == 30


def test_a_floor_keeps_small_residuals_where_most_are_none():
    p, _ = matches("translation", 30, 0)
    q = p + np.array([5.0, 6.0])
    q[:8] += 0.3
    q[8:16] -= 0.3
    parameters = RansacParameters(max_epsilon=3, max_trust=4, trust_floor=0.5)
    assert len(find_consensus(p, q, Model("translation"), parameters).inliers) == 30


@pytest.mark.parametrize(
    "parameters",
    [
        RansacParameters(max_epsilon=2, min_inliers=12),
        RansacParameters(max_epsilon=2, min_inlier_ratio=0.3),
    ],
)
def test_chance_agreement_is_refused(parameters):
    p, q = matches("affine", 0, 100, seed=4)
    assert find_consensus(p, q, Model("affine"), parameters) is None


def test_too_few_matches_give_nothing():
    p, q = matches("affine", 3, 0)
    assert find_consensus(p, q, Model("affine"), RansacParameters(min_inliers=4)) is None
    assert find_consensus(p[:0], q[:0], Model("affine"), RansacParameters()) is None


def test_the_seed_decides():
    p, q = matches("similarity", 15, 300)
    first, again = (
        find_consensus(p, q, Model("similarity"), RansacParameters(max_epsilon=3, seed=5))
        for _ in range(2)
    )
    assert first.inliers.tolist() == again.inliers.tolist()
    assert (first.matrix == again.matrix).all()
