"""Translation, rigid and similarity transforms: affines that are fitted with less freedom, and read
fewer numbers.

Each is an AffineModel, whose matrix `M` (3 x 3) takes (x, y, 1) to where that goes, and reads
either the numbers of its own class or the six of an affine. Its own ones are written again as long
as the matrix is the one that was read; otherwise it is written as an AffineModel2D.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.transform.leaf import few_points
from renderapi.transform.leaf.affine_model import AFFINE, PACKAGE, AffineModel
from renderapi.transform.leaf.linear_fits import column_means, fit_linear
from renderapi.transform.leaf.points import as_pairs, read_floats


class _FamilyClassName:
    """Class name of a special case: its own while what it read stands, else AffineModel2D."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> str:
        if instance is None:
            return self.name
        read = instance.__dict__.get("_read")
        if read is None:
            return instance.__dict__.get("_className", AFFINE)
        own = instance._numbers_read != 6 and read[1] == instance._state()
        return instance.__dict__.get("_className", self.name) if own else AFFINE

    def __set__(self, instance: Any, value: str) -> None:
        instance.__dict__["_className"] = value


class _SpecialAffine(AffineModel):
    """An affine that reads `_count` numbers of its own, or six.

    `_model` is its name in messages, `_numbers_read` how many there were in the data string.
    """

    _numbers_read = 6
    _model = ""
    _count = 0

    def _parse(self, datastring: str) -> Any:
        numbers = read_floats(datastring)
        if len(numbers) not in (self._count, 6):
            raise ValueError(
                f"{self._model} takes {self._count} numbers (or 6, as an affine), "
                f"not {len(numbers)}"
            )
        self._numbers_read = len(numbers)
        return self._set_numbers(self._coefficients(*numbers) if len(numbers) != 6 else numbers)

    @staticmethod
    def _coefficients(*numbers: float) -> tuple[float, ...]:
        """M00, M10, M01, M11, B0, B1 from the numbers of the data string."""
        raise NotImplementedError

    def estimate(
        self, A: ArrayLike, B: ArrayLike, return_params: bool = True, **kwargs: Any
    ) -> NDArray[np.float64] | None:
        """Fit this transform to map A to B (N x 2 each); see `fit`.

        Returns
        -------
        ndarray, 3 x 3, or None
            The matrix, if `return_params`.
        """
        self.M = self.fit(A, B, **kwargs)
        return self.M if return_params else None


class TranslationModel(_SpecialAffine):
    """Translation, data string `tx ty`; takes the arguments of AffineModel."""

    className: Any = _FamilyClassName(PACKAGE + "TranslationModel2D")
    _model = "translation"
    _count = 2

    @staticmethod
    def _coefficients(*numbers: float) -> tuple[float, ...]:
        tx, ty = numbers
        return (1.0, 0.0, 0.0, 1.0, tx, ty)

    @staticmethod
    def fit(  # type: ignore[override]
        src: ArrayLike, dst: ArrayLike, weights: ArrayLike | None = None
    ) -> Any:
        """Difference of the means of src (N x 2) and dst (M x 2), as a 3 x 3 matrix.

        M may differ from N, unless there are weights (N), which hold for both.
        """
        if weights is not None:
            return fit_linear("translation", src, dst, weights)
        (x, y), (to_x, to_y) = _mean(src), _mean(dst)
        return np.array(((1.0, 0.0, to_x - x), (0.0, 1.0, to_y - y), (0.0, 0.0, 1.0)))

    def estimate(  # type: ignore[override]
        self, src: ArrayLike, dst: ArrayLike, return_params: bool = True, **kwargs: Any
    ) -> NDArray[np.float64] | None:
        """Fit this transform to map src to dst; see `fit`, and AffineModel.estimate."""
        return super().estimate(src, dst, return_params, **kwargs)


def _mean(points: ArrayLike) -> tuple[float, float]:
    """Mean of N x 2 points; EstimationError if there is none."""
    mean = few_points.mean(points)
    if mean is not None:
        return mean
    array, _ = as_pairs(points, points, 1, "translation")
    x, y = column_means(array).tolist()
    return (x, y)


class RigidModel(_SpecialAffine):
    """Rotation and translation, data string `theta tx ty` (radians, x to y); takes the arguments of
    AffineModel.
    """

    className: Any = _FamilyClassName(PACKAGE + "RigidModel2D")
    _model = "rigid"
    _count = 3

    @staticmethod
    def _coefficients(*numbers: float) -> tuple[float, ...]:
        theta, tx, ty = numbers
        cos, sin = math.cos(theta), math.sin(theta)
        return (cos, sin, -sin, cos, tx, ty)

    @staticmethod
    def fit(
        src: ArrayLike, dst: ArrayLike, rigid: bool = True, weights: ArrayLike | None = None
    ) -> Any:
        """Least-squares rotation and translation from src to dst (Umeyama).

        Parameters
        ----------
        src, dst : array_like, N x 2
        rigid : bool
            False fits a uniform scale too.
        weights : array_like, N, optional

        Returns
        -------
        ndarray, 3 x 3
            A proper rotation also for mirrored points, for which it is the best one there is.

        Raises
        ------
        EstimationError
            Fewer than 2 points, unequal numbers of points, identical points.
        """
        return fit_linear("rigid" if rigid else "similarity", src, dst, weights)


class SimilarityModel(RigidModel):
    """Rotation, uniform scale and translation, data string `s*cos(theta) s*sin(theta) tx ty`; takes
    the arguments of AffineModel.
    """

    className: Any = _FamilyClassName(PACKAGE + "SimilarityModel2D")
    _model = "similarity"
    _count = 4

    @staticmethod
    def _coefficients(*numbers: float) -> tuple[float, ...]:
        scaled_cos, scaled_sin, tx, ty = numbers
        return (scaled_cos, scaled_sin, -scaled_sin, scaled_cos, tx, ty)

    @staticmethod
    def fit(
        src: ArrayLike, dst: ArrayLike, rigid: bool = False, weights: ArrayLike | None = None
    ) -> Any:
        """Least-squares rotation, scale and translation from src to dst; see RigidModel.fit."""
        return RigidModel.fit(src, dst, rigid=rigid, weights=weights)
