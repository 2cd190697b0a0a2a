"""Least-squares fits of the linear models: translation, rigid, similarity, affine.

The rotation of the rigid and similarity fits is the closed form of Umeyama's (1991) solution in two
dimensions: with the sums dot = sum w p.q and cross = sum w p x q about the centroids, the angle is
atan2(cross, dot). It is a proper rotation whatever the points are; mirrored points give the best
rotation there is, never a reflection.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import EstimationError
from renderapi.transform.leaf import few_points
from renderapi.transform.leaf.points import SingularTransform, as_pairs, as_weights

MINIMUM_POINTS = {"translation": 1, "rigid": 2, "similarity": 2, "affine": 3}

#: points thinner than this, relative to their length, count as collinear
COLLINEAR = 1e-10


def fit_linear(
    model: str, source: ArrayLike, target: ArrayLike, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Best map of `source` to `target` in the weighted least-squares sense.

    Parameters
    ----------
    model : {'translation', 'rigid', 'similarity', 'affine'}
    source, target : array_like, N x 2
    weights : array_like, N, optional
        Not negative; equal weights if None.

    Returns
    -------
    ndarray, 3 x 3, float64
        Homogeneous matrix.

    Raises
    ------
    EstimationError
        Too few points, points that do not determine the model (identical, or collinear for the
        affine), unequal numbers of points, or unusable weights.
    """
    if model == "affine" and weights is None:
        rows = few_points.affine(source, target, COLLINEAR)
        if rows is not None:
            return np.array((*rows, (0.0, 0.0, 1.0)))
    needed = MINIMUM_POINTS[model]
    p, q = as_pairs(source, target, needed, model)
    if weights is None:
        roots = None
        p_centre, q_centre = column_means(p), column_means(q)
    else:
        w = as_weights(weights, len(p), model)
        if np.count_nonzero(w) < needed:
            raise EstimationError(f"{model}: at least {needed} points need a weight above zero")
        w = w / w.sum()
        p_centre, q_centre = w @ p, w @ q
        roots = np.sqrt(w)[:, None]
    p, q = p - p_centre, q - q_centre
    if roots is not None:
        p *= roots
        q *= roots
    if model == "translation":
        linear = np.eye(2)
    elif model == "affine":
        linear = _fit_affine(p, q)
    else:
        linear = _fit_rotation(p, q, scaled=model == "similarity")
    matrix = np.eye(3)
    matrix[:2, :2] = linear
    matrix[:2, 2] = q_centre - linear @ p_centre
    return matrix


def column_means(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of N x 2 points, a column at a time: numpy would sum row by row."""
    return np.array((points[:, 0].mean(), points[:, 1].mean()))


def _fit_affine(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    # the two-column system is reduced to a triangle first: fast for many points, and it keeps the
    # condition of the points instead of squaring it
    triangle = np.asarray(np.linalg.qr(np.hstack((p, q)), mode="r"))
    size = min(2, len(triangle))
    left, right = triangle[:size, :2], triangle[:size, 2:]
    solution, _, rank, _ = np.linalg.lstsq(left, right, rcond=COLLINEAR)
    if rank < 2:
        raise EstimationError("affine: the points are collinear or identical")
    return solution.T


def _fit_rotation(
    p: NDArray[np.float64], q: NDArray[np.float64], scaled: bool
) -> NDArray[np.float64]:
    name = "similarity" if scaled else "rigid"
    covariance = p.T @ q
    spread = float(np.vdot(p, p))
    size = float(np.sqrt(spread * np.vdot(q, q)))
    if not np.abs(covariance).max() > COLLINEAR * size or size == 0.0:
        raise EstimationError(f"{name}: the points are identical or unrelated, no rotation fits")
    dot = covariance[0, 0] + covariance[1, 1]
    cross = covariance[0, 1] - covariance[1, 0]
    norm = float(np.hypot(dot, cross))
    if norm <= COLLINEAR * size:
        # mirrored points without a preferred direction: all rotations are equally good
        if scaled:
            raise SingularTransform("similarity: the points are mirrored, the best scale is 0")
        dot, cross, norm = 1.0, 0.0, 1.0
    factor = 1.0 / spread if scaled else 1.0 / norm
    cos, sin = dot * factor, cross * factor
    return np.array(((cos, -sin), (sin, cos)))
