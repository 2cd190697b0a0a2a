"""Offsets along one axis that depend on the position along it, such as electron beam settling.

With v the coordinate along axis `dimension` (0: x, 1: y):

* SEMDistortionTransformA, ``a,b,c,d,dimension``: v' = v + a exp(-v / b) + c exp(-v / d)
* ExponentialFunctionOffsetTransform, ``a,b,c,dimension``: v' = v - (a exp(-b v) + c)
* ExponentialRecoveryOffsetTransform, ``a,b,c,dimension``: v' = v - (a (1 - exp(-b v)) + c)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.transform.leaf.points import java_double, read_floats
from renderapi.transform.leaf.transform import CoordinateTransform

_PACKAGE = "org.janelia.alignment.transform."


class _Offset(CoordinateTransform):
    """Offset along one axis.

    Parameters
    ----------
    coefficients : sequence of float, optional
        As many as the class takes; all zero if left out.
    dimension : {0, 1}
        Axis that is moved.
    transformId : str, optional
    labels : sequence of str, optional
    json : dict, optional
        Document to read instead.
    """

    _parameters = ("coefficients", "dimension")
    _count = 3

    def __init__(
        self,
        coefficients: Sequence[float] | None = None,
        dimension: int = 0,
        transformId: str | None = None,
        labels: Sequence[str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> None:
        if json is not None:
            self.from_dict(json)
            return
        numbers = self._default() if coefficients is None else coefficients
        self._process_dataString(",".join(java_double(v) for v in (*numbers, int(dimension))))
        self.transformId = transformId
        self.labels = labels

    def _default(self) -> tuple[float, ...]:
        return (0.0,) * self._count

    def _parse(self, datastring: str) -> None:
        *numbers, dimension = read_floats(datastring.replace(",", " "))
        if len(numbers) != self._count:
            raise ValueError(f"{self._count + 1} numbers are needed, not {len(numbers) + 1}")
        if dimension not in (0, 1):
            raise ValueError(f"the dimension must be 0 (x) or 1 (y), not {dimension:g}")
        self._check(numbers)
        self.coefficients = tuple(numbers)
        self.dimension = int(dimension)

    def _check(self, numbers: Sequence[float]) -> None:
        """Refuse coefficients that have no meaning, with a ValueError."""

    def _format(self) -> str:
        return ",".join(java_double(v) for v in (*self.coefficients, int(self.dimension)))

    def _offset(self, v: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Offset at v, and its derivative."""
        raise NotImplementedError(f"{type(self).__name__} has no offset")

    def _map(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        result = points.copy()
        with np.errstate(over="ignore"):
            result[:, self.dimension] += self._offset(points[:, self.dimension])[0]
        return result

    def _jacobian(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        jacobian = np.zeros((len(points), 2, 2))
        jacobian[:, 0, 0] = jacobian[:, 1, 1] = 1.0
        with np.errstate(over="ignore"):
            jacobian[:, self.dimension, self.dimension] += self._offset(points[:, self.dimension])[
                1
            ]
        return jacobian


class SEMDistortionTransformA(_Offset):
    """Sum of two decaying exponentials: v' = v + a exp(-v / b) + c exp(-v / d)."""

    className: Any = _PACKAGE + "SEMDistortionTransformA"
    _count = 4

    def _default(self) -> tuple[float, ...]:
        return (0.0, 1.0, 0.0, 1.0)

    def _check(self, numbers: Sequence[float]) -> None:
        if numbers[1] == 0.0 or numbers[3] == 0.0:
            raise ValueError("b and d are divisors and must not be 0")

    def _offset(self, v: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        a, b, c, d = self.coefficients
        first, second = a * np.exp(-v / b), c * np.exp(-v / d)
        return first + second, -first / b - second / d


class ExponentialFunctionOffsetTransform(_Offset):
    """Decaying exponential: v' = v - (a exp(-b v) + c)."""

    className: Any = _PACKAGE + "ExponentialFunctionOffsetTransform"

    def _offset(self, v: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        a, b, c = self.coefficients
        decay = a * np.exp(-b * v)
        return -(decay + c), b * decay


class ExponentialRecoveryOffsetTransform(_Offset):
    """Exponential recovery: v' = v - (a (1 - exp(-b v)) + c)."""

    className: Any = _PACKAGE + "ExponentialRecoveryOffsetTransform"

    def _offset(self, v: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        a, b, c = self.coefficients
        decay = np.exp(-b * v)
        return -(a * (1.0 - decay) + c), -(a * b * decay)
