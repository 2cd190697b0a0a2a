"""Both images of a pair, cut to where they may overlap, at several scales.

A *shift* (dx, dy) is where the pixel (0, 0) of q lies in the pixel coordinates of p (see
`shifts.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

from renderapi.matching.candidates import Band
from renderapi.matching.contrast import Mask, halved
from renderapi.matching.shifts import ShiftRange, common_windows, overlap

MAX_PIXELS = 1 << 18
"""Overlaps with more pixels than this are searched at a reduced scale first."""
MIN_THICKNESS = 48
"""An overlap is not reduced to fewer pixels than this across for the first search."""
NULL_RADIUS = 10
"""Shifts are examined at least this far around the prior, to know what chance gives."""
SMOOTHINGS = (1.0, 2.0, 4.0)
"""Low-passes (standard deviation, pixels) tried where noise hides the detail and the overlap is too
thin to be reduced."""


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
class Scale:
    """Both images, cut to the search area, at one scale; `offset` + own shift = shift of the cuts.

    `prior` is in pixels of this scale and of the cut images.
    """

    p: NDArray
    q: NDArray
    p_mask: Mask
    q_mask: Mask
    prior: tuple[float, float]
    offset: tuple[float, float]

    def reduced(self) -> Scale:
        """The same at half the scale."""
        p, p_mask = halved(self.p, self.p_mask)
        q, q_mask = halved(self.q, self.q_mask)
        prior = (self.prior[0] / 2, self.prior[1] / 2)
        return Scale(p, q, p_mask, q_mask, prior, self.offset)


def cut(
    p: NDArray,
    q: NDArray,
    p_mask: Mask,
    q_mask: Mask,
    prior: tuple[float, float],
    radius: tuple[float, float],
) -> Scale:
    """Parts of the images that overlap under any of the shifts."""
    shifts = ShiftRange.around(prior, radius, margin=2 * NULL_RADIUS)
    a, b = common_windows(p.shape, q.shape, shifts)
    offset = (float(a.x0 - b.x0), float(a.y0 - b.y0))
    local = (prior[0] - offset[0], prior[1] - offset[1])
    return Scale(p[a.slices], q[b.slices], p_mask[a.slices], q_mask[b.slices], local, offset)
