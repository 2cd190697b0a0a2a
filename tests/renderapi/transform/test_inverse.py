"""Numerical inverse."""

import numpy as np
import pytest

from renderapi.errors import EstimationError
from renderapi.transform.leaf.inverse import difference_jacobian, invert
from renderapi.transform.leaf.polynomials import jacobian

POINTS = np.random.default_rng(0).random((300, 2)) * 2000


def bend(points):
    x, y = points.T
    return np.stack((x + 30 * np.sin(y / 200) + 7e4, y + 20 * np.cos(x / 300) - 3e4), axis=1)


def test_inverse_meets_the_targets():
    found = invert(bend, bend(POINTS))
    np.testing.assert_allclose(found, POINTS, atol=1e-6)
    np.testing.assert_allclose(bend(found), bend(POINTS), atol=1e-7)


def test_a_start_may_be_given():
    np.testing.assert_allclose(invert(bend, bend(POINTS), start=POINTS + 5), POINTS, atol=1e-6)


def test_no_points():
    assert invert(bend, np.empty((0, 2))).shape == (0, 2)


def test_what_cannot_be_reached_is_counted():
    with pytest.raises(EstimationError, match=r"fold: no inverse found for 1 of 2 points"):
        invert(lambda p: p**2 + 1, np.array([[5.0, 5.0], [0.0, 5.0]]), name="fold")


def test_difference_jacobian_agrees_with_the_derivative():
    params = np.array([[1.0, 1.1, 0.2, 1e-5, 2e-5, -1e-5], [2.0, -0.1, 0.9, 3e-5, 0, 1e-5]])
    by_difference = difference_jacobian(lambda p: (params @ _terms(p)).T, POINTS)
    np.testing.assert_allclose(jacobian(params, POINTS), by_difference, atol=1e-7)


def _terms(points):
    x, y = points.T
    return np.stack((np.ones(len(x)), x, y, x * x, x * y, y * y))
