"""Thin plate spline arithmetic: the kernel u(r) = r^2 ln r, its sums, and the fit.

Sums are made block by block in buffers that stay in the processor's cache, so memory does not grow
with the number of points times the number of landmarks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.transform.leaf.points import SingularTransform

Array = NDArray[np.float64]

#: numbers in one buffer (points x landmarks)
NUMBERS_AT_A_TIME = 1 << 13
#: u(r) is 0 up to this square of r
SMALLEST_SQUARE = 1e-16
#: landmarks flatter than this, relative to their length, count as collinear
COLLINEAR = 1e-10
#: the spline must meet its landmarks to this fraction of the largest displacement
MISFIT = 1e-6
#: residuals (pixels) from which on the solution is refined
REFINED_FROM = 1e-10

_UNDETERMINED = "thin plate spline: the points do not determine the spline"


def kernel_matrix(points: Array, landmarks: Array) -> Array:
    """u of the distances between N x 2 points and n x 2 landmarks, N x n."""
    squares = np.subtract.outer(points[:, 0], landmarks[:, 0])
    other = np.subtract.outer(points[:, 1], landmarks[:, 1])
    squares *= squares
    other *= other
    squares += other
    np.maximum(squares, SMALLEST_SQUARE, out=other)
    np.log(other, out=other)
    other *= squares
    other *= 0.5
    return other


def deformation(points: Array, landmarks: Array, weights: Array) -> Array:
    """Sum over landmarks of weight times u, N x 2.

    Parameters
    ----------
    points : ndarray, N x 2
    landmarks : ndarray, n x 2
    weights : ndarray, n x 2
    """
    count = len(landmarks)
    result = np.zeros((len(points), 2))
    if count == 0:
        return result
    x, y = np.ascontiguousarray(landmarks.T)
    halves = np.ascontiguousarray(weights) * 0.5
    step = max(1, NUMBERS_AT_A_TIME // count)
    square_buffer, other_buffer = np.empty((step, count)), np.empty((step, count))
    for first in range(0, len(points), step):
        block = points[first : first + step]
        squares, other = square_buffer[: len(block)], other_buffer[: len(block)]
        np.subtract(block[:, :1], x, out=squares)
        np.multiply(squares, squares, out=squares)
        np.subtract(block[:, 1:], y, out=other)
        np.multiply(other, other, out=other)
        squares += other
        np.maximum(squares, SMALLEST_SQUARE, out=other)
        np.log(other, out=other)
        other *= squares
        np.matmul(other, halves, out=result[first : first + step])
    return result


def deformation_jacobian(points: Array, landmarks: Array, weights: Array) -> Array:
    """Derivatives of `deformation`, N x 2 x 2: [n, i, j] = d out_i / d in_j."""
    result = np.zeros((len(points), 2, 2))
    count = len(landmarks)
    step = max(1, NUMBERS_AT_A_TIME // max(count, 1))
    for first in range(0, len(points) if count else 0, step):
        block = points[first : first + step]
        offsets = block[:, None, :] - landmarks
        squares = np.einsum("nkj,nkj->nk", offsets, offsets)
        # d u / d x_j = x_j (ln r^2 + 1)
        slope = np.log(np.maximum(squares, SMALLEST_SQUARE)) + 1.0
        result[first : first + step] = np.einsum("ki,nk,nkj->nij", weights, slope, offsets)
    return result


def fit(source: Array, displacement: Array, affine: bool) -> tuple[Array, Array | None]:
    """Spline that moves each source point by its displacement.

    One system of n (+ 3) equations is factored once and solved for both axes.

    Parameters
    ----------
    source, displacement : ndarray, n x 2
    affine : bool
        Whether the spline has an affine part; its weights then have no moments up to the first.

    Returns
    -------
    weights : ndarray, n x 2
    affine : ndarray, 3 x 2, or None
        Coefficients of x, y and 1 of the displacement.

    Raises
    ------
    SingularTransform
        For duplicate points, and collinear ones if there is an affine part.
    """
    centre, size = _normalisation(source, affine)
    count = len(source)
    extra = 3 if affine else 0
    system = np.zeros((count + extra, count + extra))
    system[:count, :count] = kernel_matrix(source, source)
    system /= size**2
    if affine:
        plane = np.column_stack(((source - centre) / size, np.ones(count)))
        system[:count, count:] = plane
        system[count:, :count] = plane.T
    right = np.vstack((displacement, np.zeros((extra, 2))))
    solution, misfit = _solved(system, right)
    if not misfit <= MISFIT * max(np.abs(displacement).max(initial=0.0), 1e-300):
        raise SingularTransform(_UNDETERMINED)
    weights = solution[:count] / size**2
    if not affine:
        return weights, None
    linear = solution[count : count + 2] / size
    return weights, np.vstack((linear, solution[count + 2] - centre @ linear))


def _solved(system: Array, right: Array) -> tuple[Array, float]:
    """Solution and its largest residual; solved again for the residual where that is too large."""
    solution = np.zeros_like(right)
    rest, misfit = right, np.inf
    with np.errstate(all="ignore"):
        for _ in range(2):
            try:
                solution = solution + np.linalg.solve(system, rest)
            except np.linalg.LinAlgError as error:
                raise SingularTransform(_UNDETERMINED) from error
            rest = right - system @ solution
            misfit = float(np.abs(rest).max(initial=0.0))
            if not misfit > REFINED_FROM:
                break
    return solution, misfit


def _normalisation(source: Array, affine: bool) -> tuple[Array, float]:
    """Centre and size of the points; refuses those that make the system singular."""
    if len(np.unique(source, axis=0)) < len(source):
        raise SingularTransform("thin plate spline: two source points are the same")
    centre = source.mean(axis=0)
    extent = np.linalg.svd(source - centre, compute_uv=False)
    if affine and not extent[-1] > COLLINEAR * extent[0]:
        raise SingularTransform("thin plate spline: the source points are collinear")
    return centre, float(np.abs(source - centre).max()) or 1.0
