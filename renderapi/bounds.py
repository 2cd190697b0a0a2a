"""Boxes of tiles in world coordinates, derived from their sizes and transforms.

A box is that of sample points along the tile's border (section by mesh cells, far edges at width
and height), mapped exactly; its upper left corner is cut to whole numbers toward zero and its size
rounded up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import RenderError, SpecError
from renderapi.mapped_boxes import boxes_of_mapped
from renderapi.transform.leaf.affine_models import AffineModel
from renderapi.transform.plain import AFFINE, Alike, alike_tiles
from renderapi.transform.specs import (
    Lookup,
    cached_leaf,
    flatten,
    kind_of,
    leaves,
    transform_points,
)

DEFAULT_MESH_CELL_SIZE = 64.0
#: mesh cells along the border beyond which a mesh cell size is taken for a mistake
MOST_CELLS = 1e6

Entries = list[dict[str, Any]]

_LINEAR_NAMES = ("AffineModel2D", "TranslationModel2D", "RigidModel2D", "SimilarityModel2D")
_LINEAR = {
    prefix + name
    for prefix in ("mpicbg.trakem2.transform.", "mpicbg.models.")
    for name in _LINEAR_NAMES
}


class _Shape(NamedTuple):
    """What tiles of one group share: size, mesh, leading transforms, count of final affines."""

    width: float
    height: float
    cell: float
    lead: tuple[Any, ...]
    tail: int


_Group = tuple[_Shape, Entries, list[int], NDArray[np.float64]]


def tile_box(
    tile: Mapping[str, Any], lookup: Lookup | None = None
) -> tuple[float, float, float, float]:
    """Box (minX, minY, maxX, maxY) of one tile; see `derive_boxes`."""
    min_x, min_y, max_x, max_y = derive_boxes([tile], lookup)[0].tolist()
    return min_x, min_y, max_x, max_y


def derive_boxes(
    tiles: Sequence[Mapping[str, Any]], lookup: Lookup | None = None
) -> NDArray[np.float64]:
    """Boxes of tiles in world coordinates.

    Tiles that agree in size, mesh and all transforms before their last affine ones are sampled
    once; the affine ones are applied to all of them in bulk.

    Parameters
    ----------
    tiles : sequence of dict
        Tile specs with width, height, meshCellSize (64 if absent) and transforms.
    lookup : mapping of id to document, optional
        Shared transforms that the tiles refer to.

    Returns
    -------
    ndarray, N x 4, float64
        minX, minY, maxX, maxY; whole numbers.

    Raises
    ------
    SpecError
        Naming the tile: no size, a transform that cannot be resolved or read, or a box that is
        not finite.
    """
    boxes = np.empty((len(tiles), 4))
    reader = _Reader(lookup or {})
    alike, others = alike_tiles(tiles, with_last=True)
    groups: list[_Group] = []
    for same in alike:
        try:
            group = _group_of(same, reader)
        except RenderError as error:
            raise _named(tiles[same.members[0]], error) from error
        if group is None:
            others += same.members
        else:
            groups.append(group)
    groups += _other_groups(tiles, others, reader)
    for group in groups:
        try:
            _fill(boxes, group)
        except RenderError as error:
            raise _named(tiles[group[2][0]], error) from error
    bad = np.flatnonzero(~np.isfinite(boxes).all(axis=1))
    if len(bad):
        raise _named(tiles[bad[0]], SpecError("its transforms map the border to infinity"))
    return boxes


def boxes_of_alike(
    alike: Sequence[Alike], count: int, lookup: Lookup | None = None
) -> NDArray[np.float64] | None:
    """Boxes of `count` tiles, all of them members of groups of the usual kind; as `derive_boxes`.

    None where some take a closer look, or have no finite box; a `RenderError` names no tile.
    """
    reader = _Reader(lookup or {})
    boxes = np.empty((count, 4))
    for same in alike:
        group = _group_of(same, reader)
        if group is None:
            return None
        _fill(boxes, group)
    return boxes if np.isfinite(boxes).all() else None


def _fill(boxes: NDArray[np.float64], group: _Group) -> None:
    """Put the boxes of a group where they belong."""
    shape, lead, indices, tails = group
    with np.errstate(over="ignore", invalid="ignore"):
        samples = transform_points(leaves(lead), border_samples(*shape[:3]))
        boxes[indices] = boxes_of_mapped(samples, tails.reshape(len(tails), shape.tail, 6))


def _group_of(same: Alike, reader: _Reader) -> _Group | None:
    """Group of tiles that agree in all but one affine; None where that takes a closer look."""
    last = [entry for ref_id in same.last_ids for entry in reader.shared(ref_id)]
    linear = all(entry.get("className") in _LINEAR for entry in last)
    if not (linear and _is_usual(same.width, same.height, same.cell)):
        return None
    lead = [entry for ref_id in same.ids for entry in reader.shared(ref_id)]
    shape = _Shape(same.width, same.height, same.cell, (), 1 + len(last))
    shared = [n for entry in last for n in _coefficients(entry["className"], entry["dataString"])]
    tails = np.hstack([same.affines, np.tile(shared, (len(same.members), 1))])
    return shape, lead, same.members, tails


def _is_usual(width: Any, height: Any, cell: Any) -> bool:
    """Whether these are sizes and a mesh that need no second look."""
    return (
        type(width) in (int, float)
        and type(height) in (int, float)
        and type(cell) in (int, float)
        and 1 <= width < 2**31
        and 1 <= height < 2**31
        and 1 <= cell < 2**31
        and (width + height) / cell <= MOST_CELLS
    )


def _other_groups(
    tiles: Sequence[Mapping[str, Any]], indices: list[int], reader: _Reader
) -> list[_Group]:
    """Groups of the tiles at `indices`, whatever their transforms."""
    groups: dict[_Shape, tuple[Entries, list[int], list[list[float]]]] = {}
    for index in sorted(indices):
        try:
            shape, lead, tail = reader.read(tiles[index])
        except RenderError as error:
            raise _named(tiles[index], error) from error
        _, members, tails = groups.setdefault(shape, (lead, [], []))
        members.append(index)
        tails.append(tail)
    return [
        (shape, lead, members, np.array(tails)) for shape, (lead, members, tails) in groups.items()
    ]


def border_samples(width: float, height: float, cell: float) -> NDArray[np.float64]:
    """Points N x 2 along the border of a tile: top, bottom, left and right edge."""
    nx = max(2, int(width / cell + 0.5))
    ny = max(2, int(height / cell + 0.5))
    x = np.arange(nx) * ((width - 1.0) / (nx - 1))
    y = np.arange(ny) * ((height - 1.0) / (ny - 1))
    edges = (
        (x, np.zeros(nx)),
        (x, np.full(nx, height)),
        (np.zeros(ny), y),
        (np.full(ny, width), y),
    )
    return np.concatenate([np.stack(edge, axis=1) for edge in edges])


def _named(tile: Mapping[str, Any], error: RenderError) -> SpecError:
    kind = type(error) if isinstance(error, SpecError) else SpecError
    return kind(f"tile {tile.get('tileId')}: {error}")


class _Reader:
    """Splits the transforms of tiles into leading ones and trailing affines."""

    def __init__(self, lookup: Lookup) -> None:
        self.lookup = lookup
        self.resolved: dict[str, Entries] = {}

    def read(self, tile: Mapping[str, Any]) -> tuple[_Shape, Entries, list[float]]:
        """Group of a tile, its leading transforms, and the numbers of its trailing affines."""
        width, height = _length(tile, "width"), _length(tile, "height")
        cell = tile.get("meshCellSize")
        cell = DEFAULT_MESH_CELL_SIZE if cell is None else _length(tile, "meshCellSize")
        if (width + height) / cell > MOST_CELLS:
            raise SpecError(f"its meshCellSize {cell:g} is too small for {width:g} x {height:g}")
        entries = self._entries(tile.get("transforms"))
        split = len(entries)
        while split and entries[split - 1].get("className") in _LINEAR:
            split -= 1
        lead = entries[:split]
        tail: list[float] = []
        for entry in entries[split:]:
            tail += _coefficients(entry["className"], entry["dataString"])
        key = tuple(
            (entry["className"], entry["dataString"]) if "className" in entry else id(entry)
            for entry in lead
        )
        return _Shape(width, height, cell, key, len(entries) - split), lead, tail

    def _entries(self, transforms: Mapping[str, Any] | None) -> Entries:
        if transforms is None:
            return []
        specs = transforms.get("specList") if isinstance(transforms, Mapping) else None
        if not isinstance(specs, list):
            return flatten(transforms, self.lookup)
        entries: Entries = []
        for spec in specs:
            kind = kind_of(spec)
            if kind == "leaf":
                entries.append(spec)
            elif kind == "ref":
                entries += self.shared(spec["refId"])
            else:
                entries += flatten(spec, self.lookup)
        return entries

    def shared(self, ref_id: str) -> Entries:
        """Leaves of a shared transform."""
        if ref_id not in self.resolved:
            self.resolved[ref_id] = flatten({"type": "ref", "refId": ref_id}, self.lookup)
        return self.resolved[ref_id]


def _length(tile: Mapping[str, Any], key: str) -> float:
    value = tile.get(key)
    if value is None:
        raise SpecError(f"it has no {key}, so no box can be derived")
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**31:
        raise SpecError(f"its {key} must be a positive number, not {value!r}")
    return float(value)


def _coefficients(class_name: str, data: str) -> list[float]:
    """M00, M10, M01, M11, M02, M12 of a linear transform."""
    if class_name in AFFINE:
        try:
            numbers = [float(word) for word in data.split()]
        except (ValueError, AttributeError):
            numbers = []
        if len(numbers) == 6:
            return numbers
    model = cached_leaf(class_name, data)
    assert isinstance(model, AffineModel)
    return model.M[:2].T.ravel().tolist()
