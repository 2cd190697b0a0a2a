"""Which pixels of a picture lie within an outline of the world."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.contrast import Mask
from renderapi.matching.models import Matrix, Points

if TYPE_CHECKING:
    from shapely import Geometry


def rings_within(
    outline: Geometry, to_pixel: Matrix, width: float, height: float
) -> tuple[Points, ...] | None:
    """Rings (N, 2), pixels, of the part of a picture within an outline; None where it is all of it.

    Parameters
    ----------
    outline : shapely Polygon or MultiPolygon
        World pixels.
    to_pixel : (3, 3) array
        World to pixels of the picture; integers are centres of pixels.
    width, height : float
        Of the picture.
    """
    import shapely
    from shapely.affinity import affine_transform

    a, b, x = to_pixel[:2].T
    placed = affine_transform(outline, [a[0], b[0], a[1], b[1], x[0], x[1]])
    picture = shapely.box(-1.0, -1.0, width, height)
    if placed.contains(picture):
        return None
    parts = shapely.get_parts(placed.intersection(picture))
    polygons = [part for part in parts if part.geom_type == "Polygon" and not part.is_empty]
    rings = [ring for part in polygons for ring in (part.exterior, *part.interiors)]
    return tuple(shapely.get_coordinates(ring) for ring in rings)


def filled_rings(rings: Sequence[NDArray], shape: tuple[int, ...]) -> Mask:
    """Pixels within rings: those within a ring that is in another are outside again."""
    import cv2

    inside = np.zeros(shape, np.uint8)
    if rings:
        cv2.fillPoly(inside, [np.rint(ring).astype(np.int32) for ring in rings], 1)
    return np.asarray(inside, bool)
