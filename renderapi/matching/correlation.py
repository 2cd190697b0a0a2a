"""Shift between two images that overlap, by normalised cross-correlation.

This is the first way a pair of neighbouring tiles is matched: the stage tells where the overlap is
to within the search radius, and every shift within it is tried. The answer is a list of candidates,
best first, so that a later solve over all tiles can choose another one where the picture leaves it
open; `verdict` says whether the first stands by itself.

A *shift* (dx, dy) is where the pixel (0, 0) of q lies in the pixel coordinates of p (see
`shifts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask, content_mask, halved, normalised
from renderapi.matching.correlation_map import correlation_map
from renderapi.matching.peaks import Peak, find_peaks
from renderapi.matching.shifts import ShiftRange, common_windows, overlap
from renderapi.matching.subpixel import refine

MAX_PIXELS = 1 << 18
"""Overlaps with more pixels than this are searched at a reduced scale first."""
MAX_FIT_PIXELS = 1 << 19
"""A shift is not refined at scales at which the search area has more pixels than this."""
MIN_THICKNESS = 48
"""An overlap is not reduced to fewer pixels than this across for the first search."""
NULL_RADIUS = 10
"""Shifts are examined at least this far around the prior, to know what chance gives."""


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
    """

    shift: tuple[float, float]
    correlation: float
    significance: float
    pixels: int
    level: int
    error: float
    searched: float


@dataclass(frozen=True, slots=True)
class TranslationLimits:
    """What a shift must reach to be believed.

    Attributes
    ----------
    significance : float
        Least significance of the best candidate.
    correlation : float
        Least correlation of the two overlaps, at the scale of the search or at a finer one.
    second : float
        The next best candidate may have at most this fraction of the significance of the best;
        more means that the texture repeats itself.
    pixels : int
        Overlaps of fewer common pixels are not judged.
    """

    significance: float = 6.0
    correlation: float = 0.15
    second: float = 0.8
    pixels: int = 300


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
    best: list[Candidate] = []
    for level in _order_of_levels(p_image.shape, q_image.shape, prior_shift, radius):
        while len(scales) <= level:
            scales.append(scales[-1].reduced())
        candidates = _search(scales, level, radius, limits.pixels, max_candidates, sigma)
        if not verdict(candidates, limits):
            return candidates
        if candidates and (not best or candidates[0].significance > best[0].significance):
            best = candidates
    return best


def verdict(candidates: list[Candidate], limits: TranslationLimits | None = None) -> str:
    """Why the first candidate cannot be believed by itself; empty when it can."""
    limits = limits or TranslationLimits()
    if not candidates:
        return (
            "no shift within the search radius stands out and leaves "
            f"{limits.pixels} common pixels with content"
        )
    first = candidates[0]
    if first.significance < limits.significance:
        return (
            f"blank or unrelated overlap: the best shift has a significance of "
            f"{first.significance:.1f}, {limits.significance:g} is needed"
        )
    correlation = max(first.correlation, first.searched)
    if correlation < limits.correlation:
        return f"correlation of {correlation:.2f} is below {limits.correlation:g}"
    if len(candidates) > 1:
        ratio = candidates[1].significance / first.significance
        exact = first.correlation > 0.999 and candidates[1].correlation < 0.99
        if ratio > limits.second and not exact:
            (x, y), (x2, y2) = first.shift, candidates[1].shift
            return (
                f"ambiguous: shifts ({x:.1f}, {y:.1f}) and ({x2:.1f}, {y2:.1f}) "
                "are about equally good"
            )
    return ""


def _order_of_levels(
    p_shape: tuple[int, ...],
    q_shape: tuple[int, ...],
    prior: tuple[float, float],
    radius: tuple[float, float],
) -> list[int]:
    """Powers of two of the reductions to try: the suitable one, coarser ones, then finer ones."""
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
    return [*range(start, coarsest + 1), *range(start - 1, -1, -1)]


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
    scales: list[_Scale],
    level: int,
    radius: tuple[float, float],
    min_pixels: int,
    count: int,
    sigma: float,
) -> list[Candidate]:
    """Candidates found at one scale, refined at that and all finer ones."""
    scale = scales[level]
    if min(*scale.p.shape, *scale.q.shape) < 3:
        return []
    reach = (radius[0] / 2**level, radius[1] / 2**level)
    wide = (max(reach[0], NULL_RADIUS), max(reach[1], NULL_RADIUS))
    found = correlation_map(
        normalised(scale.p, scale.p_mask, sigma),
        normalised(scale.q, scale.q_mask, sigma),
        scale.p_mask,
        scale.q_mask,
        ShiftRange.around(scale.prior, wide, margin=1),
        min_pixels,
    )
    peaks = find_peaks(found, ShiftRange.around(scale.prior, reach), count)
    return [_refined(scales[: level + 1], peak, sigma) for peak in peaks]


def _refined(scales: list[_Scale], peak: Peak, sigma: float) -> Candidate:
    """Candidate of a peak of the coarsest of `scales`, refined at finer ones.

    The refinement stops where the overlap has more pixels than a fit to a small fraction of a
    pixel needs, or no longer agrees, as happens where the tiles are distorted against each other
    by more than a pixel of that scale.
    """
    top = len(scales) - 1
    shift = np.array(peak.shift, float) * 2**top
    correlation, error = peak.correlation, float("inf")
    for level in range(top, -1, -1):
        if level < top and scales[level].p.size > MAX_FIT_PIXELS:
            break
        fit = _fit_overlap(scales[level], shift / 2**level, sigma)
        if fit is None or (level < top and not fit[1] > 0.5 * correlation):
            break
        shift, correlation, error = fit[0] * 2**level, fit[1], fit[2] * 2**level
    place = (shift[0] + scales[0].offset[0], shift[1] + scales[0].offset[1])
    return Candidate(
        (float(place[0]), float(place[1])),
        correlation,
        peak.significance,
        peak.pixels,
        top,
        error,
        peak.correlation,
    )


def _fit_overlap(
    scale: _Scale, shift: NDArray[np.float64], sigma: float
) -> tuple[NDArray[np.float64], float, float] | None:
    """Shift, correlation and standard error fitted at one scale; None without an overlap."""
    whole = np.round(shift)
    a, b = overlap(scale.p.shape, scale.q.shape, (int(whole[0]), int(whole[1])))
    if min(a.width, a.height) < 3:
        return None
    both = scale.p_mask[a.slices] & scale.q_mask[b.slices]
    fit = refine(scale.p[a.slices], scale.q[b.slices], both, sigma)
    return whole + np.array(fit.rest), fit.correlation, fit.error
