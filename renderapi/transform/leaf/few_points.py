"""Fits of a handful of points in plain numbers: arrays cost more there than they save.

Each function gives None where it does not know the answer (too many or too few points, anything
but finite float64 arrays N x 2, points near collinear): the general fit then decides, and says what
is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import mul
from typing import Any

import numpy as np

#: this many points are fitted, and averaged, here
FEW, FEW_TO_AVERAGE = 16, 64

Row = tuple[float, float, float]


def mean(points: Any) -> tuple[float, float] | None:
    """Mean of N x 2 points, N from 1 to 64."""
    columns = _columns(points, 1, FEW_TO_AVERAGE)
    if columns is None:
        return None
    (x, y), count = columns, len(columns[0])
    found = (sum(x) / count, sum(y) / count)
    return found if math.isfinite(found[0] + found[1]) else None


def affine(source: Any, target: Any, collinear: float) -> tuple[Row, Row] | None:
    """Least-squares affine from N x 2 points to others, N from 3 to 16, as the rows of its matrix.

    The centred columns x and y are made orthogonal to each other, and the targets after them, by
    the modified Gram-Schmidt process: as accurate as a QR decomposition (Bjorck 1967).

    Parameters
    ----------
    source, target : N x 2
    collinear : float
        Least ratio of the singular values of the centred source points.
    """
    p, q = _columns(source, 3, FEW), _columns(target, 3, FEW)
    if p is None or q is None or len(p[0]) != len(q[0]):
        return None
    (x, x_mean), (y, y_mean) = map(_centred, p)
    (u, u_mean), (v, v_mean) = map(_centred, q)
    xx = math.sqrt(sum(map(mul, x, x)))
    if not 1e-100 < xx < 1e100:
        return None
    x = [value / xx for value in x]
    xy, xu, xv = sum(map(mul, x, y)), sum(map(mul, x, u)), sum(map(mul, x, v))
    y = [b - xy * a for a, b in zip(x, y, strict=True)]
    yy = math.sqrt(sum(map(mul, y, y)))
    # the ratio of the singular values of the triangle (xx xy; 0 yy), while it is small
    if not xx * yy > 2.0 * collinear * (xx * xx + xy * xy + yy * yy):
        return None
    y = [value / yy for value in y]
    u = [b - xu * a for a, b in zip(x, u, strict=True)]
    v = [b - xv * a for a, b in zip(x, v, strict=True)]
    m01, m11 = sum(map(mul, y, u)) / yy, sum(map(mul, y, v)) / yy
    m00, m10 = (xu - xy * m01) / xx, (xv - xy * m11) / xx
    rows = (
        (m00, m01, u_mean - m00 * x_mean - m01 * y_mean),
        (m10, m11, v_mean - m10 * x_mean - m11 * y_mean),
    )
    return rows if math.isfinite(sum(rows[0]) + sum(rows[1])) else None


def _columns(points: Any, at_least: int, at_most: int) -> tuple[Sequence[float], ...] | None:
    """x and y of a float64 array N x 2."""
    if type(points) is not np.ndarray or points.dtype != np.float64 or points.ndim != 2:
        return None
    if points.shape[1] != 2 or not at_least <= len(points) <= at_most:
        return None
    return tuple(points.T.tolist())


def _centred(values: Sequence[float]) -> tuple[list[float], float]:
    """Values less their mean, and the mean."""
    middle = sum(values) / len(values)
    return [value - middle for value in values], middle
