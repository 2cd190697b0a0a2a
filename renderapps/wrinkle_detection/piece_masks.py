"""Which pixels of a tile belong to which piece: those of the matches nearest to them, smoothed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapps.wrinkle_detection.pieces import NONE, Floats, Labels

_GRID = 256  # pieces are drawn on so many cells along the longer side at most


def piece_map(points: Floats, labels: Labels, width: int, height: int, smoothing: float) -> Labels:
    """Piece of each cell of a coarse grid over the image, by the nearest labelled match.

    Parameters
    ----------
    points : (N, 2)
        Raw pixels.

    Returns
    -------
    (rows, columns)
        Cells of equal size that cover the image.
    """
    from scipy.ndimage import gaussian_filter
    from scipy.spatial import cKDTree

    cell = max(1.0, max(width, height) / _GRID)
    shape = (max(1, round(height / cell)), max(1, round(width / cell)))
    y, x = ((np.arange(n) + 0.5) * size / n for n, size in zip(shape, (height, width), strict=True))
    known = labels != NONE
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    _, nearest = cKDTree(points[known]).query(centres)
    found: Labels = labels[known][nearest].reshape(shape)
    if smoothing > 0:
        sigma = smoothing * max(shape)
        shares = [
            gaussian_filter((found == k).astype(float), sigma, mode="nearest")
            for k in range(int(labels.max()) + 1)
        ]
        found = np.argmax(shares, axis=0)
    return found


def labels_at(pieces: Labels, points: Floats, width: int, height: int) -> Labels:
    """Piece at raw pixels."""
    rows, columns = pieces.shape
    row = np.clip((points[:, 1] * rows / height).astype(int), 0, rows - 1)
    column = np.clip((points[:, 0] * columns / width).astype(int), 0, columns - 1)
    return pieces[row, column]


def piece_mask(pieces: Labels, number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Mask of a piece, (height, width) uint8: 255 where the image belongs to it, else 0."""
    rows, columns = pieces.shape
    row = np.minimum(np.arange(height) * rows // height, rows - 1)
    column = np.minimum(np.arange(width) * columns // width, columns - 1)
    here = (pieces == number).astype(np.uint8) * np.uint8(255)
    mask: NDArray[np.uint8] = here[row][:, column]
    return mask
