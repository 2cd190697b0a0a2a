"""Moving least squares: at each point, the linear model that best fits the control points nearby.

Schaefer, McPhail and Warren (2006), "Image deformation using moving least squares".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import SpecError
from renderapi.transform.leaf.linear_fits import MINIMUM_POINTS
from renderapi.transform.leaf.points import as_pairs, as_weights, java_double, read_floats
from renderapi.transform.leaf.transform import CoordinateTransform

Array = NDArray[np.float64]

#: numbers in one of the arrays (points x control points) of a step
NUMBERS_AT_A_TIME = 1 << 16
#: weighted control points flatter than this do not determine an affine
FLAT = 1e-14


class MovingLeastSquaresTransform(CoordinateTransform):
    """Moving least squares with double precision control points.

    Parameters
    ----------
    model : {'translation', 'rigid', 'similarity', 'affine'}
        Model fitted at each point.
    alpha : float
        Weight of control point i at x: w_i / |p_i - x|^(2 alpha).
    p, q : array_like, N x 2, optional
        Control points before and after.
    w : array_like, N, optional
        Their weights; 1 each if left out.
    transformId : str, optional
    labels : sequence of str, optional
    json : dict, optional
        Document to read instead.
    """

    className: Any = "mpicbg.trakem2.transform.MovingLeastSquaresTransform"
    _parameters = ("model", "alpha", "p", "q", "w")
    _precision: type[np.floating[Any]] = np.float64

    def __init__(
        self,
        model: str = "affine",
        alpha: float = 1.0,
        p: ArrayLike | None = None,
        q: ArrayLike | None = None,
        w: ArrayLike | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        empty: ArrayLike = np.empty((0, 2))
        p, q = as_pairs(empty if p is None else p, empty if q is None else q, 0, "control points")
        weights = np.ones(len(p)) if w is None else np.asarray(w, dtype=np.float64)
        try:
            self._set(model, alpha, np.column_stack((p, q, weights)))
        except ValueError as error:
            raise SpecError(f"{self.className}: {error}") from error
        self.transformId = transformId
        self.labels = labels

    def _set(self, model: str, alpha: float, rows: Array) -> None:
        if model not in MINIMUM_POINTS:
            raise ValueError(f"unknown model {model!r}; known: {', '.join(MINIMUM_POINTS)}")
        rows = rows.astype(self._precision).astype(np.float64)
        self.model, self.alpha = model, float(alpha)
        self.p, self.q, self.w = rows[:, :2], rows[:, 2:4], rows[:, 4]

    def _parse(self, datastring: str) -> None:
        words = datastring.split()
        if len(words) < 3 or (len(words) - 3) % 5:
            raise ValueError("model 2 alpha and five numbers for each control point are needed")
        if words[1] != "2":
            raise ValueError(f"only 2 dimensions are supported, not {words[1]}")
        numbers = read_floats(" ".join(words[2:]))
        self._set(words[0], numbers[0], np.array(numbers[1:]).reshape(-1, 5))

    def _format(self) -> str:
        rows = np.column_stack((self.p, self.q, self.w))
        numbers = (java_double(value) for value in rows.ravel().tolist())
        return " ".join((self.model, "2", java_double(self.alpha), *numbers))

    def estimate(self, A: ArrayLike, B: ArrayLike, **kwargs: Any) -> None:
        """Take A and B (N x 2 each) as control points, which are then mapped exactly.

        Parameters
        ----------
        A, B : array_like, N x 2
        **kwargs
            `weights`: N numbers.

        Raises
        ------
        EstimationError
            Fewer points than the model needs, or unequal numbers.
        """
        p, q = as_pairs(A, B, MINIMUM_POINTS[self.model], f"moving least squares, {self.model}")
        w = as_weights(kwargs.pop("weights", None), len(p), "moving least squares")
        if kwargs:
            raise TypeError(f"estimate takes no {', '.join(kwargs)}")
        self._set(self.model, self.alpha, np.column_stack((p, q, w)))

    def _map(self, points: Array) -> Array:
        if len(self.p) < MINIMUM_POINTS[self.model]:
            return points.copy()
        result = np.empty((len(points), 2))
        step = max(1, NUMBERS_AT_A_TIME // len(self.p))
        for first in range(0, len(points), step):
            block = points[first : first + step]
            result[first : first + step] = self._map_block(block)
        return result

    def _map_block(self, block: Array) -> Array:
        distances = (self.p[:, 0] - block[:, :1]) ** 2 + (self.p[:, 1] - block[:, 1:]) ** 2
        nearest = distances.argmin(axis=1)
        smallest = distances[np.arange(len(block)), nearest]
        coincident = smallest == 0.0
        smallest[coincident] = 1.0
        distances[coincident] = 1.0
        # relative to the nearest control point, which leaves the fit as it is and avoids overflow
        weights = self.w * (smallest[:, None] / distances) ** self.alpha
        weights = weights.astype(self._precision).astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            mapped = _apply_fits(self.model, block, self.p, self.q, weights)
        impossible = ~np.isfinite(mapped).all(axis=1)
        mapped[impossible] = block[impossible]
        mapped[coincident] = self.q[nearest[coincident]]
        return mapped


class MovingLeastSquaresTransform2(MovingLeastSquaresTransform):
    """Moving least squares with single precision control points and weights."""

    className: Any = "mpicbg.trakem2.transform.MovingLeastSquaresTransform2"
    _precision = np.float32


def _apply_fits(model: str, x: Array, p: Array, q: Array, weights: Array) -> Array:
    """Each point x through the model fitted with its row of weights; NaN where none fits."""
    weights = weights / weights.sum(axis=1)[:, None]
    p_centre, q_centre = weights @ p, weights @ q
    if model == "translation":
        return x + (q_centre - p_centre)
    px, py = p[:, 0] - p_centre[:, :1], p[:, 1] - p_centre[:, 1:]
    # centring p is enough: sum w (p - centre) (q - constant) does not depend on the constant
    qx, qy = q[:, 0] - q_centre[:, :1], q[:, 1] - q_centre[:, 1:]
    wx, wy = weights * px, weights * py
    xx, xy, yx, yy = (_dot(a, b) for a in (wx, wy) for b in (qx, qy))
    if model == "affine":
        linear = _affine_part(_dot(wx, px), _dot(wx, py), _dot(wy, py), xx, xy, yx, yy)
    else:
        cos, sin = xx + yy, xy - yx
        size = np.hypot(cos, sin) if model == "rigid" else _dot(wx, px) + _dot(wy, py)
        cos, sin = cos / size, sin / size
        linear = (cos, -sin, sin, cos)
    m00, m01, m10, m11 = linear
    dx, dy = (x - p_centre).T
    return np.stack((m00 * dx + m01 * dy, m10 * dx + m11 * dy), axis=1) + q_centre


def _dot(a: Array, b: Array) -> Array:
    return np.einsum("ij,ij->i", a, b)


def _affine_part(
    a: Array, b: Array, c: Array, xx: Array, xy: Array, yx: Array, yy: Array
) -> tuple[Array, Array, Array, Array]:
    """Solutions of the normal equations [[a, b], [b, c]] L = [[xx, xy], [yx, yy]], transposed."""
    determinant = a * c - b * b
    determinant[determinant <= FLAT * (a + c) ** 2] = np.nan
    return (
        (c * xx - b * yx) / determinant,
        (a * yx - b * xx) / determinant,
        (c * xy - b * yy) / determinant,
        (a * yy - b * xy) / determinant,
    )
