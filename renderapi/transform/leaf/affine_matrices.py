"""3 x 3 matrices of affine transforms: points through one, and its inverse."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from renderapi.transform.leaf.points import BLOCK, SingularTransform

#: this many points are mapped one by one: arrays cost more than they save
_FEW = 4


def map_affine(M: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """N x 2 points through the upper two rows of M; a point's result depends on that point only."""
    (m00, m01, m02), (m10, m11, m12) = M[:2].tolist()
    if len(points) <= _FEW:
        rows = points.tolist()
        mapped = [(m00 * x + m01 * y + m02, m10 * x + m11 * y + m12) for x, y in rows]
        return np.array(mapped, dtype=np.float64).reshape(-1, 2)
    result = np.empty((len(points), 2))
    for first in range(0, len(points), BLOCK):
        block = points[first : first + BLOCK]
        x, y = block[:, 0], block[:, 1]
        out = result[first : first + BLOCK]
        term = m00 * x
        term += m01 * y
        term += m02
        out[:, 0] = term
        np.multiply(x, m10, out=term)
        term += m11 * y
        term += m12
        out[:, 1] = term
    return result


def invert_matrix(M: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse of a 3 x 3 affine matrix; SingularTransform (a LinAlgError) if there is none."""
    (a, b, e), (c, d, f) = M[:2].tolist()
    determinant = a * d - b * c
    if not math.isfinite(determinant) or abs(determinant) < 1e-300:
        raise SingularTransform(f"the affine ({a:g} {b:g}; {c:g} {d:g}) is singular: no inverse")
    ia, ib, ic, id_ = d / determinant, -b / determinant, -c / determinant, a / determinant
    return np.array(((ia, ib, -(ia * e + ib * f)), (ic, id_, -(ic * e + id_ * f)), (0.0, 0.0, 1.0)))
