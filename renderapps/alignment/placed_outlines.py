"""Where the tiles of a section lie: outlines and corners in the world, by tileId."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.outline import border_points, tile_polygon
from renderapi.transform.slices import TileTransforms
from renderapps.module.tile_documents import Section

if TYPE_CHECKING:
    from shapely import Polygon

POINTS_PER_EDGE = 4  # for edges that transforms bend


@dataclass(frozen=True)
class Outlines:
    """Tiles of a section in the world.

    Attributes
    ----------
    polygons : dict of tileId to shapely.Polygon
    corners : (T, 4, 2)
        Of the images, clockwise from the upper left, in the order of `polygons`.
    skipped : dict of tileId to the reason why a tile has no outline
    """

    polygons: dict[str, Polygon]
    corners: NDArray[np.float64]
    skipped: dict[str, str]


def outlines_of(section: Section) -> Outlines:
    """Outlines of all tiles."""
    polygons: dict[str, Polygon] = {}
    corners, skipped = [], {}
    for tile in section.tiles:
        try:
            outline = tile_polygon(tile, POINTS_PER_EDGE, section.transforms)
        except SpecError as error:
            skipped[tile["tileId"]] = str(error)
            continue
        ring = border_points(tile["width"], tile["height"])[[0, 3, 2, 1]]
        corners.append(TileTransforms(tile, section.transforms).forward(ring))
        polygons[tile["tileId"]] = outline
    return Outlines(polygons, np.array(corners, float).reshape(-1, 4, 2), skipped)
