"""A tile made ready for drawing: its transforms built, its level chosen, its place known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from renderapi.errors import RenderError, SpecError
from renderapi.rendering import levels, mesh
from renderapi.rendering.limits import OWN, DrawingLimits, go_on
from renderapi.rendering.mesh import Array, PixelMap
from renderapi.rendering.parameters import Window, optional_number
from renderapi.transform.leaf.affine_warp_field import SECTION_WARP

if TYPE_CHECKING:
    from renderapi.rendering.cache import SourceView

_FINEST_DRAWN = 2.0  # canvas pixels of a mesh cell; smaller ones would show nothing more
_CORNERS = np.array([(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
_GRID = np.array([(x / 8, y / 8) for x in range(9) for y in range(9)])


def transform_leaves(tile: Mapping[str, Any]) -> list[Any]:
    """Transform objects of a tile, first to last; its references must be resolved.

    Raises
    ------
    SpecError
        Naming the tile and what is wrong with which transform.
    """
    return _leaves_and_cell(tile)[0]


def _leaves_and_cell(tile: Mapping[str, Any]) -> tuple[list[Any], float]:
    """The same, and the size of the cells of a section's warp among them, else infinity."""
    from renderapi.transform import specs

    document = tile.get("transforms") or {"type": "list", "specList": []}
    if isinstance(document, list):
        document = {"type": "list", "specList": document}
    try:
        flat = document.get("specList", [])
        if document.get("type") != "list" or not all(specs.is_flat(spec) for spec in flat):
            flat = specs.flatten(document, None)
        found = specs.leaves(flat)
    except RenderError as error:
        raise type(error)(f"tile {tile.get('tileId')}: {error}") from None
    cells = [_cell_of(*pair) for pair in zip(flat, found, strict=True) if "metaData" in pair[0]]
    return found, min(cells, default=math.inf)


def _cell_of(spec: Mapping[str, Any], transform: Any) -> float:
    """Cell size of the warp of a section; infinite for other transforms."""
    about = spec["metaData"]
    labels = about.get("labels") if isinstance(about, Mapping) else None
    is_warp = isinstance(labels, list) and SECTION_WARP in labels
    return float(getattr(transform, "finest", math.inf)) if is_warp else math.inf


@dataclass
class Placement:
    """Where a tile lies and how it is sampled.

    Attributes
    ----------
    tile_id : str or None
    width, height : float or None
        Full-scale size; None where the tile does not say (the image decides).
    transforms : list
        Objects with `tform`.
    limits : DrawingLimits
        Of the mesh.
    check_stop : callable
        Called between transforms; raises to have the work end.
    warp_cell : float
        Size of the cells of the warp of its section; infinite where it has none.
    """

    tile_id: str | None
    width: float | None
    height: float | None
    transforms: list[Any]
    limits: DrawingLimits = OWN
    check_stop: Callable[[], None] = field(default=go_on, repr=False)
    warp_cell: float = math.inf

    @cached_property
    def matrix(self) -> Array | None:
        """3 x 3 affine, full-scale pixels -> world, where all transforms are affine."""
        return mesh.affine_of(self.transforms)

    def to_world(self, points: Array) -> Array:
        """Full-scale pixels -> world, exactly: (N, 2) -> (N, 2) float64."""
        if self.matrix is not None:
            return points @ self.matrix[:2, :2].T + self.matrix[:2, 2]
        for transform in self.transforms:
            self.check_stop()
            points = np.asarray(transform.tform(points), dtype=np.float64)
        return points

    def level(self, cell_size: float, window: Window) -> int:
        """Pyramid level that a picture samples; 0 where the tile is too small to tell."""
        if self.width is None or self.height is None:
            raise SpecError(f"tile {self.tile_id} has no width and height")
        size = self.width, self.height
        if self.matrix is None:
            cells = (self.width / cell_size) * (self.height / cell_size)
            self.limits.check_cells(cells, self.width, self.height)
            return levels.fitted_level(size, cell_size, self.to_world, window)
        matrices = [np.asarray(transform.M) for transform in self.transforms]
        return levels.affine_level(size, cell_size, matrices, self.matrix, window)

    def pixel_map(
        self, cell_size: float, scale: float, level: int, size: tuple[int, int], whole: bool
    ) -> PixelMap:
        """Polygons of the picture with the way back to the level image of `size` (width, height).

        `whole` allows one quadrilateral instead of the mesh where the tile's map is affine.
        """
        if self.matrix is not None and whole:
            return mesh.quadrilateral_map(self.matrix, scale, level, *size)
        full_width = self.width if self.width is not None else size[0] << level
        width, height = size
        full_height = full_width * height / max(width, 1)
        cell_size = self._drawn_cell(cell_size, scale, full_width * full_height)
        cells = full_width / cell_size
        self.limits.check_cells(cells * max(1.0, cells * height / max(width, 1)), width, height)
        columns = mesh.columns_of_cells(full_width, cell_size)
        vertices, triangles = mesh.triangle_mesh(*size, columns)
        target = self.to_world(mesh.level_to_full(vertices, level)) * scale
        return mesh.triangle_map(vertices, target, triangles)

    def _drawn_cell(self, asked: float, scale: float, area: float) -> float:
        """Side of the mesh's cells: as asked for, or as the warp of a section needs it.

        The jump at a crack is else drawn as a ramp as wide as a cell.
        """
        most = math.sqrt(area / self.limits.mesh_cells) * 1.01
        return min(asked, max(self.warp_cell, _FINEST_DRAWN / scale, most))

    def may_touch(self, window: tuple[float, float, float, float]) -> bool:
        """Whether the tile can have pixels in a world box; generous, to skip what is far away."""
        if self._reach is None:
            return True
        left, top, right, bottom = self._reach
        x0, y0, x1, y1 = window
        return left <= x1 and right >= x0 and top <= y1 and bottom >= y0

    @cached_property
    def _reach(self) -> tuple[float, float, float, float] | None:
        """World box that holds the tile; None where it is not known.

        Twice the tile's size all around its outline is taken: an image may be larger than the
        tile says, and a curved tile may bulge.
        """
        if self.width is None or self.height is None:
            return None
        outline = _CORNERS if self.matrix is not None else _GRID
        points = self.to_world(outline * (self.width, self.height))
        low, high = points.min(axis=0), points.max(axis=0)
        reach = high - low
        if not np.isfinite(reach).all():
            return None
        (left, top), (right, bottom) = (low - reach).tolist(), (high + reach).tolist()
        return left, top, right, bottom


def placement_of(tile: Mapping[str, Any], sources: SourceView | None = None) -> Placement:
    """Placement of a tile spec, under the bounds of the picture that it is for."""
    width, height = (optional_number(tile, key) for key in ("width", "height"))
    transforms, cell = _leaves_and_cell(tile)
    found = Placement(tile.get("tileId"), width, height, transforms, warp_cell=cell)
    if sources is not None:
        found.limits, found.check_stop = sources.limits, sources.check_stop
    return found
