"""Agreement of two images under every shift, each in a light of its own that is fitted along.

Filters that take the light out of a picture before it is compared see what lies beyond the overlap,
and at the rim of a tile they see nothing: coarse pictures then agree by their rims, some pixels
off. Here the light, a polynomial, is taken out of the very pixels that both images have under a
shift, of both of them, by least squares. What is left agrees or does not.

Method: partial correlation; every sum over the overlap of two masks is a correlation, hence a
product in the Fourier domain, as in `correlation_map.py`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask
from renderapi.matching.shifts import ShiftRange, common_windows

DEGREE = 2
"""Of the polynomial."""
RIDGE = 1e-9
"""Part of their sum of squares that is added to that of each term: overlaps may be thin."""
Floats = NDArray[np.float64]
Term = tuple[int, int]
"""Powers of x and y."""


NEAR = 8
"""Shifts so far around one are asked whether they explain the pictures as well, pixels."""
WHOLE = 0.35
"""Mean square distance, in both directions, that whole pixels may leave to a shift between them."""


def plausible_distance(
    p: NDArray,
    q: NDArray,
    p_mask: Mask,
    q_mask: Mask,
    shift: tuple[float, float],
    min_pixels: int,
    smoothing: float = 0.0,
) -> float:
    """How far from a shift those lie that explain both pictures as well, root mean square, pixels.

    Each whole-pixel shift near by is as plausible as its likelihood, were the noise white. What
    picture there is beneath noise may be so coarse that many shifts explain it.

    Parameters
    ----------
    p, q : (H, W) arrays
    p_mask, q_mask : boolean arrays
        Pixels that count.
    shift : (dx, dy)
        Where the pixel (0, 0) of q lies in pixels of p.
    min_pixels : int
        Overlaps with fewer common pixels are not judged.
    smoothing : float
        Low-pass of both pictures, pixels: that of the search. Noise that has passed through it
        counts as so many fewer pixels as are correlated, 2 pi smoothing^2.

    Returns
    -------
    float : 0 where no other shift comes near; infinity where none can be judged.
    """
    shifts = ShiftRange.around(shift, (NEAR, NEAR))
    a, b = common_windows(p.shape, q.shape, shifts)
    if not (a.width and a.height and b.width and b.height):
        return float("inf")
    back = (a.x0 - b.x0, a.y0 - b.y0)
    cuts = p[a.slices], q[b.slices], p_mask[a.slices], q_mask[b.slices]
    local = ShiftRange(
        shifts.x0 - back[0], shifts.y0 - back[1], shifts.x1 - back[0], shifts.y1 - back[1]
    )
    if smoothing:
        cuts = (
            low_passed(cuts[0], cuts[2], smoothing),
            low_passed(cuts[1], cuts[3], smoothing),
            *cuts[2:],
        )
    correlation, pixels = light_free_map(*cuts, local, min_pixels)
    pixels = pixels / max(1.0, 2 * np.pi * smoothing**2)
    if not np.isfinite(correlation).any():
        return float("inf")
    gain = -0.5 * pixels * np.log1p(-(np.clip(np.nan_to_num(correlation), 0, 0.9999) ** 2))
    weight = np.exp(gain - gain.max())
    x = np.arange(shifts.x0, shifts.x1 + 1) - shift[0]
    y = np.arange(shifts.y0, shifts.y1 + 1) - shift[1]
    squares = [(weight.sum(axis) * places**2).sum() for axis, places in ((0, x), (1, y))]
    return float(np.sqrt(max(max(squares) / weight.sum() - WHOLE, 0.0)))


def light_free_map(
    p: NDArray, q: NDArray, p_mask: Mask, q_mask: Mask, shifts: ShiftRange, min_pixels: int
) -> tuple[Floats, Floats]:
    """Partial correlation of `p` and `q` for every shift of the range.

    Parameters
    ----------
    p, q : (H, W) arrays
        Grey values.
    p_mask, q_mask : boolean arrays of the same shapes
    shifts : ShiftRange
        Shifts of q in pixels of p.
    min_pixels : int
        Overlaps with fewer common pixels are not judged (NaN).

    Returns
    -------
    correlation, pixels : (J, I) float64
        Row j, column i stand for the shift (x0 + i, y0 + j).
    """
    over = _Overlaps(p.shape, q.shape, shifts)
    a, b = (_centred(image, mask) for image, mask in ((p, p_mask), (q, q_mask)))
    monomials = _monomials(p.shape, 2 * DEGREE)
    terms = [(i, j) for i, j in monomials if i + j <= DEGREE]
    powers = {key: over.spectrum(p_mask * light) for key, light in monomials.items()}
    q_shown, q_grey = (np.conj(over.spectrum(image)) for image in (q_mask.astype(float), b))
    gram = over.grams(powers, q_shown, terms)
    p_terms = np.stack(
        [over.sums(over.spectrum(a * monomials[key]) * q_shown) for key in terms], axis=-1
    )
    q_terms = np.stack([over.sums(powers[key] * q_grey) for key in terms], axis=-1)
    pixels = np.round(gram[..., 0, 0])
    solved = _fitted(gram, np.stack([p_terms, q_terms], axis=-1))
    p_power = over.sums(over.spectrum(a * a) * q_shown) - (p_terms * solved[..., 0]).sum(-1)
    q_squared = np.conj(over.spectrum(b * b))
    q_power = over.sums(powers[0, 0] * q_squared) - (q_terms * solved[..., 1]).sum(-1)
    product = over.sums(over.spectrum(a) * q_grey) - (p_terms * solved[..., 1]).sum(-1)
    enough = (pixels >= max(min_pixels, 2 * len(terms))) & (p_power > 1e-6) & (q_power > 1e-6)
    scale = np.sqrt(np.where(enough, p_power * q_power, 1.0))
    correlation = np.where(enough, product / scale, np.nan)
    return np.clip(correlation, -1, 1), pixels


class _Overlaps:
    """Sums over the overlap of two images under every shift of a range, by Fourier transforms."""

    def __init__(
        self, p_shape: tuple[int, ...], q_shape: tuple[int, ...], shifts: ShiftRange
    ) -> None:
        import scipy.fft

        self.fft = scipy.fft
        dx = np.arange(shifts.x0, shifts.x1 + 1)
        dy = np.arange(shifts.y0, shifts.y1 + 1)
        self.size = tuple(
            scipy.fft.next_fast_len(int(max(n, m, n - lags[0], lags[-1] + m)), real=True)
            for n, m, lags in zip(p_shape, q_shape, (dy, dx), strict=True)
        )
        self.where = np.ix_(dy % self.size[0], dx % self.size[1])

    def spectrum(self, image: NDArray) -> NDArray:
        """Of an image, large enough for every shift."""
        return np.asarray(self.fft.rfft2(image, self.size))

    def sums(self, product: NDArray) -> Floats:
        """(J, I) sums over the overlaps of what a product of spectra stands for."""
        return np.asarray(self.fft.irfft2(product, self.size)[self.where])

    def grams(
        self, powers: dict[Term, NDArray], shown: NDArray, terms: list[Term]
    ) -> NDArray[np.float64]:
        """(J, I, K, K) sums of the products of two terms each."""
        found = {key: self.sums(power * shown) for key, power in powers.items()}
        rows = [np.stack([found[i + k, j + n] for k, n in terms], axis=-1) for i, j in terms]
        return np.stack(rows, axis=-2)


def _monomials(shape: tuple[int, ...], degree: int) -> dict[Term, Floats]:
    """x^i y^j by (i, j), of coordinates from -1 to 1, up to a degree."""
    y, x = (np.linspace(-1, 1, side) for side in shape)
    keys = [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]
    return {(i, j): np.outer(y**j, x**i) for i, j in keys}


def _fitted(gram: Floats, right: Floats) -> Floats:
    """Coefficients (J, I, K, R) of the terms that come nearest to images, by least squares."""
    ridge = RIDGE * np.trace(gram, axis1=-2, axis2=-1) + 1e-12
    gram = gram + np.eye(gram.shape[-1]) * ridge[..., None, None]
    return np.asarray(np.linalg.solve(gram, right))


def low_passed(image: NDArray, mask: Mask, smoothing: float) -> NDArray[np.float32]:
    """Low-passed, without what is masked."""
    import cv2

    weight = mask.astype(np.float32)
    values = _centred(image, mask).astype(np.float32)
    blurred = (cv2.GaussianBlur(v, (0, 0), smoothing) for v in (values, weight))
    above, below = (np.asarray(v, np.float32) for v in blurred)
    return np.asarray(above / np.maximum(below, 1e-6), np.float32)


def _centred(image: NDArray, mask: Mask) -> Floats:
    values = image.astype(np.float64)
    return np.where(mask, values - (values[mask].mean() if mask.any() else 0.0), 0.0)
