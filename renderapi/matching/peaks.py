"""Peaks of a correlation map and how far they stand out from chance."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.correlation_map import CorrelationMap
from renderapi.matching.shifts import ShiftRange

PEAK_RADIUS = 3
"""Pixels around a peak that belong to it."""


class Peak(NamedTuple):
    """A local maximum: integer shift, its correlation, common pixels and significance.

    `rest` is how far beside it the parabolas along x and y through the scores have their tops,
    pixels.
    """

    shift: tuple[int, int]
    correlation: float
    pixels: int
    significance: float
    rest: tuple[float, float] = (0.0, 0.0)


def scores(found: CorrelationMap) -> NDArray[np.float64]:
    """Fisher's z of each correlation times the square root of the number of pixels.

    Under independence this has the same spread for every overlap, however small, so that a high
    correlation over few pixels does not win by chance.
    """
    r = np.clip(found.correlation, -0.9999, 0.9999)
    return np.arctanh(r) * np.sqrt(np.maximum(found.pixels - 3, 0))


def find_peaks(
    found: CorrelationMap, inside: ShiftRange, count: int, radius: int = PEAK_RADIUS
) -> list[Peak]:
    """The `count` best local maxima whose shift lies in the range `inside`, best first.

    The significance of a peak is its score's distance from the median score of the map, in units
    of the spread of the scores (from the median absolute deviation, leaving out the surroundings
    of the best peak). The map itself is thereby the sample of what unrelated content gives.
    Neighbouring scores are correlated, and so is the texture; both are in that spread. `radius` is
    that of the surroundings, pixels.
    """
    from scipy.ndimage import maximum_filter

    score = scores(found)
    known = np.isfinite(score)
    if not known.any():
        return []
    padded = np.where(known, score, -np.inf)
    highest = maximum_filter(padded, size=3, mode="constant", cval=-np.inf)
    maxima = known & (padded == highest) & (padded > 0) & _within(found.shifts, inside)
    rows, columns = np.nonzero(maxima)
    order = np.lexsort((columns, rows, -padded[rows, columns]))
    if not len(order):
        return []
    best = (int(rows[order[0]]), int(columns[order[0]]))
    centre, spread = _chance(score, best, radius)
    return [
        Peak(
            (found.shifts.x0 + int(columns[k]), found.shifts.y0 + int(rows[k])),
            float(found.correlation[rows[k], columns[k]]),
            int(found.pixels[rows[k], columns[k]]),
            float((score[rows[k], columns[k]] - centre) / spread),
            (parabola_top(score[rows[k]], columns[k]), parabola_top(score[:, columns[k]], rows[k])),
        )
        for k in _apart(rows, columns, order, count, radius)
    ]


def parabola_top(line: NDArray[np.float64], at: np.intp) -> float:
    """Distance from a maximum of a line to the top of the parabola through its neighbours."""
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = line[at - 1 : at + 2]
    bend = before - 2 * here + after
    return float(0.5 * (before - after) / bend) if np.isfinite(bend) and bend < 0 else 0.0


def _apart(
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    order: NDArray[np.intp],
    count: int,
    radius: int,
) -> list[int]:
    """The first `count` maxima that do not belong to an earlier one."""
    chosen: list[int] = []
    for k in order:
        if len(chosen) == count:
            break
        near = [max(abs(rows[k] - rows[i]), abs(columns[k] - columns[i])) for i in chosen]
        if min(near, default=radius + 1) > radius:
            chosen.append(int(k))
    return chosen


def _within(shifts: ShiftRange, inside: ShiftRange) -> NDArray[np.bool_]:
    x = np.arange(shifts.x0, shifts.x1 + 1)
    y = np.arange(shifts.y0, shifts.y1 + 1)
    return ((y >= inside.y0) & (y <= inside.y1))[:, None] & ((x >= inside.x0) & (x <= inside.x1))


def _chance(score: NDArray[np.float64], best: tuple[int, int], radius: int) -> tuple[float, float]:
    """Median and spread of the scores away from the best one; the spread is at least 1."""
    rest = score.copy()
    j, i = best
    near = (
        slice(max(0, j - radius), j + radius + 1),
        slice(max(0, i - radius), i + radius + 1),
    )
    rest[near] = np.nan
    rest = rest[np.isfinite(rest)]
    if rest.size < 25:
        return 0.0, max(1.0, abs(float(score[best])))
    centre = float(np.median(rest))
    return centre, max(1.0, 1.4826 * float(np.median(np.abs(rest - centre))))
