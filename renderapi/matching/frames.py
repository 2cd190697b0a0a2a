"""Two images brought into one orientation before they are compared.

Correlation compares images shifted against each other. Where the tiles' present transforms also
turn or stretch one against the other, q is resampled into the orientation of p first, and points
found on the resampled image are mapped back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask
from renderapi.matching.models import Matrix, Points, apply

TOLERATED = 2.0
"""Pixels by which a plain shift may miss the prior map within the overlap before q is resampled."""


@dataclass(frozen=True)
class Frame:
    """q as it is compared with p.

    Attributes
    ----------
    image : (H, W) array
    mask : (H, W) boolean array
    shift : (dx, dy)
        Where pixel (0, 0) of `image` is expected in the pixels of p.
    to_q : (3, 3) array
        Pixels of `image` to pixels of q.
    """

    image: NDArray
    mask: Mask
    shift: tuple[float, float]
    to_q: Matrix

    def points_on_q(self, points: Points) -> Points:
        """Points of `image` as points of q."""
        return apply(self.to_q, points)


def overlap_box(
    p_shape: tuple[int, ...], q_shape: tuple[int, ...], p_to_q: Matrix, grow: float = 0.0
) -> NDArray[np.float64] | None:
    """Box (minX, minY, maxX, maxY) in pixels of p that q, grown on all sides, covers.

    None when they do not come together.
    """
    seen = apply(np.linalg.inv(p_to_q), _corners(q_shape))
    low = np.maximum(seen.min(0) - grow, 0)
    high = np.minimum(seen.max(0) + grow, np.array(p_shape[1::-1]) - 1.0)
    return None if (high <= low).any() else np.concatenate([low, high])


def common_frame(
    p_shape: tuple[int, ...], q_image: NDArray, q_mask: Mask, p_to_q: Matrix, radius: float
) -> Frame:
    """q in the orientation of p.

    Parameters
    ----------
    p_shape : (rows, columns)
    q_image, q_mask : (H, W) arrays
    p_to_q : (3, 3) array
        Expected map from pixels of p to pixels of q.
    radius : float
        Search radius: the overlap may lie this far from where it is expected.
    """
    box = overlap_box(p_shape, q_image.shape, p_to_q, radius)
    if box is None:
        box = np.array([0, 0, p_shape[1] - 1.0, p_shape[0] - 1.0])
    corners = np.array([[box[x], box[y]] for x in (0, 2) for y in (1, 3)])
    centre = corners.mean(0)
    shift = centre - apply(p_to_q, centre[None])[0]
    miss = np.abs(corners - apply(p_to_q, corners) - shift).max()
    if miss <= TOLERATED:
        return Frame(q_image, q_mask, (float(shift[0]), float(shift[1])), np.eye(3))
    return _resampled(q_image, q_mask, p_to_q)


def _resampled(image: NDArray, mask: Mask, p_to_q: Matrix) -> Frame:
    import cv2

    seen = apply(np.linalg.inv(p_to_q), _corners(image.shape))
    origin = np.floor(seen.min(0))
    width, height = (np.ceil(seen.max(0)) - origin + 1).astype(int)
    to_q = p_to_q @ np.array([[1, 0, origin[0]], [0, 1, origin[1]], [0, 0, 1.0]])
    values = cv2.warpAffine(
        image.astype(np.float32),
        to_q[:2],
        (int(width), int(height)),
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    share = cv2.warpAffine(
        mask.astype(np.float32),
        to_q[:2],
        (int(width), int(height)),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
    )
    return Frame(values, share > 0.999, (float(origin[0]), float(origin[1])), to_q)


def _corners(shape: tuple[int, ...]) -> Points:
    return np.array([[x, y] for x in (0.0, shape[1] - 1.0) for y in (0.0, shape[0] - 1.0)])
