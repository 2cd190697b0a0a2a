"""Affine transforms and their special cases: translation, rigid, similarity.

All are an `AffineModel` with a 3 x 3 matrix `M`. The special cases differ in what they fit and in
the data string they read (Java's meaning, the one the service uses):

=====================  ====================  ==============================================
class                  data string           meaning
=====================  ====================  ==============================================
AffineModel2D          M00 M10 M01 M11 B0 B1
TranslationModel2D     tx ty
RigidModel2D           theta tx ty           rotation by theta radians
SimilarityModel2D      a b tx ty             a = s cos(theta), b = s sin(theta)
=====================  ====================  ==============================================

A special case that was read and not changed is written as it was read. In all other cases (built
from arguments, fitted, or read with six numbers) it carries the class name AffineModel2D and six
numbers, which every reader understands.
"""

from __future__ import annotations

import logging
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import ConversionError, EstimationError
from renderapi.transform.leaf import few_points
from renderapi.transform.leaf.common import (
    FirstOrderProperties,
    calc_first_order_properties,
    svd_of,
)
from renderapi.transform.leaf.linear_fits import column_means, fit_linear
from renderapi.transform.leaf.points import (
    BLOCK,
    SingularTransform,
    as_pairs,
    as_points,
    read_floats,
)
from renderapi.transform.leaf.transform import CoordinateTransform

logger = logging.getLogger(__name__)

_PACKAGE = "mpicbg.trakem2.transform."
_AFFINE = _PACKAGE + "AffineModel2D"
_TEN_DECIMALS = " ".join(["%.10f"] * 6)
_SHOWN = "M=[[%f,%f],[%f,%f]] B=[%f,%f]"
_SIX_DECIMALS = 1.0000001e-6
#: this many points are mapped one by one: arrays cost more than they save
_FEW = 4
#: an array's first six numbers in half the time of its `tolist`
_DOUBLE = np.dtype(np.float64)
_upper_rows: Any = struct.Struct("6d").unpack_from
#: attributes in pickles of release 2.4.2 that are properties here; M is what counts
_PICKLED = ("M", "M00", "M01", "M10", "M11", "B0", "B1")


def __getattr__(name: str) -> Any:
    """`svd`: scipy's, or numpy's where scipy cannot be imported; looked for when asked for."""
    return svd_of(__name__, name)


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


def _coefficient(row: int, column: int) -> property:
    def read(self: AffineModel) -> float:
        return float(self.M[row, column])

    def write(self: AffineModel, value: float) -> None:
        self.M[row, column] = value

    return property(read, write, doc=f"Coefficient M[{row}, {column}].")


