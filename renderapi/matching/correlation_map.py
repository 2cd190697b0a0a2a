"""Normalised cross-correlation of two masked images under every shift of a range.

Method: D. Padfield, "Masked object registration in the Fourier domain", IEEE Transactions on Image
Processing 21(5), 2012: the sums that make up Pearson's correlation over the overlap of the two
masks are themselves correlations, hence products in the Fourier domain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask
from renderapi.matching.shifts import ShiftRange, common_windows


class CorrelationMap(NamedTuple):
    """Correlation under each shift of a range.

    Attributes
    ----------
    shifts : ShiftRange
        Row j, column i of the arrays stand for the shift (x0 + i, y0 + j).
    correlation : (J, I) float64
        Pearson's correlation of the pixels both images have; NaN where too few or without contrast.
    pixels : (J, I) float64
        Number of pixels that both images have.
    """

    shifts: ShiftRange
    correlation: NDArray[np.float64]
    pixels: NDArray[np.float64]


def correlation_map(
    p: NDArray, q: NDArray, p_mask: Mask, q_mask: Mask, shifts: ShiftRange, min_pixels: int
) -> CorrelationMap:
    """Correlation of `p` and `q` (0 where masked) for every shift of the range.

    Parameters
    ----------
    p, q : (H, W) float arrays
        Of about zero mean (see `contrast.normalised`), 0 where masked.
    p_mask, q_mask : boolean arrays of the same shapes
    shifts : ShiftRange
        Shifts of q in pixels of p.
    min_pixels : int
        Overlaps with fewer common pixels are not judged (NaN).
    """
    sums = _sums_over_overlap(p, q, p_mask, q_mask, shifts)
    if sums is None:
        shape = (shifts.y1 - shifts.y0 + 1, shifts.x1 - shifts.x0 + 1)
        return CorrelationMap(shifts, np.full(shape, np.nan), np.zeros(shape))
    n, sum_p, sum_q, sum_pp, sum_qq, sum_pq = sums
    count = np.maximum(np.round(n), 1)
    p_power = sum_pp - sum_p**2 / count
    q_power = sum_qq - sum_q**2 / count
    enough = (
        (np.round(n) >= min_pixels)
        & (p_power > 1e-6 * max(sum_pp.max(), 1e-30))
        & (q_power > 1e-6 * max(sum_qq.max(), 1e-30))
    )
    scale = np.sqrt(np.where(enough, p_power * q_power, 1.0))
    correlation = np.where(enough, (sum_pq - sum_p * sum_q / count) / scale, np.nan)
    return CorrelationMap(shifts, np.clip(correlation, -1, 1), np.round(n))


def _sums_over_overlap(
    p: NDArray, q: NDArray, p_mask: Mask, q_mask: Mask, shifts: ShiftRange
) -> list[NDArray[np.float64]] | None:
    """Count and sums of p, q, pp, qq, pq over the overlap, per shift; None without any overlap."""
    import scipy.fft

    p_window, q_window = common_windows(p.shape, q.shape, shifts)
    if not (p_window.width and p_window.height and q_window.width and q_window.height):
        return None
    dx = np.arange(shifts.x0, shifts.x1 + 1) + q_window.x0 - p_window.x0
    dy = np.arange(shifts.y0, shifts.y1 + 1) + q_window.y0 - p_window.y0
    size = (
        scipy.fft.next_fast_len(_length(p_window.height, q_window.height, dy), real=True),
        scipy.fft.next_fast_len(_length(p_window.width, q_window.width, dx), real=True),
    )

    def spectrum(image: NDArray) -> NDArray:
        return scipy.fft.rfft2(image.astype(np.float64), size)

    a, b = p[p_window.slices], q[q_window.slices]
    one, p_, pp = (spectrum(v) for v in (p_mask[p_window.slices], a, np.square(a)))
    uno, q_, qq = (np.conj(spectrum(v)) for v in (q_mask[q_window.slices], b, np.square(b)))
    where = np.ix_(dy % size[0], dx % size[1])
    products = (one * uno, p_ * uno, one * q_, pp * uno, one * qq, p_ * q_)
    return [scipy.fft.irfft2(product, size)[where] for product in products]


def _length(p_length: int, q_length: int, lags: NDArray) -> int:
    """Length of the transform for which the lags asked for are free of wrapped-around terms."""
    return int(max(p_length, q_length, p_length - lags[0], lags[-1] + q_length))
