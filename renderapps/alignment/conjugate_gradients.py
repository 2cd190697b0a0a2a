"""Preconditioned conjugate gradients for several right sides at once.

M. R. Hestenes and E. Stiefel, "Methods of conjugate gradients for solving linear systems", 1952.
scipy's take one right side at a time and their inner products from a threaded library, whose
threads wait for each other longer than they compute; here both sides share the preconditioner's
pass through its memory, and results are the same whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from renderapps.alignment.models import Floats

LARGE = 100_000
"""Numbers of a matrix from which on compiled loops pay for being loaded."""
Inverse = Callable[[Floats], Floats]
"""(R, n) approximate solutions of (R, n) right sides."""


def conjugate_gradients(
    matrix: sparse.spmatrix, right: Floats, start: Floats, inverse: Inverse, rtol: float, most: int
) -> tuple[Floats | None, int]:
    """Solutions of a symmetric positive definite system.

    Parameters
    ----------
    matrix : (n, n) sparse
    right, start : (n, R) float64
        Right sides, and guesses of their solutions.
    inverse : Inverse
        A symmetric positive definite approximation of the inverse of the matrix.
    rtol : float
        Of the length of each residual, relative to that of its right side.
    most : int
        Steps.

    Returns
    -------
    (n, R) float64 or None, int
        The solutions, None where one is not found within the steps, or the system is no such one;
        steps made, of all sides.
    """
    result = np.where(np.any(right, axis=0), start, 0.0).T.copy()
    residual = np.ascontiguousarray(right.T) - times(matrix, result)
    limits = rtol * np.sqrt(_products(right.T, right.T))
    open_ = np.arange(len(result))
    along, before, steps = np.zeros_like(residual), np.ones(len(result)), 0
    for _ in range(most):
        lengths = np.sqrt(_products(residual, residual))
        if not np.isfinite(lengths).all():
            break
        far = lengths > limits[open_]
        if not far.all():
            open_, residual, along, before = open_[far], residual[far], along[far], before[far]
        if not len(open_):
            return result.T, steps
        preconditioned = inverse(residual)
        now = _products(residual, preconditioned)
        along *= (now / before)[:, None]
        along += preconditioned
        moved = times(matrix, along)
        factors = (now / _products(along, moved))[:, None]
        result[open_] += factors * along
        residual -= factors * moved
        before, steps = now, steps + len(open_)
    return None, steps


def times(matrix: sparse.spmatrix, rows: Floats) -> Floats:
    """Products of a matrix and each of some rows, as rows; of the type of both."""
    if len(rows) != 2 or matrix.nnz < LARGE or getattr(matrix, "blocksize", None) != (3, 3):
        return np.stack([matrix @ row for row in rows])
    from renderapps.alignment.block_kernels import two_products

    result = np.empty((2, matrix.shape[0]), np.result_type(matrix.dtype, rows.dtype))
    two_products(matrix.indptr, matrix.indices, matrix.data, np.ascontiguousarray(rows), result)
    return result


def _products(one: Floats, two: Floats) -> Floats:
    """(R,) inner products of rows, by one thread."""
    return np.asarray(np.einsum("rn,rn->r", one, two))
