"""Outlines of tiles as shapely polygons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.transform.slices import TileTransforms

if TYPE_CHECKING:
    from shapely import Geometry, Polygon

    from renderapi.tilespec import TileSpec


def border_points(width: float, height: float, points_per_edge: int = 0) -> NDArray[np.float64]:
    """Ring around an image, (0,0) to (0,H) to (W,H) to (W,0), without repeating its first point.

    Parameters
    ----------
    width, height : float
        Size of the image, pixels.
    points_per_edge : int
        Points between two corners.

    Returns
    -------
    (4 (points_per_edge + 1), 2) float64, raw local pixels
    """
    corners = np.array([(0, 0), (0, height), (width, height), (width, 0)], float)
    share = np.arange(points_per_edge + 1) / (points_per_edge + 1)
    sides = np.roll(corners, -1, axis=0) - corners
    return (corners[:, None] + share[None, :, None] * sides[:, None]).reshape(-1, 2)


def tile_polygon(
    tile: TileSpec | Mapping[str, Any],
    points_per_edge: int = 0,
    reference_transforms: Iterable[Any] | Mapping[str, Any] | None = None,
    start: int = 0,
    stop: int | None = None,
) -> Polygon:
    """Outline of a tile.

    Parameters
    ----------
    tile : TileSpec or dict
    points_per_edge : int
        Points between two corners, for edges that its transforms bend.
    reference_transforms : mapping of id to document, or transforms with a transformId, optional
        What references of the tile point to.
    start : int
        Coordinate space in which the image is taken to be its width x height rectangle.
    stop : int, optional
        Coordinate space of the outline (see `renderapi.transform.slices`): world by default.

    Returns
    -------
    shapely.Polygon
        Valid: a ring that crosses itself is repaired, and its largest part kept.

    Raises
    ------
    SpecError
        Naming the tile: no size, references that are missing, no area.
    """
    import shapely

    document = tile if isinstance(tile, Mapping) else tile.to_dict()
    name = document.get("tileId")
    if not document.get("width") or not document.get("height"):
        raise SpecError(f"tile {name} has no width and height")
    ring = border_points(document["width"], document["height"], points_per_edge)
    placed = TileTransforms(document, _by_id(reference_transforms)).forward(ring, start, stop)
    if not np.isfinite(placed).all():
        raise SpecError(f"the transforms of tile {name} map its border to infinity")
    polygon = shapely.Polygon(placed)
    if not polygon.is_valid:
        polygon = _largest(shapely.make_valid(polygon))
    if polygon is None or polygon.area == 0:
        raise SpecError(f"the transforms of tile {name} leave it no area")
    return polygon


def union_of(polygons: Iterable[Polygon]) -> Geometry:
    """What polygons cover together: a polygon, or several."""
    import shapely

    return shapely.union_all(list(polygons))


def _by_id(transforms: Iterable[Any] | Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if transforms is None or isinstance(transforms, Mapping):
        return transforms
    shared: Iterable[Any] = transforms
    return {transform.transformId: transform.to_dict() for transform in shared}


def _largest(geometry: Geometry) -> Polygon | None:
    import shapely

    parts = [part for part in shapely.get_parts(geometry) if part.geom_type == "Polygon"]
    return max(parts, key=lambda part: part.area, default=None)
