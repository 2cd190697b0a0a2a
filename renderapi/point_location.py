"""Which tile points lie on, and where on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from renderapi.outline import tile_polygon
from renderapi.transform.slices import TileTransforms

if TYPE_CHECKING:
    from shapely import Polygon

Points = NDArray[np.float64]

_POINTS_PER_EDGE = 15
_ROUNDING = 1e-6  # pixels by which points on the border of a tile may seem to be off it


@dataclass
class TilesOnTop:
    """Tiles of a section, the topmost first, ready to find points.

    Parameters
    ----------
    tiles : sequence of dict
        Tile specs in the order they are painted, the last on top.
    names : sequence of str, optional
        What the tiles are called in the answer; their tileIds by default.
    shared : mapping, optional
        Shared transforms by id.
    """

    tiles: Sequence[Mapping[str, Any]]
    names: Sequence[str] | None = None
    shared: Mapping[str, Any] | None = None
    _outlines: list[Polygon] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = self.names or [tile["tileId"] for tile in self.tiles]
        self._topmost = list(zip(self.tiles, names, strict=True))[::-1]
        self._outlines = [
            tile_polygon(tile, _POINTS_PER_EDGE, self.shared) for tile, _ in self._topmost
        ]

    def locate(self, points: Points, tolerance: float = 0.0) -> tuple[list[str | None], Points]:
        """Name of the topmost tile under every point, and its raw pixel there.

        Points on the border of a tile lie on it.

        Parameters
        ----------
        points : (N, 2)
            In the space that the tiles' transforms lead to.
        tolerance : float
            A point on no tile is taken to lie on the nearest one, if that is at most this far.

        Returns
        -------
        names : list, None where there is no tile
        local : (N, 2), NaN where there is none
        """
        import shapely

        names: list[str | None] = [None] * len(points)
        local = np.full((len(points), 2), np.nan)
        if not self._outlines or not len(points):
            return names, local
        tree = shapely.STRtree(self._outlines)
        places = shapely.points(points)
        found = tree.query(places, predicate="dwithin", distance=_ROUNDING)
        self._take(found[0], found[1], points, names, local)
        if tolerance > 0:
            missing = np.flatnonzero(np.isnan(local[:, 0]))
            near = tree.query_nearest(places[missing], max_distance=tolerance)
            self._take(missing[near[0]], near[1], points, names, local)
        return names, local

    def _take(
        self,
        where: NDArray[np.intp],
        tiles: NDArray[np.intp],
        points: Points,
        names: list[str | None],
        local: Points,
    ) -> None:
        """Fill in points from the topmost tile of those given that has a raw pixel for them.

        `where` and `tiles` are indices of points and of `_topmost`.
        """
        order = np.lexsort((tiles, where))
        where, tiles = where[order], tiles[order]
        while len(where):
            _, first = np.unique(where, return_index=True)
            for index in np.unique(tiles[first]):
                tile, name = self._topmost[index]
                here = where[first[tiles[first] == index]]
                pixels = TileTransforms(tile, self.shared).backward(points[here])
                good = np.isfinite(pixels).all(axis=1)
                local[here[good]] = pixels[good]
                for point in here[good]:
                    names[point] = name
            rest = np.delete(np.arange(len(where)), first)
            rest = rest[np.isnan(local[where[rest], 0])]
            where, tiles = where[rest], tiles[rest]
