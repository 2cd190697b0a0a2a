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
SINGULAR = 1e-6
"""Combinations of terms whose sum of squares is so much smaller than others are not told apart."""
TOLD = 0.999
"""Share of a shift that must be told apart from the light."""
REACH = 1.0
"""Pixels; a fit that leads further than this does not count."""

Float32 = NDArray[np.float32]


def refine_grey(p: NDArray, q: NDArray, mask: Mask, start: tuple[float, float]) -> Refined:
    """Fraction of a pixel by which `q` lies beside `p`, and its standard error.

    These hold in a few rows as well: where not all terms of light can be told apart, only what
    gradients say beside them counts. What is left unexplained does not: with fewer rows than the
    light has terms next to nothing is left, whatever the pictures show.

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
    if weight.sum() < 4 * len(COLUMNS):
        return Refined(start, 0.0, float("inf"))
    return _fitted(a, b, weight, start)


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


def _exponents(degree: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


COLUMNS = [
    (0, 0, 0),
    (1, 0, 0),
    *((2, i, j) for i, j in _exponents(GAIN_DEGREE)),
    *((3, i, j) for i, j in _exponents(OFFSET_DEGREE)),
]
"""Terms of the fit: which picture (gradient along x, along y, grey values, 1), times x^i y^j."""


DEGREES = (0, 0, GAIN_DEGREE, OFFSET_DEGREE)
"""Of the powers that each of the pictures is multiplied with."""


class _Terms:
    """The terms of a fit, never written out: their sums and products come from moments.

    The moments of a picture are its sums with x^i y^j, products of matrices as the powers are those
    of rows and of columns.

    Parameters
    ----------
    pictures : list of four (H, W) float32
        Both gradients, the grey values and 1, each 0 where it does not count.
    """

    def __init__(self, pictures: list[Float32]) -> None:
        self.pictures = pictures
        self.y, self.x = (
            np.vander(np.linspace(-1, 1, side), 2 * OFFSET_DEGREE + 1, increasing=True)
            for side in pictures[0].shape
        )
        self.narrow_x = self.x.astype(np.float32)

    def moments(self, picture: Float32, degree: int) -> NDArray[np.float64]:
        """Sums of a picture with x^i y^j, [j, i], for i and j up to a degree."""
        sums = picture @ self.narrow_x[:, : degree + 1]
        return np.asarray(self.y[:, : degree + 1].T @ sums.astype(np.float64))

    def normal(self) -> NDArray[np.float64]:
        """Sums of the products of all terms."""
        known = {
            (k, n): self.moments(self.pictures[k] * self.pictures[n], DEGREES[k] + DEGREES[n])
            for k in range(4)
            for n in range(k, 4)
        }
        matrix = np.empty((len(COLUMNS), len(COLUMNS)))
        for one, (k, i, j) in enumerate(COLUMNS):
            for two, (n, i2, j2) in enumerate(COLUMNS[one:], one):
                matrix[one, two] = matrix[two, one] = known[k, n][j + j2, i + i2]
        return matrix

    def sums_with(self, target: Float32) -> NDArray[np.float64]:
        """Sums of the products of each term and a picture."""
        known = [
            self.moments(picture * target, degree)
            for picture, degree in zip(self.pictures, DEGREES, strict=True)
        ]
        return np.array([known[k][j, i] for k, i, j in COLUMNS])

    def combined(self, factors: NDArray[np.float64]) -> Float32:
        """Sum of all terms times their factors, (H, W)."""
        total = np.float32(factors[0]) * self.pictures[0]
        total += np.float32(factors[1]) * self.pictures[1]
        for number in (2, 3):
            degree = DEGREES[number]
            table = np.zeros((degree + 1, degree + 1))
            for factor, (k, i, j) in zip(factors, COLUMNS, strict=True):
                if k == number:
                    table[j, i] = factor
            rows = (self.y[:, : degree + 1] @ table).astype(np.float32)
            total += self.pictures[number] * (rows @ self.narrow_x[:, : degree + 1].T)
        return total


def _fitted(a: Float32, b: Float32, weight: Float32, start: tuple[float, float]) -> Refined:
    nowhere = Refined(start, 0.0, float("inf"))
    gradients = [np.asarray(np.gradient(a, axis=axis), np.float32) for axis in (1, 0)]
    terms = _Terms([*(g * weight for g in gradients), a * weight, weight])
    inverse = _inverse(terms.normal())
    if inverse is None:
        return nowhere
    rest, target, solution = np.array(start, float), b, np.zeros(len(COLUMNS))
    for _ in range(ITERATIONS):
        target = moved(b, rest)
        solution = inverse @ terms.sums_with(target)
        if solution[2] <= 0.05:
            return nowhere
        step = solution[:2] / solution[2]
        rest = rest + step
        if np.abs(step).max() < CONVERGED or np.abs(rest - start).max() > REACH:
            break
    if np.abs(rest - start).max() > REACH or np.abs(rest).max() > 2 * REACH:
        return nowhere
    residual = target * weight - terms.combined(solution)
    residual /= np.float32(solution[2])
    error = _error([terms.combined(row) * residual for row in inverse[:2]])
    unexplained = float(np.vdot(residual, residual)) / float(weight.sum())
    alike = _alike(gradients, target, weight)
    return Refined((float(rest[0]), float(rest[1])), alike, error, unexplained)


def _inverse(normal: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Inverse but for light that few rows or columns cannot tell apart; None: no shift is told."""
    sizes = np.sqrt(np.maximum(normal.diagonal(), 0))
    if not sizes.all():
        return None
    even = normal / np.outer(sizes, sizes)
    inverse = np.linalg.pinv(even, rcond=SINGULAR, hermitian=True)
    told = (inverse @ even).diagonal()[:2]
    return None if told.min() < TOLD else inverse / np.outer(sizes, sizes)


def _error(moves: list[Float32]) -> float:
    """Standard error of the worse direction, from sums over blocks of what each pixel moves it by.

    The sandwich of P. J. Huber (1967), for clusters: residuals of smoothed pictures, of the steps
    between grey levels and of pictures that are not the same are correlated with their neighbours.
    """
    starts = [np.arange(0, side, BLOCK) for side in moves[0].shape]
    variances = []
    for one in moves:
        sums = np.add.reduceat(np.add.reduceat(one, starts[0], axis=0), starts[1], axis=1)
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
