"""Normalised cross-correlation of two masked images under every shift of a range.

Method: D. Padfield, "Masked object registration in the Fourier domain", IEEE Transactions on Image
Processing 21(5), 2012: the sums that make up Pearson's correlation over the overlap of the two
masks are themselves correlations, hence products in the Fourier domain. Where nothing is masked,
all of them but that of the products are sums over boxes (F. C. Crow, SIGGRAPH 1984).
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
    if p_mask[p_window.slices].all() and q_mask[q_window.slices].all():
        return _sums_over_boxes(p[p_window.slices], q[q_window.slices], dx, dy)
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


def _sums_over_boxes(
    a: NDArray, b: NDArray, dx: NDArray[np.intp], dy: NDArray[np.intp]
) -> list[NDArray[np.float64]]:
    """Count and sums of a, b, aa, bb, ab over the overlap of two boxes, for each (dy, dx)."""
    import cv2
    import scipy.fft

    size = (
        scipy.fft.next_fast_len(_length(a.shape[0], b.shape[0], dy), real=True),
        scipy.fft.next_fast_len(_length(a.shape[1], b.shape[1], dx), real=True),
    )
    a, b = (np.ascontiguousarray(v, np.float32) for v in (a, b))
    spectrum = scipy.fft.rfft2(a, size)
    spectrum *= np.conj(scipy.fft.rfft2(b, size))
    product = scipy.fft.irfft2(spectrum, size)[np.ix_(dy % size[0], dx % size[1])]
    ends = [
        [
            np.clip(lags, 0, n),
            np.clip(lags + m, 0, n),
            np.clip(-lags, 0, m),
            np.clip(n - lags, 0, m),
        ]
        for lags, n, m in zip((dy, dx), a.shape, b.shape, strict=True)
    ]
    (top, bottom, q_top, q_bottom), (left, right, q_left, q_right) = ends
    sums = [
        [_box_sums(np.asarray(t, float), *box) for t in cv2.integral2(image, sdepth=cv2.CV_64F)]
        for image, box in ((a, (top, bottom, left, right)), (b, (q_top, q_bottom, q_left, q_right)))
    ]
    count = np.outer(np.maximum(bottom - top, 0), np.maximum(right - left, 0)).astype(np.float64)
    return [count, sums[0][0], sums[1][0], sums[0][1], sums[1][1], product.astype(np.float64)]


def _box_sums(
    table: NDArray[np.float64],
    top: NDArray[np.intp],
    bottom: NDArray[np.intp],
    left: NDArray[np.intp],
    right: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Sums over boxes from a table of sums; boxes of no extent have none."""
    bottom, right = np.maximum(top, bottom), np.maximum(left, right)
    rows = table[bottom] - table[top]
    return np.asarray(rows[:, right] - rows[:, left])


def _length(p_length: int, q_length: int, lags: NDArray) -> int:
    """Length of the transform for which the lags asked for are free of wrapped-around terms."""
    return int(max(p_length, q_length, p_length - lags[0], lags[-1] + q_length))
