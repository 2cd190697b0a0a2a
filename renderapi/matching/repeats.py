"""Patterns that repeat all over a picture, and the picture without them.

Pictures of whole sections show the grid of the tiles they are made of: seams and vignettes, some
dozens of pixels apart, at the same distance in every section. Two such pictures agree wherever
their grids do, which says nothing about the tissue. In the mean power spectrum of many windows
(P. Welch, 1967) such a pattern is a lattice of single peaks, whereas tissue, whatever its texture,
has a smooth spectrum. Frequencies that stand out of those around them, by more than the windows
vary, are taken away by a symmetric filter, which moves nothing.

Pictures are 2-D arrays (rows y, columns x).
"""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import FloatImage, Mask, detrended, normalised

SIDE = 128
"""Of the windows, pixels: patterns of up to a quarter of it are told from what is smooth."""
WINDOWS = 64
"""At most so many are looked at."""
FEWEST = 4
"""Of fewer windows the spectrum says nothing."""
CONTENT = 0.8
"""Least share of a window that must count."""
AROUND = 9
"""Side of the surroundings of a frequency, in frequencies of a window."""
SIGMA = 6.0
"""Of the high-pass before the spectrum, pixels."""
LEAST_SEEN = 0.25
CLEARLY = 2.0
"""How far a peak stands out of its surroundings, times what chance reaches."""


def without_repeats(image: NDArray, mask: Mask) -> FloatImage:
    """The picture without patterns that repeat all over it.

    Parameters
    ----------
    image : (H, W) array of any number type
    mask : (H, W) boolean array
        Pixels that count.

    Returns
    -------
    (H, W) float32; where nothing repeats, the picture as it is.
    """
    values = np.ascontiguousarray(image, np.float32)
    repeating = _repeating(normalised(values, mask, SIGMA), mask)
    if repeating is None:
        return values
    window = _window()
    kernel = np.fft.fftshift(np.fft.irfft2(repeating, (SIDE, SIDE))) * window
    pattern = _filtered(detrended(values, mask), kernel)
    # at an edge the filter sees a part of the pattern only: what it takes away is scaled up
    seen = _filtered(mask.astype(np.float32), window / window.sum())
    return np.where(mask, values - pattern / np.maximum(seen, LEAST_SEEN), values)


def _filtered(image: FloatImage, kernel: NDArray[np.float64]) -> NDArray[np.float32]:
    import cv2

    return np.asarray(cv2.filter2D(image, -1, kernel, borderType=cv2.BORDER_CONSTANT), np.float32)


def _window() -> NDArray[np.float64]:
    """(SIDE, SIDE) Hann window, symmetric about the pixel SIDE / 2, SIDE / 2."""
    side = np.hanning(SIDE + 1)[:SIDE]
    return np.outer(side, side)


def _repeating(image: FloatImage, mask: Mask) -> NDArray[np.float64] | None:
    """(SIDE, SIDE / 2 + 1): 1 where a frequency stands out, else 0; None where none does."""
    from scipy.ndimage import maximum_filter

    places = _places(mask)
    if len(places) < FEWEST:
        return None
    window = _window()
    power = np.mean(
        [np.abs(np.fft.fft2(image[y : y + SIDE, x : x + SIDE] * window)) ** 2 for y, x in places],
        axis=0,
    )
    expected = _smooth_part(power)
    stands_out = power > CLEARLY * _chance(len(places)) * expected
    stands_out[:2, :2] = stands_out[-1, :2] = stands_out[:2, -1] = stands_out[-1, -1] = False
    if not stands_out.any():
        return None
    # a window smears a frequency over those beside it
    wide = maximum_filter(stands_out, 3, mode="wrap")
    return np.asarray(wide[:, : SIDE // 2 + 1], float)


def _places(mask: Mask) -> list[tuple[int, int]]:
    """Corners (y, x) of windows that overlap by half and show enough, spread over the picture."""
    import cv2

    if min(mask.shape) < SIDE:
        return []
    share = cv2.integral(mask.astype(np.uint8))
    found = [
        (y, x)
        for y, x in product(*(range(0, side - SIDE + 1, SIDE // 2) for side in mask.shape))
        if share[y + SIDE, x + SIDE] - share[y, x + SIDE] - share[y + SIDE, x] + share[y, x]
        >= CONTENT * SIDE * SIDE
    ]
    chosen = np.unique(np.linspace(0, len(found) - 1, min(len(found), WINDOWS)).astype(int))
    return [found[k] for k in chosen]


def _smooth_part(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """What a spectrum would be without peaks: the medians around, or along the ring."""
    from scipy.ndimage import median_filter

    around = median_filter(power, AROUND, mode="wrap")
    axis = np.fft.fftfreq(SIDE) * SIDE
    rings = np.rint(np.hypot(axis[:, None], axis[None, :])).astype(int)
    order = np.argsort(rings, axis=None, kind="stable")
    ends = np.cumsum(np.bincount(rings.ravel()))[:-1]
    medians = np.array([np.median(part) for part in np.split(power.ravel()[order], ends)])
    return np.asarray(np.maximum(around, medians[rings]))


def _chance(windows: int) -> float:
    """How far the highest of all frequencies is above the median, in so many windows of noise.

    The power of noise is distributed like a sum of squares; half of a window is in the next one.
    """
    from scipy.special import gammainccinv, gammaincinv

    shape = max(1.0, windows / 2)
    return float(gammainccinv(shape, 1 / SIDE**2) / gammaincinv(shape, 0.5))
