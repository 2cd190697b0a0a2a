"""Share of the overlap of two images that lies near matches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask
from renderapi.matching.models import Matrix, Points
from renderapi.matching.shifts import Window, overlap

MAX_SIDE = 512
"""Areas are counted on a grid of at most this many cells along the longer side."""


def overlap_mask(p_mask: Mask, q_mask: Mask, p_to_q: Matrix) -> Mask:
    """Pixels of p that also q shows, under the map given (pixels of p to pixels of q)."""
    import cv2

    h, w = p_mask.shape
    seen = cv2.warpAffine(
        q_mask.astype(np.uint8),
        p_to_q[:2].astype(np.float64),
        (w, h),
        flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP,
    )
    return p_mask & seen.astype(bool)


def shifted_overlap(p_mask: Mask, q_mask: Mask, shift: tuple[float, float]) -> tuple[Window, Mask]:
    """Part of p that q covers under a shift, to whole pixels, and which pixels of it count.

    Parameters
    ----------
    p_mask, q_mask : boolean arrays
    shift : (dx, dy)
        Where the pixel (0, 0) of q lies in pixels of p.
    """
    a, b = overlap(p_mask.shape, q_mask.shape, (round(shift[0]), round(shift[1])))
    if not (a.width and a.height):
        return Window(0, 0, 0, 0), np.zeros((0, 0), bool)
    return a, p_mask[a.slices] & q_mask[b.slices]


def coverage_percentage(common: Mask, points: Points, radius: float) -> float:
    """Percentage of an area that lies within `radius` of a point.

    Parameters
    ----------
    common : (H, W) boolean array
        The area: the overlap in pixels of p.
    points : (N, 2) array
        Matches in pixels of p.
    radius : float
        Pixels.

    Returns
    -------
    float, 0 to 100; 0 for an empty area. Counted on a grid of at most 512 cells a side.
    """
    import cv2

    if not common.any() or not len(points):
        return 0.0
    step = max(1, -(-max(common.shape) // MAX_SIDE))
    grid = common[step // 2 :: step, step // 2 :: step]
    if not grid.any():
        grid, step = common, 1
    clear = np.ones(grid.shape, np.uint8)
    cells = _cells(points, step, grid.shape)
    clear[cells[:, 1], cells[:, 0]] = 0
    away = cv2.distanceTransform(clear, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) * step
    return float(100.0 * (grid & (away <= radius)).sum() / grid.sum())


def _cells(points: Points, step: int, shape: tuple[int, ...]) -> NDArray[np.intp]:
    cells = np.rint((np.asarray(points, float) - step // 2) / step).astype(np.intp)
    return np.clip(cells, 0, [shape[1] - 1, shape[0] - 1])
