"""Shift between two images that overlap, by normalised cross-correlation.

This is the first way a pair of neighbouring tiles is matched: the stage tells where the overlap is
to within the search radius, and every shift within it is tried. The answer is a list of candidates,
best first, so that a later solve over all tiles can choose another one where the picture leaves it
open; `verdict` says whether the first stands by itself.

A *shift* (dx, dy) is where the pixel (0, 0) of q lies in the pixel coordinates of p (see
`shifts.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask, band_passed, content_mask, halved
from renderapi.matching.correlation_map import correlation_map
from renderapi.matching.grey_fit import refine_grey
from renderapi.matching.peaks import PEAK_RADIUS, Peak, find_peaks
from renderapi.matching.shifts import ShiftRange, common_windows, overlap
from renderapi.matching.subpixel import SMOOTHING, refine

MAX_PIXELS = 1 << 18
"""Overlaps with more pixels than this are searched at a reduced scale first."""
MAX_FIT_PIXELS = 1 << 19
"""A shift is not refined at scales at which the search area has more pixels than this."""
MIN_THICKNESS = 48
"""An overlap is not reduced to fewer pixels than this across for the first search."""
NULL_RADIUS = 10
"""Shifts are examined at least this far around the prior, to know what chance gives."""
SMOOTHINGS = (1.0, 2.0, 4.0)
"""Low-passes (standard deviation, pixels) tried where noise hides the detail and the overlap is too
thin to be reduced."""
ATTEMPTS = 3
"""A fit is made anew from where it has led, when that is another whole pixel, so many times."""
SETTLED = 0.6
"""A fit has come to its end where it lies within so much of a pixel of its start."""
WIDER = 2.0
"""Low-pass of the fit that helps where the usual one does not converge."""
SAME = 0.1
"""Two ways to fit a shift that differ by less than this are of one opinion, pixels."""
COARSE_MARGIN = 1.1
"""Low-passed pictures also agree by the rims of their tiles: they must agree better by this."""
CLEAR = 1.5
"""Agreement so many times as far above chance as it must be needs no look at other bands."""
NEAR = 8.0
"""Pixels by which bands may differ about one shift."""
CLOSE, MUCH_LESS = 0.9, 0.4
"""Correlation of pictures that are the same, but for noise; one part of what is left unexplained
at another shift."""
DETAIL = 0.6
"""Correlation of the detail of both pictures below which it is smoothed away before a fit."""
WORSE = 1.2
"""A smoother fit may have an error that is larger by this factor: that of the other is too low."""
COARSER = 6.0
"""High-pass of such a fit, pixels."""
FEWEST_PIXELS = 100
"""Overlaps of fewer common pixels than this are not judged, at whatever scale."""

Band = tuple[int, float]
"""What a search looks at: the scale 1 / 2**level, and the low-pass at that scale (0: none)."""


class Chance(NamedTuple):
    """What the best shift of unrelated pictures reaches: significance and correlation."""

    significance: float
    correlation: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """One possible shift of q against p.

    Attributes
    ----------
    shift : (dx, dy)
        Where the pixel (0, 0) of q lies in the pixels of p.
    correlation : float
        Pearson's correlation of the two overlaps (high-passed), -1 to 1; 1 for identical pixels;
        at the finest scale at which the shift was refined.
    significance : float
        How far the correlation stands out from that of the other shifts, in standard deviations
        of those; more than 6 does not happen by chance.
    pixels : int
        Number of pixels both images have, at the scale of the search.
    level : int
        The search was made at a scale of 1 / 2**level.
    error : float
        Standard error of the shift in pixels, infinity when the fit did not converge.
    searched : float
        The correlation at the scale of the search: more than `correlation` where noise, or the
        change from one section to the next, hides the detail.
    smoothing : float
        Low-pass of the search, pixels of its scale.
    """

    shift: tuple[float, float]
    correlation: float
    significance: float
    pixels: int
    level: int
    error: float
    searched: float
    smoothing: float = 0.0

    @property
    def band(self) -> Band:
        return self.level, self.smoothing


@dataclass(frozen=True, slots=True)
class TranslationLimits:
    """What a shift must reach to be believed.

    Attributes
    ----------
    significance : float
        Least significance of the best candidate, where `chance` does not tell.
    correlation : float
        Least correlation of the two overlaps, at the scale of the search or at a finer one.
    second : float
        The next best candidate may be at most this fraction as far above chance as the best; more
        means that the texture repeats itself.
    error : float
        Most standard error of a shift, pixels.
    pixels : int
        Overlaps of fewer common pixels (at full scale) are not judged.
    chance : mapping of Band to Chance
        What unrelated pairs reach in a band (see `chance.py`): a candidate must exceed either.
    """

    significance: float = 6.0
    correlation: float = 0.15
    second: float = 0.8
    error: float = 0.5
    pixels: int = 300
    chance: Mapping[Band, Chance] = field(default_factory=dict)

    def needed(self, band: Band) -> Chance:
        """What a candidate of a band must exceed."""
        return self.chance.get(band, Chance(self.significance, 1.0))

    def surplus(self, candidate: Candidate) -> float:
        """How far a candidate is above chance: 1 is the limit."""
        needed = self.needed(candidate.band)
        by_correlation = np.arctanh(min(candidate.searched, 0.9999)) / np.arctanh(
            min(needed.correlation, 0.99999)
        )
        if candidate.smoothing:
            by_correlation /= COARSE_MARGIN
        return float(max(candidate.significance / max(needed.significance, 1e-9), by_correlation))


def match_translation(
    p_image: NDArray,
    q_image: NDArray,
    prior_shift: tuple[float, float],
    search_radius: float | tuple[float, float],
    *,
    p_mask: Mask | None = None,
    q_mask: Mask | None = None,
    limits: TranslationLimits | None = None,
    max_candidates: int = 4,
    sigma: float = 3.0,
) -> list[Candidate]:
    """Shifts of q against p that the overlap supports, best first.

    Parameters
    ----------
    p_image, q_image : (H, W) arrays
        Grey values of any number type; the sizes may differ.
    prior_shift : (dx, dy)
        Expected shift: the expected place of pixel (0, 0) of q in pixels of p.
    search_radius : float or (rx, ry)
        Shifts within this distance of the prior, in x and in y, are tried (pixels).
    p_mask, q_mask : boolean arrays of the images' shapes, optional
        Pixels that count; by default those that `contrast.content_mask` finds.
    limits : TranslationLimits, optional
        `limits.pixels` bounds the overlaps tried, the others say when to look no further.
    max_candidates : int
        Most candidates returned.
    sigma : float
        Of the high-pass, in pixels of each scale tried (see `contrast.normalised`).

    Returns
    -------
    list of Candidate, empty when no shift in range leaves enough common pixels. The search starts
    at the scale that suits the size of the overlap; other scales follow while no candidate is
    believable.
    """
    limits = limits or TranslationLimits()
    radius = search_radius if isinstance(search_radius, tuple) else (search_radius, search_radius)
    p_mask = content_mask(p_image) if p_mask is None else p_mask
    q_mask = content_mask(q_image) if q_mask is None else q_mask
    scales = [_cut(p_image, q_image, p_mask, q_mask, prior_shift, radius)]
    tried: list[list[Candidate]] = []
    for band in bands_of(p_image.shape, q_image.shape, prior_shift, radius):
        if band[1] and band not in limits.chance:
            continue  # a fixed limit is for pictures as they are
        while len(scales) <= band[0]:
            scales.append(scales[-1].reduced())
        peaks = _search(scales[band[0]], band, radius, limits.pixels, max_candidates, sigma)
        upto = scales[: band[0] + 1]
        candidates = [_unrefined(upto, peak, band[1]) for peak in peaks]
        if not candidates:
            continue
        surplus = limits.surplus(candidates[0])
        if surplus >= 1:
            candidates = [_refined(upto, peak, sigma, band[1]) for peak in peaks]
        elif limits.chance:
            candidates[0] = _refined(upto, peaks[0], sigma, band[1])
        if not verdict(candidates, limits) and (surplus >= CLEAR or not limits.chance):
            return candidates
        tried.append(candidates)
    return _decided(tried, limits)


def _decided(tried: list[list[Candidate]], limits: TranslationLimits) -> list[Candidate]:
    """The candidates of the band that is furthest above chance, the first of them made exact.

    Near the rim of a tile coarse bands mistake a shift by some pixels, and what the light makes of
    fine ones is little above chance. Where the bands are not of one opinion, the shift is taken at
    which the detail of both pictures agrees best, of those near the one that is above chance.
    """
    if not tried:
        return []
    best = max(tried, key=lambda candidates: limits.surplus(candidates[0]))
    first = best[0]
    near = [c[0] for c in tried if _apart(c[0], first) <= NEAR and np.isfinite(c[0].error)]
    fine = [c for c in near if c.level == first.level and c.correlation >= DETAIL]
    exact = max(fine, key=lambda c: c.correlation, default=None)
    if exact is None or limits.surplus(first) < 1 or _apart(exact, first) <= 1:
        good = [candidates for candidates in tried if not verdict(candidates, limits)]
        return max(good, key=lambda candidates: limits.surplus(candidates[0]), default=best)
    others = [c for c in best[1:] if _apart(c, exact) > PEAK_RADIUS]
    return [
        replace(first, shift=exact.shift, correlation=exact.correlation, error=exact.error),
        *others,
    ]


def _apart(one: Candidate, two: Candidate) -> float:
    """Distance of two shifts along x or y, pixels."""
    return max(abs(a - b) for a, b in zip(one.shift, two.shift, strict=True))


def search_significances(
    p_image: NDArray,
    q_image: NDArray,
    prior_shift: tuple[float, float],
    search_radius: float,
    p_mask: Mask,
    q_mask: Mask,
    *,
    pixels: int = 300,
    sigma: float = 3.0,
) -> dict[Band, Chance]:
    """What the best shift reaches in every band that `match_translation` would try."""
    radius = (search_radius, search_radius)
    scales = [_cut(p_image, q_image, p_mask, q_mask, prior_shift, radius)]
    found = {}
    for band in bands_of(p_image.shape, q_image.shape, prior_shift, radius):
        while len(scales) <= band[0]:
            scales.append(scales[-1].reduced())
        peaks = _search(scales[band[0]], band, radius, pixels, 1, sigma)
        if peaks:
            found[band] = Chance(peaks[0].significance, peaks[0].correlation)
    return found


def verdict(candidates: list[Candidate], limits: TranslationLimits | None = None) -> str:
    """Why the first candidate cannot be believed by itself; empty when it can."""
    limits = limits or TranslationLimits()
    if not candidates:
        return (
            "no shift within the search radius stands out and leaves "
            f"{limits.pixels} common pixels with content"
        )
    first = candidates[0]
    needed = limits.needed(first.band)
    if limits.surplus(first) < 1:
        return (
            f"blank or unrelated overlap: the best shift has a significance of "
            f"{first.significance:.1f}, {needed.significance:.3g} is needed"
        )
    if not np.isfinite(first.error):
        return f"the fit around the shift ({first.shift[0]:.0f}, {first.shift[1]:.0f}) does not end"
    if first.error > limits.error:
        return f"the shift is uncertain by {first.error:.2f} px, {limits.error:g} is tolerable"
    correlation = max(first.correlation, first.searched)
    if correlation < limits.correlation:
        return f"correlation of {correlation:.2f} is below {limits.correlation:g}"
    if len(candidates) > 1:
        ratio = limits.surplus(candidates[1]) / limits.surplus(first)
        if ratio > limits.second and not _explains(first, candidates[1]):
            (x, y), (x2, y2) = first.shift, candidates[1].shift
            return (
                f"ambiguous: shifts ({x:.1f}, {y:.1f}) and ({x2:.1f}, {y2:.1f}) "
                "are about equally good"
            )
    return ""


def _explains(first: Candidate, second: Candidate) -> bool:
    """Whether one shift leaves clearly less of the pictures unexplained than another."""
    rest = 1 - first.correlation
    return first.correlation > CLOSE and rest < MUCH_LESS * (1 - second.correlation)


def bands_of(
    p_shape: tuple[int, ...],
    q_shape: tuple[int, ...],
    prior: tuple[float, float],
    radius: tuple[float, float],
) -> list[Band]:
    """Bands to try: the suitable scale, coarser ones, finer ones, then low-passes of the finest."""
    nearest = (round(prior[0]), round(prior[1]))
    window, _ = overlap(p_shape, q_shape, nearest)
    thickness = min(window.width, window.height)
    area = (window.width + 2 * radius[0]) * (window.height + 2 * radius[1])
    start = 0
    while area > MAX_PIXELS * 4**start and thickness >= MIN_THICKNESS * 2 ** (start + 1):
        start += 1
    coarsest = start
    while coarsest < start + 2 and thickness >= MIN_THICKNESS // 2 * 2 ** (coarsest + 1):
        coarsest += 1
    levels = [*range(start, coarsest + 1), *range(start - 1, -1, -1)]
    smoothings = [s for s in SMOOTHINGS if start == 0 and thickness >= 3 * s]
    return [*((level, 0.0) for level in levels), *((0, smoothing) for smoothing in smoothings)]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Both images, cut to the search area, at one scale; `offset` + own shift = shift of the cuts.

    `prior` is in pixels of this scale and of the cut images.
    """

    p: NDArray
    q: NDArray
    p_mask: Mask
    q_mask: Mask
    prior: tuple[float, float]
    offset: tuple[float, float]

    def reduced(self) -> _Scale:
        """The same at half the scale."""
        p, p_mask = halved(self.p, self.p_mask)
        q, q_mask = halved(self.q, self.q_mask)
        prior = (self.prior[0] / 2, self.prior[1] / 2)
        return _Scale(p, q, p_mask, q_mask, prior, self.offset)


