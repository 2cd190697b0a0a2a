"""Which of several shifts of a texture that repeats itself is right: the one that leaves nothing.

Where a lattice is most of both pictures, every shift by a period agrees about as well. But only one
lets each picture be explained by the other to the last grey level, in a light that is fitted along.
"""

from __future__ import annotations

import numpy as np

from renderapi.matching.grey_fit import MARGIN, OFFSET_DEGREE, refine_grey
from renderapi.matching.light_free import light_free_map
from renderapi.matching.peaks import PEAK_RADIUS, parabola_top
from renderapi.matching.scales import Scale
from renderapi.matching.shifts import ShiftRange, overlap, thickness
from renderapi.matching.subpixel import Refined

MAX_PIXELS = 1 << 17
"""Search areas of more pixels than this are not looked at: it would take too long."""
MAX_TRIED = 80
"""Shifts that are fitted."""
LEAST = 0.3
"""Correlation of those shifts."""
CLEARLY_LESS = 0.5
"""The right shift leaves less than this share of what any other leaves (mean squares)."""
LEAST_ACROSS = 2 * MARGIN + OFFSET_DEGREE + 1
"""Pixels that an overlap is across at least: of fewer rows than the light has terms nothing is
left, whatever the pictures show."""
FAR_LESS, SAME_DETAIL = 0.35, 0.98
"""That share, and the least correlation of the gradients, where pictures may be unrelated."""


def least_remainder(
    scale: Scale, radius: tuple[float, float], min_pixels: int, *, beyond_chance: bool
) -> tuple[tuple[float, float], Refined] | None:
    """The shift that explains both pictures clearly better than any other within reach.

    Parameters
    ----------
    scale : Scale
        Both pictures at full scale.
    radius : (rx, ry)
        Of the search, pixels.
    min_pixels : int
        Overlaps with fewer common pixels are not judged.
    beyond_chance : bool
        The pictures are known to show the same; if not, more is asked.

    Returns
    -------
    shift and fit, or None where no shift is clearly better than the others. The shift is that of
    the images before they were cut.
    """
    if scale.p.size > MAX_PIXELS:
        return None
    fits = [
        (_place(scale, shift, fit), fit)
        for shift, rest in _starts(scale, radius, min_pixels)
        if np.isfinite((fit := _fitted(scale, shift, rest)).error)
    ]
    if not fits:
        return None
    place, best = min(fits, key=lambda found: found[1].unexplained)
    others = [fit.unexplained for other, fit in fits if _apart(place, other) > PEAK_RADIUS]
    most = CLEARLY_LESS if beyond_chance else FAR_LESS
    if others and best.unexplained > most * min(others):
        return None
    if not beyond_chance and (not others or best.correlation < SAME_DETAIL):
        return None
    return place, best


def _starts(
    scale: Scale, radius: tuple[float, float], min_pixels: int
) -> list[tuple[tuple[int, int], tuple[float, float]]]:
    """Whole-pixel shifts (of the cuts) that agree best near by, and the rests of their peaks."""
    from scipy.ndimage import maximum_filter

    shifts = ShiftRange.around(scale.prior, radius, margin=1)
    found, _ = light_free_map(scale.p, scale.q, scale.p_mask, scale.q_mask, shifts, min_pixels)
    found[thickness(scale.p.shape, scale.q.shape, shifts) < LEAST_ACROSS] = np.nan
    found = np.nan_to_num(found, nan=-1.0)
    rows, columns = np.nonzero((found == maximum_filter(found, 3)) & (found > LEAST))
    best = np.argsort(-found[rows, columns], kind="stable")[:MAX_TRIED]
    return [
        (
            (shifts.x0 + int(i), shifts.y0 + int(j)),
            (parabola_top(found[j], i), parabola_top(found[:, i], j)),
        )
        for j, i in zip(rows[best], columns[best], strict=True)
    ]


def _fitted(scale: Scale, shift: tuple[int, int], rest: tuple[float, float]) -> Refined:
    a, b = overlap(scale.p.shape, scale.q.shape, shift)
    shown = scale.p_mask[a.slices] & scale.q_mask[b.slices]
    return refine_grey(scale.p[a.slices], scale.q[b.slices], shown, rest)


def _place(scale: Scale, shift: tuple[int, int], fit: Refined) -> tuple[float, float]:
    x, y = (float(s + r + o) for s, r, o in zip(shift, fit.rest, scale.offset, strict=True))
    return x, y


def _apart(one: tuple[float, float], two: tuple[float, float]) -> float:
    return float(np.abs(np.subtract(one, two)).max())
