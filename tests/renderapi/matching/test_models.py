"""Model fits, against models that points were made with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi.matching.models import MODELS, Model, apply, distances


def matrix_of(name, angle, scale, shear, dx, dy):
    c, s = np.cos(angle), np.sin(angle)
    linear = {
        "translation": np.eye(2),
        "rigid": np.array([[c, -s], [s, c]]),
        "similarity": scale * np.array([[c, -s], [s, c]]),
        "affine": np.array([[c * scale, -s + shear], [s, c]]),
    }[name]
    return np.vstack([np.column_stack([linear, [dx, dy]]), [0, 0, 1]])


@given(
    name=st.sampled_from(MODELS),
    angle=st.floats(-3, 3),
    scale=st.floats(0.5, 2),
    shear=st.floats(-0.3, 0.3),
    dx=st.floats(-1e4, 1e4),
    dy=st.floats(-1e4, 1e4),
    square=st.booleans(),
)
def test_exact_points_give_the_model_back(name, angle, scale, shear, dx, dy, square):
    """Square grids included, on which some published rigid fits fail."""
    true = matrix_of(name, angle, scale, shear, dx, dy)
    x, y = np.meshgrid(np.arange(4) * 100.0, np.arange(4) * (100.0 if square else 37.0))
    p = np.column_stack([x.ravel(), y.ravel()]) + 5000
    assert Model(name).fit(p, apply(true, p)) == pytest.approx(true, abs=1e-6)


def test_weights_decide():
    p = np.array([[0.0, 0], [1, 0], [0, 1], [5, 5]])
    q = p + np.array([3.0, 4.0])
    q[3] += 100
    assert Model("translation").fit(p, q, np.array([1, 1, 1, 0.0]))[:2, 2] == pytest.approx((3, 4))


@pytest.mark.parametrize("name", MODELS)
def test_least_squares_agree_with_numpy(name):
    rng = np.random.default_rng(2)
    p = rng.uniform(0, 1000, (30, 2))
    q = apply(matrix_of("affine", 0.02, 1.01, 0.01, 30, -20), p) + rng.normal(0, 2, p.shape)
    best = (distances(Model(name).fit(p, q), p, q) ** 2).sum()
    if name == "affine":
        design = np.column_stack([p, np.ones(30)])
        expected = ((design @ np.linalg.lstsq(design, q, rcond=None)[0] - q) ** 2).sum()
        assert best == pytest.approx(expected)
    for _ in range(20):  # no other model of the family is better
        tweak = matrix_of(name, *rng.normal(0, 1e-3, 1), 1 + rng.normal(0, 1e-3), 0, 0.01, -0.01)
        assert (distances(tweak @ Model(name).fit(p, q), p, q) ** 2).sum() >= best


def test_stacks_of_sets_are_fitted_at_once():
    rng = np.random.default_rng(0)
    p, q = rng.normal(size=(2, 5, 7, 4, 2))
    for name in MODELS:
        together = Model(name).fit(p, q)
        assert together.shape == (5, 7, 3, 3)
        assert together[3, 2] == pytest.approx(Model(name).fit(p[3, 2], q[3, 2]))


def test_sets_that_do_not_determine_a_model_give_nan():
    line = np.column_stack([np.arange(5.0), 2 * np.arange(5.0)])
    assert np.isnan(Model("affine").fit(line, line)).all()
    same = np.zeros((3, 2))
    assert np.isnan(Model("rigid").fit(same, same)).all()
    assert np.isnan(Model("similarity").fit(same, same)).all()
    assert np.isfinite(Model("rigid").fit(line, line)).all()


def test_interpolated_models_mix_their_matrices():
    rng = np.random.default_rng(1)
    p, q = rng.normal(size=(2, 10, 2))
    mixed = Model("affine", "rigid", 0.25)
    expected = 0.75 * Model("affine").fit(p, q) + 0.25 * Model("rigid").fit(p, q)
    assert mixed.fit(p, q) == pytest.approx(expected)
    assert mixed.minimal_set == 3
    assert Model("translation", "affine", 0.1).minimal_set == 3


def test_unknown_models_are_refused():
    with pytest.raises(ValueError, match="choose one of translation, rigid"):
        Model("homography")
    with pytest.raises(ValueError, match="0 to 1"):
        Model("affine", "rigid", 2.0)
