"""Non-linear (lens) transforms: a normalised polynomial kernel.

Data string: dimension, length, length pairs of beta, length means, length variances, width and
height. The kernel has the terms x^j y^(i-j) for i = 1..dimension, j = i..0, each less its mean and
divided by its "variance" (a standard deviation, as fitted), and last the constant 100.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import EstimationError, SpecError
from renderapi.transform.leaf import polynomials
from renderapi.transform.leaf.lazy import LazyArrays
from renderapi.transform.leaf.points import (
    as_pairs,
    as_points,
    as_weights,
    java_doubles,
    read_floats,
)
from renderapi.transform.leaf.transform import CoordinateTransform

CONSTANT = 100.0


class NonLinearCoordinateTransform(LazyArrays, CoordinateTransform):
    """Lens transform.

    Parameters
    ----------
    dataString : str, optional
    json : dict, optional
        Document to read instead.
    transformId : str, optional
    labels : sequence of str, optional

    Attributes
    ----------
    dimension : int
        Order of the polynomial kernel.
    length : int
        Number of kernel terms with the constant.
    beta : ndarray, length x 2
        Coefficients of x' and y'.
    normMean, normVar : ndarray, length
    width, height : int
        Size of the image it was made for; informative.
    """

    className: Any = "mpicbg.trakem2.transform.NonLinearCoordinateTransform"
    width = 0
    height = 0
    _arrays = frozenset({"beta", "normMean", "normVar"})
    #: numbers of the arrays as they were read, one array after the other
    _packed: list[float] | None = None
    beta: Any
    normMean: Any
    normVar: Any

    def __init__(
        self,
        dataString: str | None = None,
        json: Mapping[str, Any] | None = None,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        if dataString is not None:
            self._process_dataString(dataString)
        self.transformId = transformId
        self.labels = labels

    def _parse(self, datastring: str) -> Any:
        numbers = read_floats(datastring)
        dimension, length = int(numbers[0]), int(numbers[1])
        if length != polynomials.term_count(dimension):
            needed = polynomials.term_count(dimension)
            raise ValueError(f"dimension {dimension} needs length {needed}, not {length}")
        if len(numbers) != 4 + 4 * length:
            raise ValueError(f"{4 + 4 * length} numbers are needed, not {len(numbers)}")
        if 0.0 in numbers[2 + 3 * length : 1 + 4 * length]:
            raise ValueError("a kernel term has a variance of 0")
        self.dimension, self.length = dimension, length
        self.width, self.height = int(numbers[-2]), int(numbers[-1])
        self._keep(numbers[2:-2])
        return self._state()

    def _unpack(self, packed: list[float]) -> dict[str, NDArray[np.float64]]:
        array, length = np.array(packed), len(packed) // 4
        mean, deviation = array[2 * length :].reshape(2, length)
        return {
            "beta": array[: 2 * length].reshape(length, 2),
            "normMean": mean,
            "normVar": deviation,
        }

    def _state(self) -> tuple[Any, ...] | None:
        """Sizes, and the numbers of the arrays one after the other, as they are now."""
        numbers = self._numbers()
        if numbers is None:
            return None
        return (self.dimension, self.length, self.width, self.height, numbers)

    def _numbers(self) -> list[float] | None:
        """Numbers of the arrays, one after the other; None before there are any."""
        read = self._untouched()
        if read is not None:
            return read
        if getattr(self, "beta", None) is None:
            return None
        arrays = (self.beta, self.normMean, self.normVar)
        return [number for array in arrays for number in np.ravel(array).tolist()]

    def _format(self) -> str:
        numbers = java_doubles(self._require_parameters())
        return f"{self.dimension} {self.length} {numbers} {int(self.width)} {int(self.height)} "

    def _require_parameters(self) -> list[float]:
        numbers = self._numbers()
        if numbers is None:
            raise SpecError(f"{self.className} has no parameters yet")
        return numbers

    def kernelExpand(
        self,
        src: ArrayLike,
        normMean: ArrayLike | None = None,
        normVar: ArrayLike | None = None,
    ) -> NDArray[np.float64]:
        """Kernel terms N x length at N x 2 points.

        Parameters
        ----------
        src : array_like, N x 2
        normMean, normVar : array_like, length, optional
            Normalisation; that of this transform where left out.
        """
        mean = np.asarray(self.normMean if normMean is None else normMean, dtype=np.float64)
        deviation = np.asarray(self.normVar if normVar is None else normVar, dtype=np.float64)
        kernel = _raw_kernel(as_points(src), self.dimension)
        kernel[:, :-1] -= mean[:-1]
        kernel[:, :-1] /= deviation[:-1]
        return kernel

    def _polynomial(self) -> NDArray[np.float64]:
        """The same map as the coefficients 2 x length of a polynomial."""
        self._require_parameters()
        beta, mean = np.asarray(self.beta), np.asarray(self.normMean)
        factors = beta[:-1] / np.asarray(self.normVar)[:-1, None]
        constant = CONSTANT * beta[-1] - mean[:-1] @ factors
        return np.vstack((constant, factors)).T

    def tform(self, src: ArrayLike) -> NDArray[np.float64]:
        """Map N x 2 points of any number type to N x 2 float64."""
        return super().tform(src)

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return polynomials.evaluate(self._polynomial(), points)

    def _jacobian(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return polynomials.jacobian(self._polynomial(), points)

    def fit(
        self, A: ArrayLike, B: ArrayLike, weights: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Least-squares parameters from A to B (N x 2 each) for this `dimension`.

        Returns
        -------
        tuple
            beta (length x 2), and the means and standard deviations (length each) of the terms.

        Raises
        ------
        EstimationError
            Without a dimension, with fewer points than terms, unequal numbers of points, or points
            that do not determine the parameters.
        """
        dimension = getattr(self, "dimension", None)
        if dimension is None:
            raise EstimationError(f"{self.className}: set dimension (or give ndim) before fitting")
        length = polynomials.term_count(dimension)
        p, q = as_pairs(A, B, length, str(self.className))
        w = as_weights(weights, len(p), str(self.className))
        params = polynomials.fit(p, q, dimension, w)
        kernel = _raw_kernel(p, dimension)
        mean, deviation = kernel.mean(axis=0), kernel.std(axis=0)
        mean[-1], deviation[-1] = 0.0, 1.0
        beta = np.empty((length, 2))
        beta[:-1] = params[:, 1:].T * deviation[:-1, None]
        beta[-1] = (params[:, 0] + params[:, 1:] @ mean[:-1]) / CONSTANT
        return beta, mean, deviation

    def estimate(
        self,
        A: ArrayLike,
        B: ArrayLike,
        ndim: int | None = None,
        return_params: bool = True,
        **kwargs: Any,
    ) -> str | None:
        """Fit this transform to map A to B.

        Parameters
        ----------
        A, B : array_like, N x 2
        ndim : int, optional
            Dimension to fit; the one this transform has if left out.
        return_params : bool
            Whether to return the data string.
        **kwargs
            `weights`: N numbers.
        """
        if ndim is not None:
            self.dimension = int(ndim)
        self.beta, self.normMean, self.normVar = self.fit(A, B, **kwargs)
        self.length = polynomials.term_count(self.dimension)
        return self.dataString if return_params else None


class NonLinearTransform(NonLinearCoordinateTransform):
    """The same under the class name that the published client writes."""

    className: Any = "mpicbg.trakem2.transform.nonLinearTransform"


class LensCorrection(NonLinearCoordinateTransform):
    """The same under the class name of TrakEM2."""

    className: Any = "lenscorrection.NonLinearTransform"


def _raw_kernel(points: NDArray[np.float64], dimension: int) -> NDArray[np.float64]:
    """Terms N x length before normalisation, the constant last."""
    terms = polynomials.terms_of(dimension, points)
    kernel = np.empty_like(terms)
    kernel[:, :-1] = terms[:, 1:]
    kernel[:, -1] = CONSTANT
    return kernel