class AffineModel(FirstOrderProperties, CoordinateTransform):
    """Affine transform: x' = M00 x + M01 y + B0, y' = M10 x + M11 y + B1.

    Parameters
    ----------
    M00, M01, M10, M11, B0, B1 : float
        Coefficients; the identity if left out.
    transformId : str, optional
    labels : sequence of str, optional
    json : dict, optional
        Document to read instead of the other arguments.
    force_shear : {'x', 'y'}
        Which shear `scale`, `shear` and `rotation` speak of.

    Attributes
    ----------
    M : ndarray, 3 x 3, float64
        The transform, for homogeneous column vectors. May be assigned or edited in place.
    """

    className: Any = _AFFINE
    _M: Any = None
    _numbers: tuple[float, ...] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)

    M00, M01, B0 = _coefficient(0, 0), _coefficient(0, 1), _coefficient(0, 2)
    M10, M11, B1 = _coefficient(1, 0), _coefficient(1, 1), _coefficient(1, 2)

    def __init__(
        self,
        M00: float = 1.0,
        M01: float = 0.0,
        M10: float = 0.0,
        M11: float = 1.0,
        B0: float = 0.0,
        B1: float = 0.0,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
        json: Mapping[str, Any] | None = None,
        force_shear: str = "x",
    ) -> None:
        self.force_shear = force_shear
        if json is not None:
            self.from_dict(json)
            return
        self.transformId = transformId
        self.labels = labels
        self._numbers = (float(M00), float(M10), float(M01), float(M11), float(B0), float(B1))

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a pickle, also of release 2.4.2."""
        attributes = self.__dict__
        attributes.update(state)
        if "M" in state:
            for name in _PICKLED:
                attributes.pop(name, None)
            self._M = state["M"]

    @property
    def M(self) -> Any:
        """Matrix, 3 x 3; made when it is first asked for."""
        if self._M is None:
            self._M = _affine_matrix(self._numbers)
        return self._M

    @M.setter
    def M(self, matrix: Any) -> None:
        self._M = matrix

    def from_dict(self, d: Mapping[str, Any]) -> None:
        """Read a document in place; className and dataString are required (KeyError)."""
        super().from_dict(d)
        own = type(self).className
        name = d["className"]
        if name != own and name.rpartition(".")[2] != own.rpartition(".")[2]:
            self.className = own

    def load_M(self) -> None:
        """Does nothing: M00 to B1 are views of M and cannot differ from it."""

    @property
    def dataString(self) -> str:
        """Six numbers with ten decimals, or what was read while they are the same."""
        numbers, read = self._state(), self._read
        if read is not None and read[1] == numbers:
            return str(read[0])
        return _TEN_DECIMALS % numbers

    @dataString.setter
    def dataString(self, datastring: str) -> None:
        self._process_dataString(datastring)

    def _parse(self, datastring: str) -> Any:
        return self._set_numbers(read_floats(datastring))

    def _set_numbers(self, numbers: Sequence[float]) -> tuple[float, ...]:
        if len(numbers) != 6:
            raise ValueError(f"6 numbers are needed, not {len(numbers)}")
        self._numbers, self._M = tuple(numbers), None
        return self._numbers

    def _format(self) -> str:
        return _TEN_DECIMALS % self._state()

    def _state(self) -> tuple[float, ...]:
        """M00, M10, M01, M11, B0, B1 as they are now."""
        M = self._M
        if M is None:
            return self._numbers
        if type(M) is np.ndarray and M.dtype is _DOUBLE:
            try:
                m00, m01, b0, m10, m11, b1 = _upper_rows(M)
                return (m00, m10, m01, m11, b0, b1)
            except ValueError:  # not in the order of its rows: a view of another array
                pass
        (m00, m01, b0), (m10, m11, b1) = np.asarray(M, dtype=np.float64)[:2].tolist()
        return (m00, m10, m01, m11, b0, b1)

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return map_affine(np.asarray(self.M, dtype=np.float64), points)

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points through the inverse; SingularTransform (a LinAlgError) if none."""
        return map_affine(invert_matrix(np.asarray(self.M, dtype=np.float64)), as_points(points))

    def invert(self) -> AffineModel:
        """Inverse as a new AffineModel; SingularTransform (a LinAlgError) if there is none."""
        inverse = AffineModel()
        inverse.M = invert_matrix(np.asarray(self.M, dtype=np.float64))
        return inverse

    def concatenate(self, model: AffineModel) -> AffineModel:
        """Transform that applies `model` first and this one after it, as a new AffineModel."""
        a, c, b, d, e, f = self._state()
        m00, m10, m01, m11, b0, b1 = model._state()
        return AffineModel(
            a * m00 + b * m10,
            a * m01 + b * m11,
            c * m00 + d * m10,
            c * m01 + d * m11,
            a * b0 + b * b1 + e,
            c * b0 + d * b1 + f,
        )

    @staticmethod
    def fit(
        A: ArrayLike, B: ArrayLike, return_all: bool = False, weights: ArrayLike | None = None
    ) -> Any:
        """Least-squares affine from points A to B.

        Parameters
        ----------
        A, B : array_like, N x 2
        return_all : bool
            Also return what numpy's lstsq tells of the 2N x 6 system; points that do not determine
            the affine then give the minimum-norm answer, and `rank` says so.
        weights : array_like, N, optional

        Returns
        -------
        ndarray, 6 x 1
            M00, M01, M10, M11, B0, B1; with `return_all` a tuple with residuals, rank and s.

        Raises
        ------
        EstimationError
            Unequal or too small numbers of points, collinear points.
        """
        if return_all:
            return _fit_with_details(A, B, weights)
        matrix = fit_linear("affine", A, B, weights)
        return matrix[[0, 0, 1, 1, 0, 1], [0, 1, 0, 1, 2, 2]][:, None]

    def estimate(
        self, A: ArrayLike, B: ArrayLike, return_params: bool = True, **kwargs: Any
    ) -> NDArray[np.float64] | None:
        """Fit this transform to map A to B (N x 2 each).

        Parameters
        ----------
        A, B : array_like, N x 2
        return_params : bool
            Whether to return the matrix.
        **kwargs
            `weights`: N numbers, the weight of each pair.

        Returns
        -------
        ndarray, 3 x 3, or None
        """
        self.M = fit_linear("affine", A, B, **kwargs)
        return self.M if return_params else None

    @staticmethod
    def convert_to_point_vector(points: ArrayLike) -> tuple[NDArray[np.float64], int]:
        """Homogeneous N x 3 form of N x 2 points, and the number 2; ConversionError otherwise."""
        array = as_points(points)
        return np.hstack((array, np.ones((len(array), 1)))), 2

    @staticmethod
    def convert_points_vector_to_array(points: ArrayLike, Nd: int = 2) -> NDArray[np.float64]:
        """First `Nd` columns of homogeneous points, divided by column `Nd`."""
        array = np.asarray(points, dtype=np.float64)
        if array.ndim != 2 or array.shape[1] <= Nd:
            raise ConversionError(f"homogeneous points need {Nd + 1} columns, not {array.shape}")
        return array[:, :Nd] / array[:, Nd, None]

    def calc_properties(self) -> tuple[float, float, float, float, float]:
        """Scale x, scale y, shear x, shear y, rotation: see calc_first_order_properties."""
        return calc_first_order_properties(self.M, self.force_shear)

    @property
    def translation(self) -> tuple[float, float]:
        """Translation in x and y."""
        return (float(self.M[0, 2]), float(self.M[1, 2]))

    def __str__(self) -> str:
        m00, m10, m01, m11, b0, b1 = self._state()
        text = _SHOWN % (m00, m01, m10, m11, b0, b1)
        return text.replace("-0.000000", "0.000000")

    def __eq__(self, other: object) -> bool:
        if isinstance(other, AffineModel):
            mine, theirs = self._state(), other._state()
            if mine == theirs:
                return True
            for a, b in zip(mine, theirs, strict=True):
                # numbers that agree in six decimals are no further apart than this
                if abs(a - b) > _SIX_DECIMALS:
                    return False
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(self.__str__())


