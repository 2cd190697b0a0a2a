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


def test_many_points_by_way_of_a_grid_meet_their_targets_with_few_evaluations():
    points = np.random.default_rng(1).random((20_000, 2)) * (2000, 1000)
    asked = []

    def counted(places):
        asked.append(len(places))
        return bend(places)

    found = invert(counted, bend(points))
    np.testing.assert_allclose(found, points, atol=1e-8)
    assert sum(asked) < 5 * len(points)


def test_many_points_of_a_map_too_rough_for_a_grid():
    def rough(places):
        return places + 3 * np.sin(places[:, ::-1] / 5)

    points = np.random.default_rng(2).random((4000, 2)) * 2000
    np.testing.assert_allclose(invert(rough, rough(points)), points, atol=1e-6)


def test_many_points_that_lie_on_a_line_or_are_one():
    line = np.column_stack((np.linspace(0, 2000, 3000), np.full(3000, 7.0)))
    np.testing.assert_allclose(invert(bend, bend(line)), line, atol=1e-7)
    same = np.full((3000, 2), 70.0)
    np.testing.assert_allclose(invert(bend, bend(same)), same, atol=1e-7)


def test_many_points_some_of_which_cannot_be_reached():
    targets = np.random.default_rng(3).random((3000, 2)) * 100 - 1
    with pytest.raises(EstimationError, match="no inverse found"):
        invert(lambda p: p**2, targets)
