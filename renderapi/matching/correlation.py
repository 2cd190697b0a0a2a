"""Shift between two images that overlap, by normalised cross-correlation.

This is the first way a pair of neighbouring tiles is matched: the stage tells where the overlap is
to within the search radius, and every shift within it is tried. The answer is a list of candidates,
best first, so that a later solve over all tiles can choose another one where the picture leaves it
open; `verdict` says whether the first stands by itself.

A *shift* (dx, dy) is where the pixel (0, 0) of q lies in the pixel coordinates of p (see
`shifts.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.candidates import (
    Band,
    Candidate,
    Chance,
    TranslationLimits,
    has_rival,
    verdict,
)
from renderapi.matching.contrast import Mask, band_passed, content_mask
from renderapi.matching.correlation_map import correlation_map
from renderapi.matching.light_free import plausible_distance
from renderapi.matching.peaks import PEAK_RADIUS, Peak, find_peaks
from renderapi.matching.refinement import DETAIL, MAX_FIT_PIXELS, refined, unrefined
from renderapi.matching.remainder import least_remainder
from renderapi.matching.scales import NULL_RADIUS, SMOOTHINGS, Scale, bands_of, cut
from renderapi.matching.shifts import ShiftRange

CLEAR = 1.5
"""Agreement so many times as far above chance as it must be needs no look at other bands."""
DOUBT = 1.0
"""Shifts that explain the pictures as well lie this far off, pixels: then there is doubt."""
NEAR = 8.0
"""Pixels by which bands may differ about one shift."""
FEWEST_PIXELS = 100
"""Overlaps of fewer common pixels than this are not judged, at whatever scale."""


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
    whole = cut(p_image, q_image, p_mask, q_mask, prior_shift, radius)
    bands = bands_of(p_image.shape, q_image.shape, prior_shift, radius)
    # a fixed limit is for pictures as they are
    bands = [band for band in bands[: limits.bands] if not band[1] or band in limits.chance]
    tried: list[list[Candidate]] = []
    for band, scales in _at_scales(whole, bands):
        peaks = _search(scales[-1], band, radius, limits.pixels, max_candidates, sigma)
        if not peaks:
            continue
        candidates, surplus = _candidates(scales, band, peaks, limits, sigma)
        if not verdict(candidates, limits) and (surplus >= CLEAR or not limits.chance):
            return _judged(candidates, whole, radius, limits)
        tried.append(candidates)
    return _judged(_decided(tried, limits), whole, radius, limits)


def _at_scales(whole: Scale, bands: Sequence[Band]) -> Iterator[tuple[Band, list[Scale]]]:
    """Each band, and both images from full scale down to its scale, reduced when first needed."""
    scales = [whole]
    for band in bands:
        while len(scales) <= band[0]:
            scales.append(scales[-1].reduced())
        yield band, scales[: band[0] + 1]


def _candidates(
    scales: list[Scale], band: Band, peaks: list[Peak], limits: TranslationLimits, sigma: float
) -> tuple[list[Candidate], float]:
    """What peaks stand for, made exact as far as it matters; how far the best is above chance."""
    candidates = [unrefined(scales, peak, band[1]) for peak in peaks]
    surplus = limits.surplus(candidates[0])
    if surplus >= 1 or limits.chance:
        candidates[0] = refined(scales, peaks[0], sigma, band[1])
    doubtful = has_rival(candidates, limits) or bool(verdict(candidates, limits))
    if surplus >= 1 and doubtful:  # what else it may be, is then asked
        rest = (refined(scales, peak, sigma, band[1]) for peak in peaks[1:])
        candidates = [candidates[0], *rest]
    return candidates, surplus


def _judged(
    candidates: list[Candidate],
    scale: Scale,
    radius: tuple[float, float],
    limits: TranslationLimits,
) -> list[Candidate]:
    """The candidates, or one alone where one shift alone lets the pictures explain each other.

    Of a lattice several shifts agree about as well, and so do those of unrelated pictures that
    share one. What is believed is given up only for a shift that explains far more.
    """
    if not candidates or not limits.chance:
        return candidates
    believed = limits.surplus(candidates[0]) >= 1
    reason = verdict(candidates, limits)
    found = least_remainder(scale, radius, limits.pixels, beyond_chance=believed and bool(reason))
    if found is None:
        return _doubted(candidates, scale, limits)
    shift, fit = found
    sure = replace(
        candidates[0],
        shift=shift,
        correlation=fit.correlation,
        error=fit.error,
        explained=True,
    )
    return candidates if not reason and _apart(sure, candidates[0]) <= 1 else [sure]


def _doubted(
    candidates: list[Candidate], scale: Scale, limits: TranslationLimits
) -> list[Candidate]:
    """The candidates, the first as uncertain as the pictures at full scale say, if that is more.

    Where light or noise leave little of the pictures, what a search of smoothed ones finds looks
    exact and is some pixels off.
    """
    if not limits.chance or verdict(candidates, limits) or scale.p.size > MAX_FIT_PIXELS:
        return candidates
    first = candidates[0]
    x, y = (v - o for v, o in zip(first.shift, scale.offset, strict=True))
    pictures = scale.p, scale.q, scale.p_mask, scale.q_mask
    smoothing = max(SMOOTHINGS[0], first.smoothing, 2**first.level / 2)
    distance = plausible_distance(*pictures, (x, y), FEWEST_PIXELS, smoothing)
    if distance <= DOUBT:
        return candidates
    return [replace(first, error=max(first.error, distance)), *candidates[1:]]


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
    whole = cut(p_image, q_image, p_mask, q_mask, prior_shift, radius)
    bands = bands_of(p_image.shape, q_image.shape, prior_shift, radius)
    found = {}
    for band, scales in _at_scales(whole, bands):
        peaks = _search(scales[-1], band, radius, pixels, 1, sigma)
        if peaks:
            found[band] = Chance(peaks[0].significance, peaks[0].correlation)
    return found


def _search(
    scale: Scale,
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
