"""Pairs of tiles of different layers whose outlines overlap, by the share that is covered.

Outlines are world polygons, so rotated, sheared and bent tiles count as they lie. Bounding boxes
are the concern of `neighbours`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.matching.neighbours import Pair, group_of
from renderapi.outline import tile_polygon

if TYPE_CHECKING:
    from shapely import Polygon

POINTS_PER_EDGE = 4  # for edges that transforms bend


@dataclass(frozen=True)
class OutlineLayer:
    """Tiles of one z with their outlines.

    Attributes
    ----------
    z : float
    tiles : sequence of (groupId, tileId)
    outlines : sequence of shapely.Polygon
        World pixels.
    skipped : mapping of tileId to the reason
        Tiles that have no outline.
    """

    z: float
    tiles: Sequence[tuple[str, str]]
    outlines: Sequence[Polygon]
    skipped: Mapping[str, str] = field(default_factory=dict)


def outline_layer(
    z: float, tiles: Iterable[Mapping[str, Any]], shared: Mapping[str, Any] | None = None
) -> OutlineLayer:
    """Layer of the JSON objects of tiles; references are looked up in `shared`."""
    names, outlines, skipped = [], [], {}
    for tile in tiles:
        try:
            outlines.append(tile_polygon(tile, POINTS_PER_EDGE, shared))
        except SpecError as error:
            skipped[tile["tileId"]] = str(error)
            continue
        section = (tile.get("layout") or {}).get("sectionId")
        names.append((group_of(section, z), str(tile["tileId"])))
    return OutlineLayer(z, names, outlines, skipped)


def search_boxes(outlines: Sequence[Polygon], radius: float) -> NDArray[np.float64]:
    """Bounding boxes with a margin on each side, `radius` times their own width and height.

    Returns
    -------
    (N, 4) float64
        min x, min y, max x, max y, world pixels.
    """
    import shapely

    boxes = shapely.bounds(np.asarray(outlines, object)).reshape(-1, 4)
    margin = (boxes[:, 2:] - boxes[:, :2]) * radius
    return np.hstack([boxes[:, :2] - margin, boxes[:, 2:] + margin])


def overlapping(
    source: Sequence[Polygon],
    other: Sequence[Polygon],
    fraction: float | None = 0.25,
    radius: float = 0.1,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of outlines of `source` and of those of `other` that cover enough of them.

    Parameters
    ----------
    fraction : float, optional
        More than this share of the area of the outline of `source` is covered. None: the outline of
        `other` meets the search box, whether it covers anything or not.
    radius : float
        Margin of the search box, as a share of the size of the outline.
    """
    import shapely

    if not len(source) or not len(other):
        return np.empty(0, np.intp), np.empty(0, np.intp)
    ours, theirs = np.asarray(source, object), np.asarray(other, object)
    boxes = shapely.box(*search_boxes(source, radius).T)
    i, j = shapely.STRtree(theirs).query(boxes, predicate="intersects")
    if fraction is None:
        return i, j
    shares = _shares(ours[i], theirs[j])
    return i[shares > fraction], j[shares > fraction]


def covered(
    source: Sequence[Polygon], other: Sequence[Polygon]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Indices of outlines that meet, and the share of the area of that of `source` in the other."""
    import shapely

    if not len(source) or not len(other):
        return np.empty(0, np.intp), np.empty(0, np.intp), np.empty(0)
    ours, theirs = np.asarray(source, object), np.asarray(other, object)
    i, j = shapely.STRtree(theirs).query(ours, predicate="intersects")
    return i, j, _shares(ours[i], theirs[j])


def _shares(ours: NDArray[np.object_], theirs: NDArray[np.object_]) -> NDArray[np.float64]:
    import shapely

    shares: NDArray[np.float64] = shapely.area(shapely.intersection(ours, theirs))
    return shares / shapely.area(ours)


def overlapping_pairs(
    source: OutlineLayer,
    other: OutlineLayer,
    fraction: float | None = 0.25,
    radius: float = 0.1,
) -> list[Pair]:
    """Pairs of tiles of two layers, in string order, of which the one of `source` is covered."""
    found = zip(*overlapping(source.outlines, other.outlines, fraction, radius), strict=True)
    delta = abs(other.z - source.z)
    pairs = []
    for i, j in found:
        p, q = sorted((source.tiles[i], other.tiles[j]))
        pairs.append(Pair(p[0], p[1], "", q[0], q[1], "", delta))
    return pairs
