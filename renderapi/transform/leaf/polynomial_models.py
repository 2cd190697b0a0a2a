"""Polynomial transform of any order."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from renderapi.errors import ConversionError, EstimationError, SpecError
from renderapi.transform.leaf import polynomials
from renderapi.transform.leaf.affine_matrices import invert_matrix, map_affine
from renderapi.transform.leaf.affine_model import AffineModel
from renderapi.transform.leaf.common import (
    FirstOrderProperties,
    calc_first_order_properties,
    svd_of,
)
from renderapi.transform.leaf.inverse import invert
from renderapi.transform.leaf.lazy import LazyArrays
from renderapi.transform.leaf.nonlinear_models import LensCorrection as LensCorrection
from renderapi.transform.leaf.nonlinear_models import (
    NonLinearCoordinateTransform as NonLinearCoordinateTransform,
)
from renderapi.transform.leaf.nonlinear_models import NonLinearTransform as NonLinearTransform
from renderapi.transform.leaf.points import (
    as_pairs,
    as_points,
    as_weights,
    java_doubles,
    read_floats,
)
from renderapi.transform.leaf.transform import CoordinateTransform

logger = logging.getLogger(__name__)


def __getattr__(name: str) -> Any:
    """`svd`: scipy's, or numpy's where scipy cannot be imported; looked for when asked for."""
    return svd_of(__name__, name)


class Polynomial2DTransform(LazyArrays, FirstOrderProperties, CoordinateTransform):
    """Polynomial in x and y for each axis.

    The parameters come from the first that is given of json, dataString, identity, params, and
    (src, dst); with none of them there is no attribute `params` yet.

    Parameters
    ----------
    dataString : str, optional
        The x row of coefficients, then the y row.
    src, dst : array_like, N x 2, optional
        Points to fit; `order` and `kwargs` go to `estimate`.
    order : int
        Order of the fit.
    force_polynomial : bool
        Changes nothing: this class is a polynomial in any case, never an affine.
    params : array_like, 2 x K or K x 2, optional
    identity : bool
        Make the identity.
    labels, transformId, json, force_shear
        As for AffineModel.

    Attributes
    ----------
    params : ndarray, 2 x K
        Coefficients in the order 1, x, y, x^2, xy, y^2, x^3, ... May be assigned, also as K x 2.

    Notes
    -----
    The data string is written in one form, whatever was read: the shortest text of each number,
    with an exponent as Java writes it.
    """

    className: Any = "mpicbg.trakem2.transform.PolynomialTransform2D"
    _arrays = frozenset({"params"})
    #: numbers of the data string that was read
    _packed: list[float] | None = None
    params: NDArray[Any]

    def __init__(
        self,
        dataString: str | None = None,
        src: ArrayLike | None = None,
        dst: ArrayLike | None = None,
        order: int = 2,
        force_polynomial: bool = True,
        params: ArrayLike | None = None,
        identity: bool = False,
        labels: Sequence[str] | None = None,
        transformId: str | None = None,
        json: Mapping[str, Any] | None = None,
        force_shear: str = "x",
        **kwargs: Any,
    ) -> None:
        self.force_shear = force_shear
        if json is not None:
            self.from_dict(json)
            return
        self.transformId = transformId
        self.labels = labels
        if dataString is not None:
            self._process_dataString(dataString)
        elif identity:
            self.params = np.array(((0, 1, 0), (0, 0, 1)))
        elif params is not None:
            self.params = np.asarray(params)
            self._order()
        elif src is not None and dst is not None:
            self.estimate(src, dst, order, return_params=False, **kwargs)

    @property
    def is_affine(self) -> bool:
        """Always false."""
        return False

    def _rows(self) -> NDArray[Any]:
        """Coefficients 2 x K, however they were given; SpecError where they are none."""
        given = getattr(self, "params", None)
        if given is None:
            raise SpecError(f"{self.className} has no parameters yet")
        params = np.asarray(given)
        shape = params.shape
        if len(shape) == 2 and shape[0] == 2:
            return params
        if len(shape) == 2 and shape[1] == 2:
            return params.T
        raise SpecError(f"{self.className}: params must be 2 x K, not {shape}")

    def _unpack(self, packed: list[float]) -> dict[str, NDArray[Any]]:
        return {"params": np.array(packed).reshape(2, -1)}

    def _order(self) -> int:
        read = self._untouched()
        return self._order_of(self._rows().shape[1] if read is None else len(read) // 2)

    def _order_of(self, terms: int) -> int:
        try:
            return polynomials.order_of(terms)
        except ValueError as error:
            raise SpecError(f"{self.className}: {error}") from error

    @property
    def order(self) -> int:
        """Order of the polynomial."""
        return self._order()

    def coefficients(self, order: int | None = None) -> int:
        """Number of coefficients of both axes together for an order (its own if None)."""
        order = self.order if order is None else order
        return (order + 1) * (order + 2)

    def _parse(self, datastring: str) -> Any:
        numbers = read_floats(datastring)
        if len(numbers) % 2:
            raise ValueError(f"an even count of numbers is needed, not {len(numbers)}")
        polynomials.order_of(len(numbers) // 2)
        self._keep(numbers)
        return numbers

    def _state(self) -> list[float] | None:
        """The coefficients as they are now, in the order of the data string."""
        read = self._untouched()
        if read is not None:
            return read
        return self._rows().ravel().tolist() if "params" in self.__dict__ else None

    def _numbers(self) -> list[float]:
        """The coefficients as they are now; SpecError where they are no polynomial."""
        read = self._untouched()
        if read is not None:
            return read
        rows = self._rows()
        self._order_of(rows.shape[1])
        return rows.ravel().tolist()

    @property
    def dataString(self) -> str:
        """The x row of coefficients, then the y row."""
        return self._format()

    @dataString.setter
    def dataString(self, datastring: str) -> None:
        self._process_dataString(datastring)

    def _format(self) -> str:
        return java_doubles(self._numbers())

    def _canonical(self) -> str:
        return java_doubles([number + 0.0 for number in self._numbers()])

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        self._order()
        return polynomials.evaluate(self._rows(), points)

    def _jacobian(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return polynomials.jacobian(self._rows(), points)

    def inverse_tform(self, points: ArrayLike) -> NDArray[np.float64]:
        """Map points through the inverse: exact for order 1, by Newton's method above.

        Of several points that map to the same place, the one found from the linear part is
        returned. Mapped back, the points agree within 1e-9 pixel; EstimationError otherwise.
        """
        order = self.order
        if order == 0:
            raise EstimationError(f"{self.className} of order 0 maps all points to one: no inverse")
        matrix = np.eye(3)
        matrix[:2] = self._rows()[:, [1, 2, 0]]
        targets = as_points(points)
        if order == 1:
            return map_affine(invert_matrix(matrix), targets)
        return invert(self._map, targets, self._jacobian, name=str(self.className))

    @staticmethod
    def fit(
        src: ArrayLike, dst: ArrayLike, order: int = 2, weights: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Least-squares polynomial from src to dst (N x 2 each).

        Parameters
        ----------
        src, dst : array_like, N x 2
        order : int
        weights : array_like, N, optional

        Returns
        -------
        ndarray, 2 x K

        Raises
        ------
        EstimationError
            Unequal numbers of points; fewer points than coefficients of both axes together
            ((order + 1)(order + 2), twice what an exact solution needs, as in the published
            client); points that do not determine the coefficients.
        """
        if order < 0:
            raise EstimationError(f"polynomial: the order must be 0 or more, not {order}")
        p, q = as_pairs(src, dst, (order + 1) * (order + 2), f"polynomial of order {order}")
        return polynomials.fit(p, q, order, as_weights(weights, len(p), "polynomial"))

    def estimate(
        self,
        src: ArrayLike,
        dst: ArrayLike,
        order: int = 2,
        test_coords: bool = True,
        max_tries: int = 100,
        return_params: bool = True,
        **kwargs: Any,
    ) -> NDArray[np.float64] | None:
        """Fit this transform to map src to dst.

        Parameters
        ----------
        src, dst : array_like, N x 2
        order : int
        test_coords : bool
            Check the fitted points: against `atol` and `rtol` where given, and in any case that
            they are finite.
        max_tries : int
            Upper limit of attempts. The fit is deterministic, so one is made; less than 1 is
            refused.
        return_params : bool
            Whether to return the coefficients.
        **kwargs
            `weights` (N numbers); `atol`, `rtol`: largest allowed difference between a fitted and
            a given point, absolute and relative to the given coordinate.

        Returns
        -------
        ndarray, 2 x K, or None

        Raises
        ------
        EstimationError
            As `fit`, and where the check fails.
        """
        atol, rtol = kwargs.pop("atol", None), kwargs.pop("rtol", None)
        if max_tries < 1:
            raise EstimationError("polynomial: max_tries must be at least 1")
        params = self.fit(src, dst, order, **kwargs)
        if test_coords:
            _check_fit(params, as_points(src), as_points(dst), atol, rtol)
        self.params = params
        return params if return_params else None

    def asorder(self, order: int) -> Polynomial2DTransform:
        """Same map as a polynomial of a higher or equal order; ConversionError for a lower one."""
        if order < self.order:
            raise ConversionError(f"a polynomial of order {self.order} is none of order {order}")
        rows = self._rows()
        params = np.zeros((2, polynomials.term_count(order)))
        params[:, : rows.shape[1]] = rows
        return Polynomial2DTransform(params=params)

    @staticmethod
    def fromAffine(aff: AffineModel) -> Polynomial2DTransform:
        """Polynomial of order 1 equal to an AffineModel; ConversionError for anything else."""
        if not isinstance(aff, AffineModel):
            raise ConversionError(f"an AffineModel is needed, not a {type(aff).__name__}")
        return Polynomial2DTransform(params=aff.M[:2][:, [2, 0, 1]])

    def calc_properties(self) -> tuple[float, float, float, float, float]:
        """Scale x, scale y, shear x, shear y, rotation of the linear part (at the origin)."""
        if self.order == 0:
            return (1.0, 1.0, 0.0, 0.0, 0.0)
        return calc_first_order_properties(self._rows()[:, 1:3], self.force_shear)

    @property
    def translation(self) -> tuple[float, float]:
        """Constant terms."""
        x, y = self._rows()[:, 0].tolist()
        return (float(x), float(y))


def _check_fit(
    params: NDArray[np.float64],
    src: NDArray[np.float64],
    dst: NDArray[np.float64],
    atol: float | None,
    rtol: float | None,
) -> None:
    difference = np.abs(polynomials.evaluate(params, src) - dst)
    if not np.isfinite(difference).all():
        raise EstimationError("polynomial: the fit is not finite, use a lower order")
    if atol is None and rtol is None:
        return
    if (difference > (atol or 0.0) + (rtol or 0.0) * np.abs(dst)).any():
        raise EstimationError(
            f"polynomial: the fit misses a point by {difference.max():.4g}, more than atol={atol}, "
            f"rtol={rtol}; raise them, or the order"
        )
