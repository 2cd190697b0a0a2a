"""Refinement of a known whole-pixel shift to a fraction of a pixel.

Method: B. D. Lucas and T. Kanade, "An iterative image registration technique", IJCAI 1981, with
gain and offset as further unknowns, on the overlap alone; in the inverse compositional form of
S. Baker and I. Matthews, "Lucas-Kanade 20 years on", IJCV 56(3), 2004: the gradients are those of
the first image, so that the normal equations are set up once and each step only moves the second
image. It is moved by a windowed sinc, applied along rows and along columns, exact to what the
smoothing before leaves of the finest detail.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import FloatImage, Mask, normalised

ITERATIONS = 8
SMOOTHING = 0.7
"""Standard deviation (pixels) of the Gaussian that both images pass through."""
TAPS = 12
"""Length of the interpolating filter; it is tapered with a Kaiser window."""
BETA = 6.0
HOLE_MARGIN = 3
"""Pixels this near to masked ones inside the overlap are left out of the fit."""
_IMPULSE = np.zeros((49, 49), np.float32)
_IMPULSE[24, 24] = 1.0
CONVERGED = 1e-3
"""A last step below this many pixels ends the iteration."""


class Refined(NamedTuple):
    """Fractional rest of a shift.

    Attributes
    ----------
    rest : (dx, dy)
        To be added to the whole-pixel shift.
    correlation : float
        Correlation of the two overlaps after the refinement.
    error : float
        Standard error of the rest, pixels (the worse direction), from the least squares fit; what
        remains is taken for white noise that has passed through the same low-pass.
    unexplained : float
        Mean square of what remains of the first overlap, grey levels of it; infinity: not known.
    """

    rest: tuple[float, float]
    correlation: float
    error: float
    unexplained: float = float("inf")


def refine(
    p: NDArray, q: NDArray, mask: Mask, sigma: float = 3.0, smoothing: float = SMOOTHING
) -> Refined:
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
    smoothing : float
        Of the low-pass, pixels: more where noise hides the detail.

    Notes
    -----
    A rest of more than one pixel, or a fit that does not raise the correlation, means that the
    start was not within reach: the rest is then (0, 0). With more smoothing the reach is longer in
    proportion.
    """
    a, b = (smoothed(normalised(image, mask, sigma), smoothing) for image in (p, q))
    if np.array_equal(a, b):
        return Refined((0.0, 0.0), 1.0 if a[mask].any() else 0.0, 0.0)
    reach = max(1.0, smoothing / SMOOTHING / 2)
    inner = mask.copy()
    for axis in (0, 1):  # interpolation and gradients need a neighbour on either side
        if mask.shape[axis] > 8:
            np.moveaxis(inner, axis, 0)[[0, -1]] = False
    weight = away_from_holes(inner).astype(np.float32)
    start = _correlation(a, b, mask.astype(np.float32))
    rest, error = _aligned(a, b, weight, reach, smoothing)
    if not np.all(np.abs(rest) <= reach):
        return Refined((0.0, 0.0), start, float("inf"))
    end = _correlation(a, moved(b, rest), weight)
    if end < _correlation(a, b, weight):
        return Refined((0.0, 0.0), start, error)
    return Refined((float(rest[0]), float(rest[1])), max(start, end), error)


def away_from_holes(mask: Mask) -> Mask:
    """Pixels that the filters do not mix with masked ones, where enough are left."""
    import cv2

    if mask.all():
        return mask
    kernel = np.ones((2 * HOLE_MARGIN + 1, 2 * HOLE_MARGIN + 1), np.uint8)
    away = mask & (cv2.erode(_filled_border(mask), kernel) > 0)
    return away if away.sum() >= 0.25 * mask.sum() else mask


def _filled_border(mask: Mask) -> NDArray[np.uint8]:
    """The mask with its outermost pixels taken for shown: they are no holes."""
    filled = mask.astype(np.uint8)
    filled[[0, -1]] = 1
    filled[:, [0, -1]] = 1
    return filled


def smoothed(image: FloatImage, smoothing: float) -> NDArray[np.float32]:
    import cv2

    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), smoothing, borderType=cv2.BORDER_REFLECT), np.float32
    )


