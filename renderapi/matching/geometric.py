"""Matches of two pictures by the arrangement of spots, where texture is too poor for SIFT.

Spots (vesicles, beads, nuclei) are extrema of a difference of Gaussians. Each is described by where
its nearest neighbours lie, so that only geometry counts and no grey value does:

S. Preibisch, S. Saalfeld, J. Schindelin, P. Tomancak, "Software for bead-based registration of
selective plane illumination microscopy data", Nature Methods 7, 2010.

Points are (x, y) in pixels of the picture; images are 2-D arrays (rows y, columns x).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.contrast import Mask
from renderapi.matching.features import alone
from renderapi.matching.models import Points

QUADRATIC, PIXEL = "THREE_D_QUADRATIC", "NONE"
LOCALIZATIONS = (QUADRATIC, PIXEL)
MAX_POINTS = 10_000
MAX_NEIGHBOURS = 10
SIGMA_RATIO = 2.0**0.25
"""The wider Gaussian of the difference against the narrower one."""


@dataclass(frozen=True, slots=True)
class GeometricParameters:
    """Which spots are looked for and how they are described.

    Attributes
    ----------
    neighbours, redundancy : int
        Each arrangement is of `neighbours` spots, out of the `neighbours + redundancy` nearest.
    significance : float
        The second most similar arrangement must be this many times less similar than the first.
    sigma : float
        Standard deviation of the narrower Gaussian, pixels: about 0.7 of a spot's radius.
    threshold : float
        Least difference of Gaussians; 1 is 255 of an 8 bit picture, else the range of the values.
    localization : str
        THREE_D_QUADRATIC: places between pixels, by a quadratic fit; NONE: whole pixels.
    minima, maxima : bool
        Dark spots, bright spots.
    similar_orientation : bool
        The pictures are not turned against each other.
    spacing : float
        Of two spots nearer to each other than this, pixels, the weaker is dropped.
    """

    neighbours: int = 3
    redundancy: int = 1
    significance: float = 2.0
    sigma: float = 2.04
    threshold: float = 0.008
    localization: str = QUADRATIC
    minima: bool = True
    maxima: bool = True
    similar_orientation: bool = True
    spacing: float = 0.0

    def __post_init__(self) -> None:
        if self.localization not in LOCALIZATIONS:
            raise SpecError(
                f"localization must be {' or '.join(LOCALIZATIONS)}, not {self.localization}"
            )
        if not self.minima and not self.maxima:
            raise SpecError("give lookForMinima, lookForMaxima, or both")
        if self.neighbours < 2 or self.redundancy < 0:
            raise SpecError("numberOfNeighbors must be at least 2, redundancy at least 0")
        if self.neighbours + self.redundancy > MAX_NEIGHBOURS:
            raise SpecError(f"numberOfNeighbors + redundancy must be at most {MAX_NEIGHBOURS}")
        for name, value in (("significance", self.significance), ("sigma", self.sigma)):
            if not value > 0:
                raise SpecError(f"{name} must be above 0, not {value:g}")


def find_spots(image: NDArray, mask: Mask, parameters: GeometricParameters) -> Points:
    """Places of spots on the pixels that count, strongest first.

    Parameters
    ----------
    image : (H, W) array of any number type
    mask : (H, W) boolean array
    parameters : GeometricParameters

    Returns
    -------
    (N, 2) float64; spots whose surroundings (2 sigma) reach into what does not count are left out.
    """
    import cv2

    if not mask.any():
        return np.empty((0, 2))
    response = _difference_of_gaussians(image, mask, parameters.sigma)
    kernel = np.ones((3, 3), np.uint8)
    strength = np.zeros_like(response)
    for wanted, values in ((parameters.maxima, response), (parameters.minima, -response)):
        if wanted:
            peak = (values == cv2.dilate(values, kernel)) & (values > parameters.threshold)
            strength[peak] = values[peak]
    strength[~_inner(mask, parameters.sigma)] = 0.0
    rows, columns = np.nonzero(strength)
    order = np.lexsort((columns, rows, -strength[rows, columns]))
    rows, columns = rows[order], columns[order]
    points = np.column_stack([columns, rows]).astype(np.float64)
    if parameters.localization == QUADRATIC:
        points += _offsets(response, rows, columns)
    return _spaced(points, parameters.spacing)[:MAX_POINTS]


def _difference_of_gaussians(image: NDArray, mask: Mask, sigma: float) -> NDArray[np.float32]:
    """Narrow minus wide Gaussian, divided by the difference of their widths: independent of it."""
    import cv2

    shown = np.asarray(image[mask], np.float32)
    span = 255.0 if image.dtype == np.uint8 else max(float(np.ptp(shown)), 1e-6)
    filled = np.where(mask, image, shown.mean()).astype(np.float32) / np.float32(span)
    narrow, wide = (
        cv2.GaussianBlur(filled, (0, 0), width, borderType=cv2.BORDER_REFLECT_101)
        for width in (sigma, sigma * SIGMA_RATIO)
    )
    result: NDArray[np.float32] = (narrow - wide) / np.float32(SIGMA_RATIO - 1)
    return result


def _inner(mask: Mask, sigma: float) -> Mask:
    """Pixels whose surroundings count, and that have neighbours on all sides."""
    import cv2

    side = 2 * int(np.ceil(2 * sigma)) + 1
    inner = cv2.erode(mask.astype(np.uint8), np.ones((side, side), np.uint8))
    inner[[0, -1]] = inner[:, [0, -1]] = 0
    return np.asarray(inner, bool)


def _offsets(values: NDArray, rows: NDArray, columns: NDArray) -> Points:
    """Where the quadratic through 3 x 3 values has its extremum, within a pixel of the middle."""

    def at(down: int, right: int) -> NDArray:
        return values[rows + down, columns + right].astype(np.float64)

    middle = 2 * at(0, 0)
    dx, dy = (at(0, 1) - at(0, -1)) / 2, (at(1, 0) - at(-1, 0)) / 2
    dxx, dyy = at(0, 1) + at(0, -1) - middle, at(1, 0) + at(-1, 0) - middle
    dxy = (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4
    determinant = dxx * dyy - dxy**2
    steep: NDArray[np.bool_] = np.asarray(determinant > 1e-12)
    safe = np.where(steep, determinant, 1.0)
    offsets = np.column_stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy]) / safe[:, None]
    fits = np.logical_and(steep, np.abs(offsets).max(1, initial=0.0) <= 1)
    result: Points = np.where(np.reshape(fits, (-1, 1)), offsets, 0.0)
    return result


def _spaced(points: Points, spacing: float) -> Points:
    """Points without those too near to an earlier one that stays."""
    from scipy.spatial import cKDTree

    if spacing <= 0 or len(points) < 2:
        return points
    tree = cKDTree(points)
    stays = np.ones(len(points), bool)
    for index in range(len(points)):
        if stays[index]:
            near = np.array(tree.query_ball_point(points[index], spacing))
            stays[near[near > index]] = False
    return points[stays]


def match_spots(p: Points, q: Points, parameters: GeometricParameters) -> tuple[Points, Points]:
    """Corresponding spots by the arrangement of their neighbours.

    A spot of p is matched when one arrangement around a spot of q is `significance` times more
    similar to one of its own than any around another spot of q; the distance of two arrangements is
    that of all offsets taken together. A place matched more than once is left out.

    Returns
    -------
    (N, 2), (N, 2) float64
        Points of p and of q.
    """
    from scipy.spatial import cKDTree

    empty = np.empty((0, 2))
    needed = parameters.neighbours + parameters.redundancy + 1
    if min(len(p), len(q)) < max(needed, 2):
        return empty, empty
    mine, theirs = (_descriptors(points, parameters) for points in (p, q))
    each = theirs.shape[1]  # so one more than these are of another spot
    flat = mine.reshape(-1, mine.shape[2])
    tree = cKDTree(theirs.reshape(-1, theirs.shape[2]))
    distance, found = tree.query(flat, k=each + 1)
    spot = found.reshape(len(p), -1) // each
    distance = distance.reshape(len(p), -1)
    rows = np.arange(len(p))
    best = distance.argmin(1)
    nearest = spot[rows, best]
    second = np.where(spot == nearest[:, None], np.inf, distance).min(1)
    index = np.flatnonzero(distance[rows, best] * parameters.significance < second)
    one, other = p[index], q[nearest[index]]
    kept = alone(one) & alone(other)
    return one[kept], other[kept]


def _descriptors(points: Points, parameters: GeometricParameters) -> NDArray[np.float64]:
    """Arrangements around each point, (N, combinations, 2 * neighbours).

    Offsets to neighbours in the order of their distance; unless the orientation is alike, turned so
    that the nearest lies to the right.
    """
    from scipy.spatial import cKDTree

    count = parameters.neighbours + parameters.redundancy
    _, near = cKDTree(points).query(points, k=count + 1)
    chosen = np.array(list(combinations(range(1, count + 1), parameters.neighbours)))
    offsets = points[near[:, chosen]] - points[:, None, None, :]
    if not parameters.similar_orientation:
        turned = offsets[..., 0] + 1j * offsets[..., 1]
        first = turned[..., :1]
        turned = turned * np.conj(first) / np.maximum(np.abs(first), 1e-12)
        offsets = np.stack([turned.real, turned.imag], axis=-1)
    result: NDArray[np.float64] = offsets.reshape(len(points), len(chosen), -1)
    return result
