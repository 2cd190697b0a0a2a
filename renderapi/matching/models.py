"""Weighted least squares fits of the plane models that matches are filtered by.

A model is a 3 x 3 matrix that maps a point of p (x, y, 1) to q. Every fit also works on stacks of
point sets, so that RANSAC tries all its minimal sets at once. Degenerate sets (too few distinct
points, all on a line for an affine) give a matrix of NaN, which has no inliers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]
Matrix = NDArray[np.floating[Any]]
Fit = Callable[[Points, Points, NDArray[np.float64]], Matrix]

MINIMAL_SETS = {"translation": 1, "rigid": 2, "similarity": 2, "affine": 3}
MODELS = tuple(MINIMAL_SETS)


@dataclass(frozen=True, slots=True)
class Model:
    """A kind of model, by itself or mixed with a simpler one.

    Attributes
    ----------
    name : str
        translation, rigid, similarity or affine.
    regularizer : str, optional
        Model whose matrix is mixed in.
    weight : float
        Share of the regularizer (lambda), 0 to 1: the parameters are
        (1 - weight) * model + weight * regularizer.
    """

    name: str
    regularizer: str | None = None
    weight: float = 0.0

    def __post_init__(self) -> None:
        for name in (self.name, self.regularizer or self.name):
            if name not in MINIMAL_SETS:
                raise ValueError(f"unknown model {name!r}: choose one of {', '.join(MODELS)}")
        if not 0.0 <= self.weight <= 1.0:
            raise ValueError(f"the share of the regularizer must be 0 to 1, not {self.weight}")

    @property
    def minimal_set(self) -> int:
        """Fewest points that determine the model."""
        return max(MINIMAL_SETS[self.name], MINIMAL_SETS[self.regularizer or self.name])

    def fit(self, p: Points, q: Points, weights: NDArray[np.float64] | None = None) -> Matrix:
        """Matrices that map p to q best.

        Parameters
        ----------
        p, q : (..., N, 2) arrays
            Corresponding points.
        weights : (..., N) array, optional
            Weights of the squared distances; 1 when absent.

        Returns
        -------
        (..., 3, 3) array, NaN where the points do not determine the model.
        """
        w = np.ones(p.shape[:-1]) if weights is None else np.broadcast_to(weights, p.shape[:-1])
        matrix = _FITS[self.name](p, q, w)
        if self.regularizer is None or self.weight == 0:
            return matrix
        other = _FITS[self.regularizer](p, q, w)
        return (1 - self.weight) * matrix + self.weight * other


def apply(matrix: Matrix, points: Points) -> Points:
    """Points (..., N, 2) mapped by affine matrices (..., 3, 3)."""
    linear = np.swapaxes(matrix[..., :2, :2], -1, -2)
    return points @ linear + matrix[..., None, :2, 2]


def distances(matrix: Matrix, p: Points, q: Points) -> NDArray[np.float64]:
    """Distances (..., N) between the mapped points of p and the points of q."""
    difference = apply(matrix, p) - q
    return np.hypot(difference[..., 0], difference[..., 1])


def _centred(
    p: Points, q: Points, w: NDArray[np.float64]
) -> tuple[Points, Points, NDArray, NDArray]:
    """Points about their weighted means, and the means."""
    total = w.sum(-1)[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        p_mean = (w[..., None] * p).sum(-2) / total
        q_mean = (w[..., None] * q).sum(-2) / total
    return p - p_mean[..., None, :], q - q_mean[..., None, :], p_mean, q_mean


def _assembled(linear: NDArray, p_mean: NDArray, q_mean: NDArray) -> Matrix:
    """Matrix with the linear part given that maps the mean of p to the mean of q."""
    matrix = np.zeros((*linear.shape[:-2], 3, 3))
    matrix[..., :2, :2] = linear
    matrix[..., :2, 2] = q_mean - (linear @ p_mean[..., None])[..., 0]
    matrix[..., 2, 2] = 1.0
    known = np.isfinite(matrix).all(axis=(-1, -2), keepdims=True)
    return np.where(known, matrix, np.nan)


def _fit_translation(p: Points, q: Points, w: NDArray[np.float64]) -> Matrix:
    _, _, p_mean, q_mean = _centred(p, q, w)
    linear = np.broadcast_to(np.eye(2), (*p.shape[:-2], 2, 2))
    return _assembled(linear, p_mean, q_mean)


def _complex_fit(
    p: Points, q: Points, w: NDArray[np.float64]
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Cosine and sine parts of the best similarity, before scaling, and the means.

    In the plane a similarity is a complex factor: sum(conj(p) q) / sum(|p|^2) over centred points.
    """
    a, b, p_mean, q_mean = _centred(p, q, w)
    even = (w * (a[..., 0] * b[..., 0] + a[..., 1] * b[..., 1])).sum(-1)
    odd = (w * (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])).sum(-1)
    return even, odd, p_mean, q_mean


def _rotation_like(even: NDArray, odd: NDArray, norm: NDArray) -> NDArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        c, s = even / norm, odd / norm
    rows = np.stack([np.stack([c, -s], -1), np.stack([s, c], -1)], -2)
    return np.where((norm > 1e-12)[..., None, None], rows, np.nan)


def _fit_rigid(p: Points, q: Points, w: NDArray[np.float64]) -> Matrix:
    even, odd, p_mean, q_mean = _complex_fit(p, q, w)
    return _assembled(_rotation_like(even, odd, np.hypot(even, odd)), p_mean, q_mean)


def _fit_similarity(p: Points, q: Points, w: NDArray[np.float64]) -> Matrix:
    even, odd, p_mean, q_mean = _complex_fit(p, q, w)
    power = (w[..., None] * (p - p_mean[..., None, :]) ** 2).sum((-1, -2))
    return _assembled(_rotation_like(even, odd, power), p_mean, q_mean)


def _fit_affine(p: Points, q: Points, w: NDArray[np.float64]) -> Matrix:
    a, b, p_mean, q_mean = _centred(p, q, w)
    weighted = a * w[..., None]
    moments = np.swapaxes(weighted, -1, -2) @ a
    mixed = np.swapaxes(weighted, -1, -2) @ b
    determinant = moments[..., 0, 0] * moments[..., 1, 1] - moments[..., 0, 1] ** 2
    spread = moments[..., 0, 0] + moments[..., 1, 1]
    known = determinant > 1e-9 * np.maximum(spread, 1e-12) ** 2
    safe = np.where(known[..., None, None], moments, np.eye(2))
    linear = np.swapaxes(np.linalg.solve(safe, mixed), -1, -2)
    return _assembled(np.where(known[..., None, None], linear, np.nan), p_mean, q_mean)


_FITS: dict[str, Fit] = {
    "translation": _fit_translation,
    "rigid": _fit_rigid,
    "similarity": _fit_similarity,
    "affine": _fit_affine,
}
