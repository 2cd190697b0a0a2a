"""Places are found again where the weighted correlation, worked out place by place, is highest."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from renderapi.matching.window_search import best_shifts

SIGMA, RADIUS = 9.0, 5
ROWS, COLUMNS = 87, 103  # no whole number of squares
X, Y = np.array([30.0, 51.0, 64.5]), np.array([31.0, 50.25])


@pytest.fixture(scope="module")
def picture():
    made = gaussian_filter(np.random.default_rng(3).normal(size=(ROWS, COLUMNS)), 1.7)
    return (made - gaussian_filter(made, 6)).astype(np.float32)


EVERYWHERE = np.ones((ROWS, COLUMNS), bool)


def weighted(a, b, x, y, dx, dy):
    """Correlation about (x, y) of a with b at (x + dx, y + dy), weights of a Gaussian."""
    moved = np.zeros_like(b)
    source = b[max(0, dy) : ROWS + min(0, dy), max(0, dx) : COLUMNS + min(0, dx)]
    top, left = max(0, -dy), max(0, -dx)
    moved[top : top + source.shape[0], left : left + source.shape[1]] = source
    j, i = np.indices(a.shape)
    weight = np.exp(-((i - x) ** 2 + (j - y) ** 2) / (2 * SIGMA**2))
    return (weight * a * moved).sum() / np.sqrt(
        (weight * a * a).sum() * (weight * moved * moved).sum()
    )


def found(a, b, a_mask=EVERYWHERE, b_mask=EVERYWHERE):
    return best_shifts((a, a_mask), (b, b_mask), X, Y, RADIUS, SIGMA, 0.4)


def test_correlations_are_those_of_weighted_surroundings(picture):
    rng = np.random.default_rng(4)
    other = np.roll(picture, (2, -3), (0, 1)) + 0.05 * rng.normal(size=picture.shape)
    other = (other - gaussian_filter(other, 6)).astype(np.float32)
    rest, correlation, tried = found(picture, other)
    assert tried.all()
    for row, y in enumerate(Y):
        for column, x in enumerate(X):
            values = {
                (dx, dy): weighted(picture, other, x, y, dx, dy)
                for dx in range(-RADIUS, RADIUS + 1)
                for dy in range(-RADIUS, RADIUS + 1)
            }
            best = max(values, key=values.get)
            assert best == (-3, 2)
            assert correlation[row, column] == pytest.approx(values[best], abs=0.02)
    np.testing.assert_allclose(rest, np.broadcast_to([-3, 2], rest.shape), atol=0.15)


def test_shifts_between_pixels_are_found(picture):
    moved = shift(picture, (1.4, -2.3), order=5).astype(np.float32)
    rest = found(picture, moved).rest
    np.testing.assert_allclose(rest, np.broadcast_to([-2.3, 1.4], rest.shape), atol=0.12)


def test_what_lies_further_off_or_is_masked_is_not_found(picture):
    beyond = np.roll(picture, RADIUS + 1, 1)
    rest, correlation, tried = found(picture, beyond)
    near = np.isfinite(correlation)
    assert tried.all() and (np.abs(rest[near]) <= RADIUS).all()
    assert not (correlation[near] > 0.8).any()
    left = EVERYWHERE.copy()
    left[:, 40:] = False
    masked = found(picture, picture, left)
    assert masked.tried.tolist() == [[True, False, False]] * 2
    assert np.isfinite(masked.correlation).tolist() == masked.tried.tolist()
    hidden = found(picture, picture, EVERYWHERE, left)
    assert hidden.tried.all()
    assert np.isfinite(hidden.correlation).tolist() == [[True, False, False]] * 2
    nothing = found(picture, picture, ~EVERYWHERE)
    assert not nothing.tried.any() and np.isnan(nothing.rest).all()
