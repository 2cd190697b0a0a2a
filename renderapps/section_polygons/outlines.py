"""Outlines of a section in the pixels of its image: between glue lines, or around the tissue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapps.module.errors import RenderModuleException
from renderapps.section_polygons.glue_lines import LONGEST, GlueLine

if TYPE_CHECKING:
    from shapely import Polygon

Ring = NDArray[np.float64]


def between_lines(lines: Sequence[GlueLine], width: int, height: int, horizontal: bool) -> Ring:
    """Ring around the part of an image that its glue lines bound, (N, 2), not closed.

    Two lines: what is between them. One: the larger part. None: the whole image.
    """
    import shapely

    size = (width, height) if horizontal else (height, width)
    frame = shapely.box(0, 0, *size)
    along = np.array([0.0, size[0]])
    edges = [np.stack([along, line.at(along)], axis=1) for line in lines]
    if not lines:
        ring = np.array([(0, 0), (size[0], 0), size, (0, size[1])], float)
    elif len(lines) == 1:
        parts = [_clipped(_ring(edges[0], [(0, y), (size[0], y)]), frame) for y in _beyond(size)]
        ring = max(parts, key=lambda part: shapely.Polygon(part).area if len(part) else 0)
    else:
        ring = _clipped(_ring(*edges), frame)
    return ring if horizontal else ring[:, ::-1]


def _beyond(size: tuple[int, int]) -> tuple[float, float]:
    """Heights above and below all that a line reaches in an image."""
    return -float(sum(size)), size[1] + float(sum(size))


def _ring(one: Ring, other: Ring | list[tuple[float, float]]) -> Ring:
    return np.concatenate([one, np.asarray(other, float)[::-1]])


def _clipped(ring: Ring, frame: Polygon) -> Ring:
    """A ring cut to a rectangle; as it is where it lies within."""
    import shapely

    polygon = shapely.Polygon(ring)
    if frame.covers(polygon):
        return ring
    part = polygon.intersection(frame)
    return np.array(part.exterior.coords)[:-1] if part.geom_type == "Polygon" else np.empty((0, 2))


class Tissue(NamedTuple):
    """The outline of the tissue of a section.

    Attributes
    ----------
    ring : (N, 2) float64
        Pixels of the image, not closed.
    confidence : float
        How well the threshold parts the grey values, 0 to 1: the share of their variance that is
        between the two classes (the criterion of Otsu, 1979).
    components : int
        Number of separate pieces; the outline is that of the largest.
    share : float
        Part of the image within the outline.
    """

    ring: Ring
    confidence: float
    components: int
    share: float


def tissue_outline(
    image: NDArray,
    threshold: float | None = None,
    dark: bool = False,
    tolerance: float = 2.0,
    smoothing: float | None = None,
) -> Tissue:
    """Outline of the largest connected piece of tissue.

    Parameters
    ----------
    image : (h, w) array
        Grey values. Pixels of 0 hold no data and are never tissue.
    threshold : float, optional
        Grey value that parts tissue from background; by default that of Otsu.
    dark : bool
        Whether the tissue is darker than the background.
    tolerance : float
        How far the outline may be from that of the pixels, where this saves corners; pixels.
    smoothing : float, optional
        Cracks and bridges up to twice as wide are closed, pixels; 0.4 % of the longer side.

    Raises
    ------
    RenderModuleException
        There is no tissue.
    """
    import cv2

    grey: NDArray[Any] = np.ascontiguousarray(image, np.float32)
    factor = min(1.0, LONGEST / max(grey.shape))
    if factor < 1:
        size = [max(1, round(side * factor)) for side in grey.shape[::-1]]
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    reach = smoothing * factor if smoothing is not None else 0.004 * max(grey.shape)
    data = grey > 0
    blurred = cv2.GaussianBlur(grey, (0, 0), max(0.5, reach / 2))
    if dark:  # beside a place without data it would look like tissue
        filled = cv2.GaussianBlur(data.astype(np.float32), (0, 0), max(0.5, reach / 2))
        blurred = blurred / np.maximum(filled, 1e-3)
    level, confidence = _threshold(blurred[data] if dark else blurred.ravel(), threshold)
    tissue = (data & (blurred < level) if dark else blurred > level).astype(np.uint8)
    tissue = _smooth(tissue, reach)
    contours, _ = cv2.findContours(tissue, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not contours:
        raise RenderModuleException("there is no tissue in the image")
    largest = max(contours, key=cv2.contourArea)[:, 0].astype(float) / factor
    ring = _simplified(largest, tolerance)
    return Tissue(ring, confidence, len(contours), _area(ring) / image.size)


def _threshold(values: NDArray, given: float | None) -> tuple[float, float]:
    """The threshold, and which share of the variance it explains."""
    import cv2

    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    if high <= low:
        if given is None:
            raise RenderModuleException("the image has one grey value only: it shows no tissue")
        return given, 0.0
    level = given
    if level is None:
        small = ((values - low) * (255 / (high - low))).astype(np.uint8)
        step, _ = cv2.threshold(small.reshape(-1, 1), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
        level = low + (step + 0.5) * (high - low) / 255
    above = values > level
    share = float(above.mean())
    if share in (0.0, 1.0):
        return level, 0.0
    apart = float(values[above].mean() - values[~above].mean())
    return level, min(1.0, share * (1 - share) * apart**2 / float(values.var()))


def _smooth(tissue: NDArray[np.uint8], reach: float) -> NDArray[np.uint8]:
    """Without cracks and threads."""
    import cv2

    size = 2 * round(reach) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    margin = cv2.copyMakeBorder(tissue, size, size, size, size, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(margin, cv2.MORPH_CLOSE, disc)
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, disc)
    return np.ascontiguousarray(opened[size:-size, size:-size])


def _simplified(ring: Ring, tolerance: float) -> Ring:
    import shapely

    if len(ring) < 4:
        raise RenderModuleException("the largest piece of tissue is no larger than a few pixels")
    polygon = shapely.make_valid(shapely.Polygon(ring))
    parts = [part for part in shapely.get_parts(polygon) if part.geom_type == "Polygon"]
    if not parts:
        raise RenderModuleException("the largest piece of tissue is no larger than a few pixels")
    largest = max(parts, key=lambda part: part.area).simplify(tolerance)
    return np.array(largest.exterior.coords)[:-1]


def _area(ring: Ring) -> float:
    import shapely

    return float(shapely.Polygon(ring).area)
