"""Refinement of a shift by the grey values themselves, in the light that each tile was taken in.

Filters that free a picture of its light (see `contrast.normalised`) take coarse detail with it, of
which a smooth picture consists, and sharpen the steps between grey levels, which lie elsewhere in
another light. Here nothing is filtered away: the light is fitted along with the shift. One picture
is the other, moved, times a gain that changes evenly over the overlap, plus a cubic polynomial.

Method: as in `subpixel.py`, inverse compositional Lucas-Kanade least squares.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask
from renderapi.matching.subpixel import (
    CONVERGED,
    SMOOTHING,
    Refined,
    away_from_holes,
    moved,
    smoothed,
)

ITERATIONS = 12
GAIN_DEGREE, OFFSET_DEGREE = 1, 3
MARGIN = 4
"""Pixels at the rim, at most, that the filters mix with what they do not know."""
BLOCK = 16
"""Residuals are taken for independent between blocks of so many pixels across."""
REACH = 1.0
"""Pixels; a fit that leads further than this does not count."""

Float32 = NDArray[np.float32]


def refine_grey(p: NDArray, q: NDArray, mask: Mask, start: tuple[float, float]) -> Refined:
    """Fraction of a pixel by which `q` lies beside `p`, and its standard error.

    Parameters
    ----------
    p, q : (H, W) arrays
        The overlap as each image shows it, cut out with the whole-pixel shift.
    mask : (H, W) boolean array
        Pixels that count in both.
    start : (dx, dy)
        Rest found before, pixels.

    Returns
    -------
    Refined
        Its correlation is that of the gradients of both pictures, its error, the worse one of both
        directions, holds for residuals that are correlated over a few pixels; infinity: no fit.
    """
    a, b = (smoothed(_centred(image, mask), SMOOTHING) for image in (p, q))
    weight = _counted(mask).astype(np.float32)
    light = _light(mask.shape)
    if weight.sum() < 4 * (2 + sum(map(len, light))):
        return Refined(start, 0.0, float("inf"))
    return _fitted(a, b, weight, light, start)


def _centred(image: NDArray, mask: Mask) -> Float32:
    """Grey values less their mean, 0 where masked."""
    values = image.astype(np.float32)
    values -= np.float32(values[mask].mean(dtype=np.float64) if mask.any() else 0.0)
    return values if mask.all() else values * mask


def _counted(mask: Mask) -> Mask:
    """Pixels that no filter has mixed with masked ones or with what lies beyond the rim."""
    inner = mask.copy()
    for axis, side in enumerate(mask.shape):
        margin = int(np.clip(side // 6, 1, MARGIN))
        rim = np.moveaxis(inner, axis, 0)
        rim[:margin] = rim[-margin:] = False
    return away_from_holes(inner)


def _light(shape: tuple[int, ...]) -> tuple[list[Float32], list[Float32]]:
    """Terms of the gain and of the offset, each (H, W); the first of each is 1."""
    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    gain, offset = (
        [np.outer(y**j, x**i) for i in range(degree + 1) for j in range(degree + 1 - i)]
        for degree in (GAIN_DEGREE, OFFSET_DEGREE)
    )
    return gain, offset


def _fitted(
    a: Float32,
    b: Float32,
    weight: Float32,
    light: tuple[list[Float32], list[Float32]],
    start: tuple[float, float],
) -> Refined:
    nowhere = Refined(start, 0.0, float("inf"))
    gradients = [np.asarray(np.gradient(a, axis=axis), np.float32) for axis in (1, 0)]
    gain, offset = light
    terms = [*gradients, *(a * term for term in gain), *offset]
    columns = np.stack([term.ravel() for term in terms]) * weight.ravel()
    normal = (columns @ columns.T).astype(np.float64)
    sizes = np.sqrt(normal.diagonal())
    if not sizes.all() or np.linalg.cond(normal / np.outer(sizes, sizes)) > 1e9:
        return nowhere
    inverse = np.linalg.inv(normal / np.outer(sizes, sizes)) / np.outer(sizes, sizes)
    rest, target, solution = np.array(start, float), b, np.zeros(len(terms))
    for _ in range(ITERATIONS):
        target = moved(b, rest)
        solution = inverse @ (columns @ (target * weight).ravel()).astype(np.float64)
        if solution[2] <= 0.05:
            return nowhere
        step = solution[:2] / solution[2]
        rest = rest + step
        if np.abs(step).max() < CONVERGED or np.abs(rest - start).max() > REACH:
            break
    if np.abs(rest - start).max() > REACH or np.abs(rest).max() > 2 * REACH:
        return nowhere
    residual = (target * weight).ravel() - (solution.astype(np.float32) @ columns)
    error = _error(inverse[:2] @ columns, residual / np.float32(solution[2]), weight.shape)
    return Refined((float(rest[0]), float(rest[1])), _alike(gradients, target, weight), error)


def _error(influence: NDArray, residual: NDArray, shape: tuple[int, ...]) -> float:
    """Standard error of the worse direction, from sums over blocks of what each pixel moves it by.

    The sandwich of P. J. Huber (1967), for clusters: residuals of smoothed pictures, of the steps
    between grey levels and of pictures that are not the same are correlated with their neighbours.
    """
    starts = [np.arange(0, side, BLOCK) for side in shape]
    variances = []
    for direction in influence:
        moves = (direction * residual).reshape(shape)
        sums = np.add.reduceat(np.add.reduceat(moves, starts[0], axis=0), starts[1], axis=1)
        variances.append(float((sums**2).sum()) * sums.size / max(sums.size - 2, 1))
    return float(np.sqrt(max(variances)))


def _alike(gradients: list[Float32], target: Float32, weight: Float32) -> float:
    """Correlation of the gradients of both pictures."""
    product, powers = 0.0, [0.0, 0.0]
    for axis, one in zip((1, 0), gradients, strict=True):
        u, v = one * weight, np.gradient(target, axis=axis) * weight
        product += float(np.vdot(u, v))
        powers[0] += float(np.vdot(u, u))
        powers[1] += float(np.vdot(v, v))
    return product / float(np.sqrt(powers[0] * powers[1])) if min(powers) > 0 else 0.0
