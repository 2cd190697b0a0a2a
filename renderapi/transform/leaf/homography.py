"""Projective transform (homography)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import EstimationError
from renderapi.transform.leaf.points import (
    SingularTransform,
    as_pairs,
    as_points,
    as_weights,
    java_double,
    read_floats,
)
from renderapi.transform.leaf.transform import CoordinateTransform

#: the smallest but one singular value of the fit must exceed this fraction of the largest
DEGENERATE = 1e-12


class HomographyModel(CoordinateTransform):
    """Homography: x' = (m00 x + m01 y + m02) / d, y' likewise, d = m20 x + m21 y + m22.

    Parameters
    ----------
    M : array_like, 3 x 3, optional
        The identity if left out.
    transformId : str, optional
    labels : sequence of str, optional
    json : dict, optional
        Document to read instead; its data string holds the nine numbers row by row.

    Attributes
    ----------
    M : ndarray, 3 x 3, float64
    """

    className: Any = "mpicbg.trakem2.transform.HomographyModel2D"
    _parameters = ("M",)

    def __init__(
        self,
        M: ArrayLike | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        self.M = np.eye(3) if M is None else np.array(M, dtype=np.float64).reshape(3, 3)
        self.transformId = transformId
        self.labels = labels

    def _parse(self, datastring: str) -> None:
        numbers = read_floats(datastring)
        if len(numbers) != 9:
            raise ValueError(f"9 numbers are needed, not {len(numbers)}")
        self.M = np.array(numbers).reshape(3, 3)

    def _format(self) -> str:
        return " ".join(java_double(value) for value in self.M.ravel().tolist())

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return _project(self.M, points)

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points through the inverse matrix; SingularTransform if there is none."""
        return _project(_inverse(self.M), as_points(points))

    @staticmethod
    def fit(A: ArrayLike, B: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
        """Homography 3 x 3 from A to B (N x 2 each, N >= 4).

        The normalised direct linear transform (Hartley 1997): the algebraic error is least, in
        coordinates centred and scaled to unit size; exact for exact points. m22 is 1 unless it is
        zero.

        Raises
        ------
        EstimationError
            Fewer than 4 points, or points that do not determine the homography.
        """
        p, q = as_pairs(A, B, 4, "homography")
        w = np.sqrt(as_weights(weights, len(p), "homography"))
        to_p, to_q = _normalising(p), _normalising(q)
        x, y = _project(to_p, p).T
        u, v = _project(to_q, q).T
        one, zero = np.ones(len(p)), np.zeros(len(p))
        rows_x = np.stack((x, y, one, zero, zero, zero, -u * x, -u * y, -u), axis=1)
        rows_y = np.stack((zero, zero, zero, x, y, one, -v * x, -v * y, -v), axis=1)
        system = np.vstack((rows_x * w[:, None], rows_y * w[:, None], np.zeros((1, 9))))
        _, s, vt = np.linalg.svd(np.asarray(np.linalg.qr(system, mode="r")))
        if not s[7] > DEGENERATE * s[0]:
            raise EstimationError("homography: the points do not determine one (collinear?)")
        M = np.linalg.solve(to_q, vt[8].reshape(3, 3) @ to_p)
        return M / (M[2, 2] if abs(M[2, 2]) > 1e-12 * np.abs(M).max() else 1.0)

    def estimate(
        self, A: ArrayLike, B: ArrayLike, return_params: bool = True, **kwargs: Any
    ) -> NDArray[np.float64] | None:
        """Fit this transform to map A to B; see `fit`. Returns M if `return_params`."""
        self.M = self.fit(A, B, **kwargs)
        return self.M if return_params else None


def _project(M: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = points[:, 0], points[:, 1]
    m = M.tolist()
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = m[2][0] * x + m[2][1] * y + m[2][2]
        columns = [(row[0] * x + row[1] * y + row[2]) / scale for row in m[:2]]
    return np.stack(columns, axis=1)


def _inverse(M: NDArray[np.float64]) -> NDArray[np.float64]:
    try:
        return np.asarray(np.linalg.inv(M), dtype=np.float64)
    except np.linalg.LinAlgError as error:
        raise SingularTransform("the homography is singular: no inverse") from error


def _normalising(points: NDArray[np.float64]) -> NDArray[np.float64]:
    centre = points.mean(axis=0)
    size = float(np.sqrt(((points - centre) ** 2).sum(axis=1).mean() / 2))
    if size == 0.0:
        raise EstimationError("homography: the points are identical")
    return np.array(
        ((1 / size, 0.0, -centre[0] / size), (0.0, 1 / size, -centre[1] / size), (0.0, 0.0, 1.0))
    )
