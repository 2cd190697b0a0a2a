"""A shift that a search has found at some scale, made exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.candidates import Candidate
from renderapi.matching.grey_fit import refine_grey
from renderapi.matching.peaks import Peak
from renderapi.matching.scales import SMOOTHINGS, Scale
from renderapi.matching.shifts import Window, overlap
from renderapi.matching.subpixel import SMOOTHING, refine

MAX_FIT_PIXELS = 1 << 19
"""A shift is not refined at scales at which the search area has more pixels than this."""
QUICK_PIXELS = 1 << 15
"""The middle of an overlap, of so many pixels, tells where a fit to all of it has to start."""
MIN_SIDE = 32
"""The middle has at least so many rows or columns."""
ATTEMPTS = 3
"""A fit is made anew from where it has led, when that is another whole pixel, so many times."""
SETTLED = 0.6
"""A fit has come to its end where it lies within so much of a pixel of its start."""
WIDER = 2.0
"""Low-pass of the fit that helps where the usual one does not converge."""
SAME = 0.1
"""Two ways to fit a shift that differ by less than this are of one opinion, pixels."""
DETAIL = 0.6
"""Correlation of the detail of both pictures below which it is smoothed away before a fit."""
WORSE = 1.2
"""A smoother fit may have an error that is larger by this factor: that of the other is too low."""
COARSER = 6.0
"""High-pass of such a fit, pixels."""


def unrefined(scales: list[Scale], peak: Peak, smoothing: float) -> Candidate:
    """Candidate of a peak of the coarsest of `scales` as it is, to whole pixels of that scale."""
    top = len(scales) - 1
    x, y = (float(v * 2**top + o) for v, o in zip(peak.shift, scales[0].offset, strict=True))
    return Candidate(
        (x, y),
        peak.correlation,
        peak.significance,
        peak.pixels,
        top,
        float("inf"),
        peak.correlation,
        smoothing,
    )


def refined(scales: list[Scale], peak: Peak, sigma: float, smoothing: float) -> Candidate:
    """Candidate of a peak of the coarsest of `scales`, refined at finer ones.

    The refinement stops where the overlap has more pixels than a fit to a small fraction of a
    pixel needs, or no longer agrees, as happens where the tiles are distorted against each other
    by more than a pixel of that scale, or where noise hides the detail.
    """
    quick = None if smoothing else _quickly(scales, peak, sigma)
    if quick is not None:
        return quick
    top = len(scales) - 1
    shift = np.array(peak.shift, float) * 2**top
    correlation, error = peak.correlation, float("inf")
    steps = [(level, SMOOTHING) for level in range(top, -1, -1)]
    if smoothing:
        steps = [(0, s) for s in (*reversed(SMOOTHINGS), SMOOTHING) if s <= smoothing]
    finest, converged = top, False
    for number, (level, low_pass) in enumerate(steps):
        if level < top and scales[level].p.size > MAX_FIT_PIXELS:
            break
        high_pass = sigma * max(1.0, low_pass / SMOOTHING)
        fit = _fit_overlap(scales[level], shift / 2**level, high_pass, low_pass)
        if fit is None or (number and not fit[1] > 0.5 * correlation):
            break
        if smoothing and fit[2] * 2**level > error:
            break
        shift, correlation, error = fit[0] * 2**level, fit[1], fit[2] * 2**level
        finest, converged = level, low_pass == SMOOTHING
    if converged and np.isfinite(error):
        here = scales[finest], shift / 2**finest, error / 2**finest
        sharp = _sharpened(*here) if correlation > DETAIL else _smoother(*here)
        if sharp is not None:
            shift, error = sharp[0] * 2**finest, sharp[1] * 2**finest
    return _candidate(scales, peak, shift, correlation, error, smoothing)


def _candidate(
    scales: list[Scale],
    peak: Peak,
    shift: NDArray[np.float64],
    correlation: float,
    error: float,
    smoothing: float = 0.0,
) -> Candidate:
    """Candidate of a peak at a shift of the cut images, pixels of full scale."""
    x, y = shift + np.array(scales[0].offset)
    return Candidate(
        (float(x), float(y)),
        correlation,
        peak.significance,
        peak.pixels,
        len(scales) - 1,
        error,
        peak.correlation,
        smoothing,
    )


def _quickly(scales: list[Scale], peak: Peak, sigma: float) -> Candidate | None:
    """Candidate of a clear peak of a large overlap: the middle of it, then all grey values.

    None where either does not tell the shift beyond doubt: then all of it has to be fitted, from
    scale to scale.
    """
    top = len(scales) - 1
    sizes = [scale.p.size for scale in scales]
    level = next((n for n in range(top) if sizes[n] <= MAX_FIT_PIXELS), top)
    if level == top:
        return None
    start = (np.array(peak.shift) + peak.rest) * 2 ** (top - level)
    fit = _fit_overlap(scales[level], start, sigma, SMOOTHING, QUICK_PIXELS)
    if fit is None or not np.isfinite(fit[2]) or fit[1] < DETAIL:
        return None
    if np.abs(fit[0] - start).max() > 2 ** (top - level):
        return None
    sharp = _sharpened(scales[level], fit[0], fit[2])
    if sharp is None:
        return None
    return _candidate(scales, peak, sharp[0] * 2**level, fit[1], sharp[1] * 2**level)


def _sharpened(
    scale: Scale, shift: NDArray[np.float64], error: float
) -> tuple[NDArray[np.float64], float] | None:
    """Shift fitted to the grey values and its error, where they tell it as well and the same."""
    whole = np.round(shift)
    a, b = overlap(scale.p.shape, scale.q.shape, (int(whole[0]), int(whole[1])))
    if min(a.width, a.height) < 3:
        return None
    cuts = scale.p[a.slices], scale.q[b.slices], scale.p_mask[a.slices] & scale.q_mask[b.slices]
    rest = shift - whole
    found = refine_grey(*cuts, (float(rest[0]), float(rest[1])))
    if found.correlation < DETAIL / 2:
        return None
    off = np.abs(rest - found.rest).max()
    if found.error > max(SAME, 2 * error) or off > max(SAME, 5 * (error + found.error)):
        return None
    return whole + np.array(found.rest), found.error


def _smoother(
    scale: Scale, shift: NDArray[np.float64], error: float
) -> tuple[NDArray[np.float64], float]:
    """Shift fitted to pictures so smooth that detail is above the noise, and its error."""
    for smoothing in SMOOTHINGS:
        fit = _fit_overlap(scale, shift, COARSER, smoothing)
        if fit is None or not fit[2] < WORSE * error:
            break
        if np.abs(fit[0] - shift).max() > np.clip(5 * (error + fit[2]), SAME, 1.0):
            break
        shift, error = fit[0], fit[2]
        if fit[1] > DETAIL:
            break
    return shift, error


def _fit_overlap(
    scale: Scale,
    shift: NDArray[np.float64],
    sigma: float,
    smoothing: float,
    most: int | None = None,
) -> tuple[NDArray[np.float64], float, float] | None:
    """Shift, correlation and standard error fitted at one scale; None without an overlap.

    Where noise keeps the fit from converging, a smoother one says where to start again. With `most`
    only so many pixels in the middle of the overlap are looked at.
    """
    fit = None
    for _ in range(ATTEMPTS if smoothing <= SMOOTHING else 2 * ATTEMPTS):
        whole = np.round(shift)
        a, b = overlap(scale.p.shape, scale.q.shape, (int(whole[0]), int(whole[1])))
        if min(a.width, a.height) < 3:
            return fit
        if most is not None:
            a, b = _middle(a, most), _middle(b, most)
        cuts = scale.p[a.slices], scale.q[b.slices], scale.p_mask[a.slices] & scale.q_mask[b.slices]
        found = refine(*cuts, sigma, smoothing)
        if not np.isfinite(found.error) and smoothing < WIDER:
            wider = refine(*cuts, sigma * WIDER / SMOOTHING, WIDER)
            if np.isfinite(wider.error):  # correlations at another low-pass do not compare
                found = wider._replace(correlation=found.correlation)
        shift = whole + np.array(found.rest)
        fit = shift, found.correlation, found.error
        if np.abs(found.rest).max() <= SETTLED:
            return fit
    return None if fit is None else (fit[0], fit[1], float("inf"))


def _middle(window: Window, most: int) -> Window:
    """The middle of a window, of about so many pixels at most, cut across its longer side."""
    x0, y0, x1, y1 = window
    if window.width >= window.height:
        keep = min(window.width, max(most // window.height, MIN_SIDE))
        x0 += (window.width - keep) // 2
        return Window(x0, y0, x0 + keep, y1)
    keep = min(window.height, max(most // window.width, MIN_SIDE))
    y0 += (window.height - keep) // 2
    return Window(x0, y0, x1, y0 + keep)
