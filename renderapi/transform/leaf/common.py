"""First order properties (scale, shear, rotation) shared by affine and polynomial transforms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def svd_of(module: str, name: str) -> Any:
    """The function `svd` of the published modules: scipy's, or numpy's where there is no scipy."""
    if name != "svd":
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    try:
        from scipy.linalg import svd
    except ImportError:
        return np.linalg.svd
    return svd


def calc_first_order_properties(
    M: ArrayLike, force_shear: str = "x"
) -> tuple[float, float, float, float, float]:
    """Scale, shear and rotation of a linear map.

    Decomposes M = diag(sx, sy) . [[1, cx], [cy, 1]] . R(theta), R counter-clockwise.

    Parameters
    ----------
    M : array_like, 2 x 2 or larger
        Linear part in the upper left corner.
    force_shear : {'x', 'y'}
        Which of the two shears is kept; the other one is 0.

    Returns
    -------
    tuple of float
        sx, sy, cx, cy, theta (radians). A shear is NaN where its axis is collapsed to nothing.

    Raises
    ------
    ValueError
        For any other `force_shear`.
    """
    m = np.asarray(M, dtype=np.float64)
    (m00, m01), (m10, m11) = m[:2, :2].tolist()
    if force_shear == "x":
        sy, theta = math.hypot(m10, m11), math.atan2(m10, m11)
        cos, sin = math.cos(theta), math.sin(theta)
        sx = m00 * cos - m01 * sin
        return sx, sy, _ratio(m00 * sin + m01 * cos, sx), 0.0, theta
    if force_shear == "y":
        sx, theta = math.hypot(m00, m01), math.atan2(-m01, m00)
        cos, sin = math.cos(theta), math.sin(theta)
        sy = m10 * sin + m11 * cos
        return sx, sy, 0.0, _ratio(m10 * cos - m11 * sin, sy), theta
    raise ValueError(f"force_shear must be 'x' or 'y', not {force_shear!r}")


def _ratio(a: float, b: float) -> float:
    return a / b if b else math.nan


class FirstOrderProperties:
    """Properties scale, shear, rotation and translation of whatever has `calc_properties`."""

    #: a class default, so that a subclass may read a document without calling this constructor
    force_shear: str = "x"

    def calc_properties(self) -> tuple[float, float, float, float, float]:
        """Sx, sy, cx, cy, theta; see calc_first_order_properties."""
        raise NotImplementedError

    @property
    def scale(self) -> tuple[float, float]:
        """Scale in x and y."""
        return self.calc_properties()[:2]

    @property
    def shear(self) -> float:
        """Shear coefficient along the axis named by `force_shear`."""
        return self.calc_properties()[2 if self.force_shear == "x" else 3]

    @property
    def rotation(self) -> float:
        """Counter-clockwise rotation in radians."""
        return self.calc_properties()[4]
