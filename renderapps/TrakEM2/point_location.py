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
        missing = np.arange(len(points))
        for (tile, name), outline in zip(self._topmost, self._outlines, strict=True):
            if not len(missing):
                break
            shapely.prepare(outline)
            inside = missing[shapely.contains_xy(outline, points[missing])]
            missing = self._take(tile, name, inside, points, names, local, missing)
        if tolerance > 0 and len(missing) and self._outlines:
            away = np.array(
                [shapely.distance(o, shapely.points(points[missing])) for o in self._outlines]
            )
            nearest = away.argmin(axis=0)
            close = away.min(axis=0) <= tolerance
            for index in np.unique(nearest[close]):
                tile, name = self._topmost[index]
                here = missing[close & (nearest == index)]
                self._take(tile, name, here, points, names, local, missing)
        return names, local

    def _take(
        self,
        tile: Mapping[str, Any],
        name: str,
        here: NDArray[np.intp],
        points: Points,
        names: list[str | None],
        local: Points,
        missing: NDArray[np.intp],
    ) -> NDArray[np.intp]:
        """Fill in the points `here`; those that have no raw pixel stay missing."""
        if not len(here):
            return missing
        found = TileTransforms(tile, self.shared).backward(points[here])
        good = np.isfinite(found).all(axis=1)
        local[here[good]] = found[good]
        for index in here[good]:
            names[index] = name
        return np.setdiff1d(missing, here[good])
