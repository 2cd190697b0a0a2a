"""Refinement of a known whole-pixel shift to a fraction of a pixel.

Method: B. D. Lucas and T. Kanade, "An iterative image registration technique", IJCAI 1981, with
gain and offset as further unknowns, on the overlap alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask, normalised

ITERATIONS = 6


class Refined(NamedTuple):
    """Fractional rest of a shift.

    Attributes
    ----------
    rest : (dx, dy)
        To be added to the whole-pixel shift.
    correlation : float
        Correlation of the two overlaps after the refinement.
    error : float
        Standard error of the rest, pixels (the worse direction), from the least squares fit.
    """

    rest: tuple[float, float]
    correlation: float
    error: float


def refine(p: NDArray, q: NDArray, mask: Mask, sigma: float = 3.0) -> Refined:
    """Fraction of a pixel by which `q` lies beside `p`.

    Parameters
    ----------
    p, q : (H, W) arrays
        The overlap as each image shows it, cut out with the whole-pixel shift.
    mask : (H, W) boolean array
        Pixels that count in both.
    sigma : float
        Of the high-pass (see `contrast.normalised`). Both cuts pass through the same filters with
        the same borders, so identical overlaps give exactly 0 and a correlation of 1.

    Notes
    -----
    A rest of more than one pixel, or a fit that does not raise the correlation, means that the
    start was not within reach: the rest is then (0, 0).
    """
    from scipy.ndimage import gaussian_filter

    a = gaussian_filter(normalised(p, mask, sigma).astype(np.float64), 0.7)
    b = gaussian_filter(normalised(q, mask, sigma).astype(np.float64), 0.7)
    start = _correlation(a, b, mask)
    inner = mask.copy()
    for axis in (0, 1):  # interpolation and gradients need a neighbour on either side
        if mask.shape[axis] > 8:
            np.moveaxis(inner, axis, 0)[[0, -1]] = False
    rest, error = _gauss_newton(a, b, inner)
    if not np.all(np.abs(rest) <= 1.0):
        return Refined((0.0, 0.0), start, float("inf"))
    end = _correlation(a, _moved(b, rest), inner)
    if end < _correlation(a, b, inner):
        return Refined((0.0, 0.0), start, error)
    return Refined((float(rest[0]), float(rest[1])), max(start, end), error)


def _gauss_newton(
    a: NDArray[np.float64], b: NDArray[np.float64], mask: Mask
) -> tuple[NDArray[np.float64], float]:
    """Shift of `b` that fits it to `a`, and its standard error in pixels."""
    rest = np.zeros(2)
    error = float("inf")
    if mask.sum() < 16 or min(mask.shape) < 3:
        return rest, error
    target = a[mask]
    for _ in range(ITERATIONS):
        moved = _moved(b, rest)
        gx, gy = (np.asarray(np.gradient(moved, axis=axis)) for axis in (1, 0))
        system = np.stack([-gx[mask], -gy[mask], moved[mask], np.ones(target.size)], axis=1)
        normal = system.T @ system
        if np.linalg.cond(normal) > 1e12:
            return np.full(2, np.nan), float("inf")
        solution = np.linalg.solve(normal, system.T @ target)
        gain = float(solution[2])
        if gain <= 0.05:
            return np.full(2, np.nan), float("inf")
        step = solution[:2] / gain
        rest = rest + step
        residual = target - system @ solution
        variance = residual @ residual / max(1, target.size - 4) / gain**2
        inverse = np.linalg.inv(normal)
        error = float(np.sqrt(variance * max(inverse[0, 0], inverse[1, 1])))
        if np.abs(step).max() < 1e-3 or np.abs(rest).max() > 1.5:
            break
    return rest, error


def _moved(image: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    """Image whose content lies `shift` (dx, dy) further right and down; cubic interpolation."""
    from scipy.ndimage import shift as spline_shift

    if not np.any(shift):
        return image
    return spline_shift(image, (shift[1], shift[0]), order=3, mode="nearest")


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64], mask: Mask) -> float:
    u, v = a[mask], b[mask]
    if u.size < 2:
        return 0.0
    u, v = u - u.mean(), v - v.mean()
    power = np.sqrt((u @ u) * (v @ v))
    return float(u @ v / power) if power > 0 else 0.0