def _cut(
    p: NDArray,
    q: NDArray,
    p_mask: Mask,
    q_mask: Mask,
    prior: tuple[float, float],
    radius: tuple[float, float],
) -> _Scale:
    """Parts of the images that overlap under any of the shifts."""
    shifts = ShiftRange.around(prior, radius, margin=2 * NULL_RADIUS)
    a, b = common_windows(p.shape, q.shape, shifts)
    offset = (float(a.x0 - b.x0), float(a.y0 - b.y0))
    local = (prior[0] - offset[0], prior[1] - offset[1])
    return _Scale(p[a.slices], q[b.slices], p_mask[a.slices], q_mask[b.slices], local, offset)


def _search(
    scale: _Scale,
    band: Band,
    radius: tuple[float, float],
    min_pixels: int,
    count: int,
    sigma: float,
) -> list[Peak]:
    """Best shifts at one scale, in its pixels."""
    if min(*scale.p.shape, *scale.q.shape) < 3:
        return []
    level, smoothing = band
    reach = (radius[0] / 2**level, radius[1] / 2**level)
    wide = (max(reach[0], NULL_RADIUS), max(reach[1], NULL_RADIUS))
    found = correlation_map(
        band_passed(scale.p, scale.p_mask, sigma, smoothing),
        band_passed(scale.q, scale.q_mask, sigma, smoothing),
        scale.p_mask,
        scale.q_mask,
        ShiftRange.around(scale.prior, wide, margin=1),
        max(min_pixels // 4**level, FEWEST_PIXELS) if min_pixels > FEWEST_PIXELS else min_pixels,
    )
    return find_peaks(
        found, ShiftRange.around(scale.prior, reach), count, PEAK_RADIUS + round(2 * smoothing)
    )


def _unrefined(scales: list[_Scale], peak: Peak, smoothing: float) -> Candidate:
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


def _refined(scales: list[_Scale], peak: Peak, sigma: float, smoothing: float) -> Candidate:
    """Candidate of a peak of the coarsest of `scales`, refined at finer ones.

    The refinement stops where the overlap has more pixels than a fit to a small fraction of a
    pixel needs, or no longer agrees, as happens where the tiles are distorted against each other
    by more than a pixel of that scale, or where noise hides the detail.
    """
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
        shift, error = _sharpened(*here) if correlation > DETAIL else _smoother(*here)
        shift, error = shift * 2**finest, error * 2**finest
    place = (shift[0] + scales[0].offset[0], shift[1] + scales[0].offset[1])
    return Candidate(
        (float(place[0]), float(place[1])),
        correlation,
        peak.significance,
        peak.pixels,
        top,
        error,
        peak.correlation,
        smoothing,
    )


def _sharpened(
    scale: _Scale, shift: NDArray[np.float64], error: float
) -> tuple[NDArray[np.float64], float]:
    """Shift fitted to the grey values and its error, where they tell it as well and the same."""
    whole = np.round(shift)
    a, b = overlap(scale.p.shape, scale.q.shape, (int(whole[0]), int(whole[1])))
    if min(a.width, a.height) < 3:
        return shift, error
    cuts = scale.p[a.slices], scale.q[b.slices], scale.p_mask[a.slices] & scale.q_mask[b.slices]
    rest = shift - whole
    found = refine_grey(*cuts, (float(rest[0]), float(rest[1])))
    if found.correlation < DETAIL / 2:
        return shift, error
    off = np.abs(rest - found.rest).max()
    if found.error > max(SAME, 2 * error) or off > max(SAME, 5 * (error + found.error)):
        return shift, error
    return whole + np.array(found.rest), found.error


def _smoother(
    scale: _Scale, shift: NDArray[np.float64], error: float
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
    scale: _Scale, shift: NDArray[np.float64], sigma: float, smoothing: float
) -> tuple[NDArray[np.float64], float, float] | None:
    """Shift, correlation and standard error fitted at one scale; None without an overlap.

    Where noise keeps the fit from converging, a smoother one says where to start again.
    """
    fit = None
    for _ in range(ATTEMPTS if smoothing <= SMOOTHING else 2 * ATTEMPTS):
        whole = np.round(shift)
        a, b = overlap(scale.p.shape, scale.q.shape, (int(whole[0]), int(whole[1])))
        if min(a.width, a.height) < 3:
            return fit
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
