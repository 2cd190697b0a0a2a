"""Which tiles have neighbours on all sides, and which lie on the rim of a section.

Neighbours are judged in the axes of the tile itself, so that sections may be turned: the offset of
two centres is measured in widths and heights of the tile.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import Polygon

SIDES = ("left", "right", "upper", "lower")
TOUCHING = 1e-6  # pixels by which tiles that touch may seem to be apart
_BESIDE = 0.5  # of a tile's size: beyond it in both directions is a corner neighbour


@dataclass
class Neighbours:
    """Side neighbours of the tiles of a section.

    Attributes
    ----------
    tiles : list of str
    beside : mapping of tileId to its neighbours on each side
    """

    tiles: list[str]
    beside: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def pairs(self) -> list[tuple[str, str]]:
        """Tiles that are side neighbours, once each, in string order."""
        found = {
            (min(tile, other), max(tile, other))
            for tile, sides in self.beside.items()
            for others in sides.values()
            for other in others
        }
        return sorted(found)


def side_neighbours(
    outlines: Mapping[str, Polygon],
    corners: NDArray[np.float64],
    edge_threshold: float | None = None,
) -> Neighbours:
    """Tiles whose outlines touch or overlap, corner neighbours left out.

    Parameters
    ----------
    outlines : mapping of tileId to shapely.Polygon
        World pixels.
    corners : (T, 4, 2)
        Corners of the images in the world, clockwise from the upper left, in the order of
        `outlines`.
    edge_threshold : float, optional
        Centres of neighbours are at most so far apart, pixels.
    """
    import shapely

    tiles = list(outlines)
    found = Neighbours(tiles, {tile: {} for tile in tiles})
    if len(tiles) < 2:
        return found
    shapes = np.array(list(outlines.values()), object)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=TOUCHING)
    i, j = i[i != j], j[i != j]
    centres = corners.mean(axis=1)
    offsets = centres[j] - centres[i]
    if edge_threshold is not None:
        near = np.hypot(*offsets.T) <= edge_threshold
        i, j, offsets = i[near], j[near], offsets[near]
    axes = np.stack([corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]], axis=-1)
    steps = np.linalg.solve(axes[i], offsets[..., None])[..., 0]
    sides = _sides(steps)
    for one, other, side in zip(i, j, sides, strict=True):
        if side >= 0:
            found.beside[tiles[one]].setdefault(SIDES[side], []).append(tiles[other])
    return found


def overlapping_tiles(
    outlines: Mapping[str, Polygon], corners: NDArray[np.float64], with_corners: bool = False
) -> list[tuple[str, str]]:
    """Tiles that overlap by an area, in string order; corner neighbours only if asked for.

    A corner neighbour is one whose centre lies outside both the rows and the columns of the other.
    """
    import shapely

    tiles = list(outlines)
    if len(tiles) < 2:
        return []
    shapes = np.array(list(outlines.values()), object)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    i, j = i[i < j], j[i < j]
    if not with_corners:
        centres = corners.mean(axis=1)
        axes = np.stack([corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]], axis=-1)
        steps = np.linalg.solve(axes[i], (centres[j] - centres[i])[..., None])[..., 0]
        beside = np.abs(steps).min(axis=1, initial=np.inf) <= _BESIDE
        i, j = i[beside], j[beside]
    areas = shapely.area(shapely.intersection(shapes[i], shapes[j]))
    found = ((tiles[a], tiles[b]) for a, b in zip(i[areas > 0], j[areas > 0], strict=True))
    return sorted((min(pair), max(pair)) for pair in found)


def _sides(steps: NDArray[np.float64]) -> NDArray[np.intp]:
    """Index of the side for offsets in widths and heights; -1 for corners and the same place."""
    across, down = steps.T
    least = np.minimum(np.abs(across), np.abs(down))
    most = np.maximum(np.abs(across), np.abs(down))
    level = np.abs(across) >= np.abs(down)
    side = np.where(level, np.where(across < 0, 0, 1), np.where(down < 0, 2, 3))
    return np.where((least <= _BESIDE) & (most > _BESIDE / 2), side, -1)


def rim_tiles(neighbours: Neighbours, min_neighbors: int = 4, layers: int = 1) -> dict[str, str]:
    """Tiles of the outermost layers, and why each is one.

    Parameters
    ----------
    min_neighbors : int
        A tile with fewer side neighbours is outer; with 4 or more also one that lacks a neighbour
        on one of its sides, however many it has on the others.
    layers : int
        How often the rim is taken off.
    """
    outer: dict[str, str] = {}
    for _ in range(layers):
        gone = set(outer)
        found = {
            tile: reason
            for tile in neighbours.tiles
            if tile not in gone and (reason := _why_outer(neighbours, tile, gone, min_neighbors))
        }
        if not found:
            break
        outer |= found
    return outer


def _why_outer(
    neighbours: Neighbours, tile: str, gone: Collection[str], min_neighbors: int
) -> str | None:
    sides = neighbours.beside[tile]
    counts = [sum(other not in gone for other in sides.get(side, ())) for side in SIDES]
    total = sum(counts)
    if total == 0:
        return "no neighbour"
    if total < min_neighbors:
        return f"{total} neighbours, {min_neighbors} are needed"
    if min_neighbors >= len(SIDES) and 0 in counts:
        lacking = [side for side, count in zip(SIDES, counts, strict=True) if not count]
        return f"no {' and no '.join(lacking)} neighbour"
    return None