def _aligned(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    weight: NDArray[np.float32],
    reach: float,
    smoothing: float,
) -> tuple[NDArray[np.float64], float]:
    """Shift of `b` that fits it to `a`, and its standard error in pixels; NaN: no fit."""
    nowhere = np.full(2, np.nan)
    count = float(weight.sum())
    if count < 16 or min(weight.shape) < 3:
        return np.zeros(2), float("inf")
    gx, gy = (np.asarray(np.gradient(a, axis=axis), np.float32) for axis in (1, 0))
    flat = weight.ravel()
    columns = np.stack([gx.ravel(), gy.ravel(), a.ravel(), np.ones_like(flat)])
    columns *= flat
    normal = (columns @ columns.T).astype(np.float64)
    if np.linalg.cond(normal) > 1e12:
        return nowhere, float("inf")
    inverse = np.linalg.inv(normal)
    rest, variance = np.zeros(2), float("inf")
    for _ in range(ITERATIONS):
        target = moved(b, rest).ravel() * flat
        right = (columns @ target).astype(np.float64)
        solution = inverse @ right
        gain = float(solution[2])
        if gain <= 0.05:
            return nowhere, float("inf")
        step = solution[:2] / gain
        rest = rest + step
        power = float(np.dot(target, target)) - float(solution @ right)
        variance = max(power, 0.0) / max(1.0, count - 4) / gain**2
        if np.abs(step).max() < CONVERGED or np.abs(rest).max() > 1.5 * reach:
            break
    return rest, float(np.sqrt(variance * _error_factor(columns, weight, inverse, smoothing)))


def _error_factor(
    columns: NDArray[np.float32],
    weight: NDArray[np.float32],
    inverse: NDArray[Any],
    smoothing: float,
) -> float:
    """Variance of the rest (the worse direction) for residuals of variance 1.

    Noise that a Gaussian has smoothed is correlated: the covariance of the solution is that of the
    columns smoothed once more, over the power that the Gaussian leaves of white noise.
    """
    again = np.stack([smoothed(c.reshape(weight.shape), smoothing).ravel() for c in columns])
    covariance = inverse @ (again @ again.T).astype(np.float64) @ inverse
    left = float((smoothed(_IMPULSE, smoothing) ** 2).sum())
    return float(max(covariance[0, 0], covariance[1, 1])) / left


def moved(image: NDArray[np.float32], shift: NDArray[np.float64]) -> NDArray[np.float32]:
    """Image whose content lies `shift` (dx, dy) further right and down; edges are mirrored."""
    import cv2

    if not np.any(shift):
        return image
    kernels = [_sinc(float(component)) for component in shift]
    return np.asarray(
        cv2.sepFilter2D(image, cv2.CV_32F, kernels[0], kernels[1], borderType=cv2.BORDER_REFLECT),
        np.float32,
    )


def _sinc(shift: float) -> NDArray[np.float64]:
    """Filter (odd length, of sum 1) whose correlation with a row moves it to the right."""
    from scipy.special import i0

    whole = int(np.ceil(abs(shift)))
    half = TAPS // 2 + whole
    places = np.arange(-half, half + 1) + shift
    inside = np.abs(places) < TAPS / 2
    taper = i0(BETA * np.sqrt(np.maximum(1 - (2 * places / TAPS) ** 2, 0))) * inside
    kernel = np.sinc(places) * taper
    return np.asarray(kernel / kernel.sum())


def _correlation(
    a: NDArray[np.float32], b: NDArray[np.float32], weight: NDArray[np.float32]
) -> float:
    total = float(weight.sum())
    if total < 2:
        return 0.0
    u, v = (a * weight).ravel(), (b * weight).ravel()
    means = [float(values.sum(dtype=np.float64)) / total for values in (u, v)]
    product = float(np.dot(u, v)) - total * means[0] * means[1]
    powers = [
        float(np.dot(values, values)) - total * mean**2
        for values, mean in zip((u, v), means, strict=True)
    ]
    return product / float(np.sqrt(powers[0] * powers[1])) if min(powers) > 0 else 0.0
