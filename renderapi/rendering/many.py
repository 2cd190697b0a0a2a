"""Points of many tiles, local <-> world, at once.

What tiles share (a lens, and the mesh over it) is computed once for all their points; what each
has of its own, an affine, is applied to arrays. The results are those of `transform_points` and
`world_to_local`, up to rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.inverse import SLACK, mapped_back, world_to_local
from renderapi.rendering.mesh import LARGEST_SLOPE, Array, PixelMap, affine_of
from renderapi.rendering.parameters import DEFAULT_MESH_CELL_SIZE
from renderapi.rendering.tiles import Placement
from renderapi.transform.plain import Alike, alike_tiles
from renderapi.transform.specs import Lookup, flatten, leaves, transform_points

Index = NDArray[np.int64]


class ManyTiles:
    """Tiles whose points are mapped together.

    Parameters
    ----------
    tiles : sequence of dict
        Tile specs; references are resolved through `lookup`.
    lookup : mapping of id to document
        Shared transforms.

    Raises
    ------
    RenderError
        A transform that cannot be resolved or read.
    """

    def __init__(self, tiles: Sequence[Mapping[str, Any]], lookup: Lookup) -> None:
        alike, others = alike_tiles(tiles)
        self._groups = [_Group(part, lookup) for part in alike if _has_size(part)]
        others += [i for part in alike if not _has_size(part) for i in part.members]
        self._others = {i: _flattened(tiles[i], lookup) for i in others}
        self._group_of = np.full(len(tiles), -1)
        self._place = np.zeros(len(tiles), np.int64)
        for number, group in enumerate(self._groups):
            self._group_of[group.members] = number
            self._place[group.members] = np.arange(len(group.members))

    def to_world(self, owner: Index, points: Array) -> Array:
        """World points (N, 2) of local points, each of the tile whose place is in `owner`."""
        world = np.empty(points.shape)
        for group, rows in self._rows_of_groups(owner):
            world[rows] = group.to_world(self._place[owner[rows]], points[rows])
        for tile, rows in self._rows_of_others(owner):
            world[rows] = transform_points(leaves(tile["transforms"]["specList"]), points[rows])
        return world

    def to_local(self, owner: Index, points: Array) -> Array:
        """Raw local points (N, 2) of world points; NaN outside the tile in question.

        Raises SpecError for a tile that has transforms and no size.
        """
        local = np.empty(points.shape)
        for group, rows in self._rows_of_groups(owner):
            local[rows] = group.to_local(self._place[owner[rows]], points[rows])
        for tile, rows in self._rows_of_others(owner):
            local[rows] = world_to_local(tile, points[rows])
        return local

    def _rows_of_groups(self, owner: Index) -> Iterator[tuple[_Group, Index]]:
        numbers = self._group_of[owner]
        for number, group in enumerate(self._groups):
            rows = np.flatnonzero(numbers == number)
            if len(rows):
                yield group, rows

    def _rows_of_others(self, owner: Index) -> Iterator[tuple[Mapping[str, Any], Index]]:
        rest = np.flatnonzero(self._group_of[owner] < 0)
        tiles, starts = np.unique(owner[rest], return_index=True)
        if len(tiles) == 0:
            return
        by_tile = rest[np.argsort(owner[rest], kind="stable")]
        starts = np.searchsorted(owner[by_tile], tiles)
        for tile, rows in zip(tiles.tolist(), np.split(by_tile, starts[1:]), strict=True):
            yield self._others[tile], rows


class _Group:
    """Tiles of one size, mesh and list of shared transforms, with an affine each."""

    def __init__(self, alike: Alike, lookup: Lookup) -> None:
        self.members = np.array(alike.members)
        self.affines = alike.affines
        self.size = int(alike.width), int(alike.height)
        shared = {"type": "list", "specList": [{"type": "ref", "refId": i} for i in alike.ids]}
        self.lead = leaves(flatten(shared, lookup))
        self.lead_affine = affine_of(self.lead)
        cell = DEFAULT_MESH_CELL_SIZE if alike.cell is None else float(alike.cell)
        self.mesh_of_lead: PixelMap | None = None
        if self.lead_affine is None:
            placement = Placement(None, float(alike.width), float(alike.height), self.lead)
            self.mesh_of_lead = placement.pixel_map(cell, 1.0, 0, self.size, whole=False)

    def to_world(self, place: Index, points: Array) -> Array:
        x, y = transform_points(self.lead, points).T
        m00, m10, m01, m11, m02, m12 = self.affines[place].T
        # the order of these sums is that of AffineModel.tform
        return np.stack([m00 * x + m01 * y + m02, m10 * x + m11 * y + m12], axis=1)

    def to_local(self, place: Index, points: Array) -> Array:
        lead = np.eye(3) if self.lead_affine is None else self.lead_affine
        before, slack = _inverted(self.affines @ _through(lead), place, points)
        if self.mesh_of_lead is not None:
            return mapped_back(self.mesh_of_lead, before)
        size = np.array(self.size)
        if (size < 2).any():
            return np.full(points.shape, np.nan)
        with np.errstate(invalid="ignore"):
            inside = ((before >= -slack) & (before <= size - 1 + slack)).all(axis=1)
        before[~inside] = np.nan
        return before


def _through(lead: Array) -> Array:
    """6 x 6 matrix that turns rows of affine numbers into those of the affine after `lead`.

    Numbers are M00, M10, M01, M11, M02, M12; the new matrix is M lead.
    """
    a, b, c, d, e, f = lead[0, 0], lead[0, 1], lead[0, 2], lead[1, 0], lead[1, 1], lead[1, 2]
    columns = np.zeros((6, 6))
    for axis in (0, 1):
        columns[[axis, axis + 2], axis] = a, d
        columns[[axis, axis + 2], axis + 2] = b, e
        columns[[axis, axis + 2, axis + 4], axis + 4] = c, f, 1.0
    return columns


def _inverted(affines: Array, place: Index, points: Array) -> tuple[Array, Array]:
    """Points (N, 2) that affines lead to `points`, NaN where there are none; and their slack."""
    p, r, q, s, tx, ty = affines.T
    with np.errstate(all="ignore"):  # what cannot be inverted becomes NaN below
        determinant = p * s - q * r
        a, b, d, e = s / determinant, -q / determinant, -r / determinant, p / determinant
        rows = np.stack([a, b, -(a * tx + b * ty), d, e, -(d * tx + e * ty)])
        usable = np.isfinite(rows).all(axis=0)
        usable &= (np.abs(np.stack([a, b, d, e])) < LARGEST_SLOPE).all(axis=0)
    rows[:, ~usable] = np.nan
    a, b, c, d, e, f = rows[:, place]
    x, y = points.T
    before = np.stack([a * x + (c + b * y), d * x + (f + e * y)], axis=1)
    slack = SLACK * np.stack([np.abs(a) + np.abs(b), np.abs(d) + np.abs(e)], axis=1)
    return before, slack


def _flattened(tile: Mapping[str, Any], lookup: Lookup) -> Mapping[str, Any]:
    """The tile with its references resolved."""
    specs = flatten(tile.get("transforms") or {"type": "list", "specList": []}, lookup)
    return {**tile, "transforms": {"type": "list", "specList": specs}}


def _has_size(alike: Alike) -> bool:
    """Whether these sizes and mesh are ordinary numbers."""
    numbers = [alike.width, alike.height, 64.0 if alike.cell is None else alike.cell]
    return all(
        isinstance(n, int | float) and not isinstance(n, bool) and 0 < n < 2**31 for n in numbers
    )
