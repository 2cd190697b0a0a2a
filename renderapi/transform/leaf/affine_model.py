"""The affine transform: a 3 x 3 matrix `M`, or the six numbers of its document until it is asked
for.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import ConversionError, EstimationError
from renderapi.transform.leaf.affine_matrices import invert_matrix, map_affine
from renderapi.transform.leaf.common import FirstOrderProperties, calc_first_order_properties
from renderapi.transform.leaf.linear_fits import fit_linear
from renderapi.transform.leaf.points import as_pairs, as_points, read_floats
from renderapi.transform.leaf.transform import CoordinateTransform

PACKAGE = "mpicbg.trakem2.transform."
AFFINE = PACKAGE + "AffineModel2D"
_TEN_DECIMALS = " ".join(["%.10f"] * 6)
_SHOWN = "M=[[%f,%f],[%f,%f]] B=[%f,%f]"
_MINUS_NOTHING, _NOTHING = "-0.000000", "0.000000"
_SIX_DECIMALS = 1.0000001e-6
#: an array's first six numbers in half the time of its `tolist`
_DOUBLE = np.dtype(np.float64)
_upper_rows: Any = struct.Struct("6d").unpack_from
#: attributes in pickles of release 2.4.2 that are properties here; M is what counts
_PICKLED = ("M", "M00", "M01", "M10", "M11", "B0", "B1")


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

    className: Any = AFFINE
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
        return text.replace(_MINUS_NOTHING, _NOTHING) if _MINUS_NOTHING in text else text

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
