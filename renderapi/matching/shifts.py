"""Overlap of two images under a shift.

A *shift* (dx, dy) is where the pixel (0, 0) of q lies in the pixel coordinates of p: the pixel
(x, y) of q shows the same place as (x + dx, y + dy) of p.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Window(NamedTuple):
    """Half-open ranges of columns and rows of an image."""

    x0: int
    y0: int
    x1: int
    y1: int

    @property
    def width(self) -> int:
        return max(0, self.x1 - self.x0)

    @property
    def height(self) -> int:
        return max(0, self.y1 - self.y0)

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of the window in an array (rows, columns)."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


class ShiftRange(NamedTuple):
    """Inclusive ranges of integer shifts."""

    x0: int
    y0: int
    x1: int
    y1: int

    @classmethod
    def around(
        cls, centre: tuple[float, float], radius: tuple[float, float], margin: int = 0
    ) -> ShiftRange:
        (cx, cy), (rx, ry) = centre, radius
        return cls(
            round(cx - rx) - margin,
            round(cy - ry) - margin,
            round(cx + rx) + margin,
            round(cy + ry) + margin,
        )


def overlap(
    p_shape: tuple[int, ...], q_shape: tuple[int, ...], shift: tuple[int, int]
) -> tuple[Window, Window]:
    """Windows of p and of q that cover each other when q is shifted by whole pixels."""
    return common_windows(p_shape, q_shape, ShiftRange(*shift, *shift))


def common_windows(
    p_shape: tuple[int, ...], q_shape: tuple[int, ...], shifts: ShiftRange
) -> tuple[Window, Window]:
    """Smallest windows of p and of q that hold their overlap under every shift of the range."""
    (p_h, p_w), (q_h, q_w) = p_shape[:2], q_shape[:2]
    p = Window(
        max(0, shifts.x0),
        max(0, shifts.y0),
        min(p_w, shifts.x1 + q_w),
        min(p_h, shifts.y1 + q_h),
    )
    q = Window(
        max(0, -shifts.x1),
        max(0, -shifts.y1),
        min(q_w, p_w - shifts.x0),
        min(q_h, p_h - shifts.y0),
    )
    return p, q


def thickness(
    p_shape: tuple[int, ...], q_shape: tuple[int, ...], shifts: ShiftRange
) -> NDArray[np.int64]:
    """(J, I) pixels that the overlap under each shift (x0 + i, y0 + j) is across at least."""
    sides = []
    for p, q, low, high in (
        (p_shape[1], q_shape[1], shifts.x0, shifts.x1),
        (p_shape[0], q_shape[0], shifts.y0, shifts.y1),
    ):
        shift = np.arange(low, high + 1)
        sides.append(np.maximum(np.minimum(p, shift + q) - np.maximum(shift, 0), 0))
    return np.minimum(sides[0][None, :], sides[1][:, None])
