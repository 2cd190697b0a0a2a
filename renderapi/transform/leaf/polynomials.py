"""Polynomials of two variables: evaluation, derivatives, change of coordinates, fits.

Coefficients are 2 x K (x' row, y' row) in graded order: 1; x, y; x^2, xy, y^2; x^3, x^2 y, ...
Order o has K = (o + 1)(o + 2) / 2 of them.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.linalg import svd
from numpy.typing import NDArray

from renderapi.errors import EstimationError
from renderapi.transform.leaf.points import BLOCK

#: singular values below this fraction of the largest one mean that the points do not determine
#: the coefficients
DEGENERATE = 1e-12


def term_count(order: int) -> int:
    """Number of terms K of a polynomial of that order."""
    return (order + 1) * (order + 2) // 2


@functools.lru_cache(maxsize=64)
def order_of(terms: int) -> int:
    """Order of a polynomial of that many terms; ValueError where there is none."""
    order = (math.isqrt(8 * terms + 1) - 3) // 2
    if terms < 1 or term_count(order) != terms:
        raise ValueError(f"{terms} coefficients per axis make no full polynomial (1, 3, 6, 10...)")
    return order


def evaluate(params: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values N x 2 at N x 2 points; a point's result depends on that point only."""
    order = order_of(params.shape[1])
    result = np.empty((len(points), 2))
    ax, ay = params.astype(np.float64).tolist()
    for first in range(0, len(points), BLOCK):
        block = points[first : first + BLOCK]
        _evaluate_block(order, ax, ay, block, result[first : first + BLOCK])
    return result


def _evaluate_block(
    order: int,
    ax: list[float],
    ay: list[float],
    block: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    x, y = np.ascontiguousarray(block.T)
    count = len(x)
    sum_x, sum_y = np.full(count, ax[0]), np.full(count, ay[0])
    scratch = np.empty(count)
    # terms of one degree are made from those of the degree below: times x, and the last times y
    terms = np.ones((order + 1, count))
    k = 1
    for degree in range(1, order + 1):
        np.multiply(terms[degree - 1], y, out=terms[degree])
        terms[:degree] *= x
        for term in terms[: degree + 1]:
            if ax[k]:
                np.multiply(term, ax[k], out=scratch)
                sum_x += scratch
            if ay[k]:
                np.multiply(term, ay[k], out=scratch)
                sum_y += scratch
            k += 1
    out[:, 0] = sum_x
    out[:, 1] = sum_y


def terms_of(order: int, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Terms N x K at N x 2 points."""
    x, y = points[:, 0], points[:, 1]
    terms = np.empty((len(points), term_count(order)))
    terms[:, 0] = 1.0
    k = 1
    for degree in range(1, order + 1):
        previous = k - degree
        terms[:, k : k + degree] = terms[:, previous:k] * x[:, None]
        terms[:, k + degree] = terms[:, k - 1] * y
        k += degree + 1
    return terms


def exponents(order: int) -> list[tuple[int, int]]:
    """Powers of x and y of each term."""
    return [(degree - i, i) for degree in range(order + 1) for i in range(degree + 1)]


def derivatives(params: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients of the derivatives in x and in y, one order lower."""
    order = order_of(params.shape[1])
    powers = exponents(order)
    lower = {power: k for k, power in enumerate(exponents(max(order - 1, 0)))}
    by_x, by_y = (np.zeros((2, len(lower))) for _ in range(2))
    for k, (i, j) in enumerate(powers):
        if i:
            by_x[:, lower[i - 1, j]] += i * params[:, k]
        if j:
            by_y[:, lower[i, j - 1]] += j * params[:, k]
    return by_x, by_y


def jacobian(params: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Derivatives N x 2 x 2, [n, i, j] = d out_i / d in_j."""
    by_x, by_y = derivatives(params)
    return np.stack((evaluate(by_x, points), evaluate(by_y, points)), axis=2)


def rescaled(params: NDArray[np.float64], centre: NDArray[np.float64], scale: float) -> NDArray:
    """Coefficients in p of the polynomial whose coefficients in (p - centre) / scale are given."""
    order = order_of(params.shape[1])
    index = {power: k for k, power in enumerate(exponents(order))}
    cx, cy = (-centre).tolist()
    given_x, given_y = params.tolist()
    x, y = [0.0] * len(index), [0.0] * len(index)
    for (i, j), k in index.items():
        size = scale ** (i + j)
        factor_x, factor_y = given_x[k] / size, given_y[k] / size
        for a in range(i + 1):
            for b in range(j + 1):
                weight = math.comb(i, a) * math.comb(j, b) * cx ** (i - a) * cy ** (j - b)
                x[index[a, b]] += weight * factor_x
                y[index[a, b]] += weight * factor_y
    return np.array((x, y))


def fit(
    p: NDArray[np.float64], q: NDArray[np.float64], order: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weighted least-squares coefficients 2 x K that map p to q (N x 2 each).

    The points are centred and scaled to the unit square first, and the tall system is reduced to a
    triangle block by block, so memory does not grow with N beyond the points themselves.

    Raises
    ------
    EstimationError
        When the points do not determine the coefficients.
    """
    low, high = p.min(axis=0), p.max(axis=0)
    centre, scale = (low + high) / 2, float((high - low).max()) / 2 or 1.0
    q_centre = q.mean(axis=0)
    columns = term_count(order)
    triangle = np.empty((0, columns + 2))
    root = np.sqrt(weights)[:, None]
    for first in range(0, len(p), BLOCK):
        part = slice(first, first + BLOCK)
        rows = np.hstack((terms_of(order, (p[part] - centre) / scale), q[part] - q_centre))
        stacked = np.vstack((triangle, rows * root[part]))
        triangle = np.asarray(np.linalg.qr(stacked, mode="r"))
    left, right = triangle[:columns, :columns], triangle[:columns, columns:]
    u, s, vt = svd(left)
    if len(s) < columns or not s[-1] > DEGENERATE * s[0]:
        raise EstimationError(
            f"polynomial: the points do not determine a polynomial of order {order} "
            "(too few distinct ones, or all on one curve)"
        )
    params = (vt.T @ ((u.T @ right) / s[:, None])).T
    try:
        params = rescaled(params, centre, scale)
    except (OverflowError, ZeroDivisionError) as error:
        raise EstimationError(
            f"polynomial: the coordinates are too large or too close for order {order}"
        ) from error
    params[:, 0] += q_centre
    return params