def _affine_matrix(numbers: Sequence[float]) -> NDArray[np.float64]:
    m00, m10, m01, m11, b0, b1 = numbers
    return np.array((m00, m01, b0, m10, m11, b1, 0.0, 0.0, 1.0)).reshape(3, 3)


def _fit_with_details(A: ArrayLike, B: ArrayLike, weights: ArrayLike | None) -> tuple[Any, ...]:
    p, q = as_pairs(A, B, 1, "affine")
    root = np.ones(len(p)) if weights is None else np.sqrt(np.asarray(weights, dtype=np.float64))
    if root.shape != (len(p),) or not np.isfinite(root).all():
        raise EstimationError(f"affine: {len(p)} weights of 0 or more are needed")
    left = np.hstack((p, np.ones((len(p), 1)))) * root[:, None]
    solution, residuals, rank, s = np.linalg.lstsq(left, q * root[:, None], rcond=None)
    vector = solution.T[[0, 0, 1, 1, 0, 1], [0, 1, 0, 1, 2, 2]][:, None]
    # the 2N x 6 system is this one twice: once for x', once for y'
    total = residuals.sum(keepdims=True) if residuals.size else residuals
    return vector, total, 2 * int(rank), np.repeat(s, 2)


class _FamilyClassName:
    """Class name of a special case: its own while what it read stands, else AffineModel2D."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> str:
        if instance is None:
            return self.name
        read = instance.__dict__.get("_read")
        if read is None:
            return instance.__dict__.get("_className", _AFFINE)
        own = instance._numbers_read != 6 and read[1] == instance._state()
        return instance.__dict__.get("_className", self.name) if own else _AFFINE

    def __set__(self, instance: Any, value: str) -> None:
        instance.__dict__["_className"] = value


class _SpecialAffine(AffineModel):
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
    """Translation; takes the arguments of AffineModel."""

    className: Any = _FamilyClassName(_PACKAGE + "TranslationModel2D")
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
        """Difference of the (weighted) means, 3 x 3; without weights the numbers may differ."""
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
    """Rotation and translation; takes the arguments of AffineModel."""

    className: Any = _FamilyClassName(_PACKAGE + "RigidModel2D")
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
    """Rotation, uniform scale and translation; takes the arguments of AffineModel."""

    className: Any = _FamilyClassName(_PACKAGE + "SimilarityModel2D")
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
