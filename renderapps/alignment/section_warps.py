"""The warp of a section: a field of displacements on a grid of the world, as a shared transform.

Fields are arrays [2, rows, columns] (x first) of displacements in world pixels, relative: the point
(x, y) goes to (x, y) + field. Node (row, column) is at (x0 + column * stride, y0 + row * stride);
bilinear between nodes, beyond the border as on it. That is the convention of coordinate maps of
SOFIMA, `[2, z, y, x]`, one section of it, in pixels of the grid's own frame.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.rendering.parameters import DEFAULT_MESH_CELL_SIZE
from renderapi.transform import AffineWarpFieldTransform
from renderapi.transform.leaf.affine_warp_field import SECTION_WARP
from renderapi.transform.specs import flatten
from renderapps.alignment.field_grids import on_nodes, turned_over
from renderapps.module import RenderModuleException, Section
from renderapps.stack.affine import append_reference

MOST_CELLS = 256
"""Cells of a tile's mesh in a row, which the service goes through for its box and for places."""


class Field(NamedTuple):
    """Displacements of a section.

    Attributes
    ----------
    origin : (float, float)
        World place of the first node.
    stride : float
        Distance of the nodes, world pixels.
    shift : (2, rows, columns) float64
        World pixels, x first.
    """

    origin: tuple[float, float]
    stride: float
    shift: NDArray[np.float64]


def warp_document(name: str, field: Field) -> dict[str, Any]:
    """JSON object of the shared transform of a field."""
    _, rows, columns = field.shift.shape
    one, zero = np.ones((rows, columns)), np.zeros((rows, columns))
    half = field.stride / 2  # a cell's affine holds at the middle of the cell
    warp = AffineWarpFieldTransform(
        (field.origin[0] - half, field.origin[1] - half),
        (columns * field.stride, rows * field.stride),
        np.stack([one, zero, zero, one, field.shift[0], field.shift[1]]),
        labels=[SECTION_WARP],
        transformId=name,
    )
    document: dict[str, Any] = warp.to_dict()
    return {**document, "id": name, "type": "leaf"}


def give_warp(section: Section, name: str, field: Field) -> None:
    """Let all tiles of a section end with a field, and their mesh cells be as small as its own: no
    more than `MOST_CELLS` in a row.
    """
    section.transforms[name] = warp_document(name, field)
    for tile in section.tiles:
        append_reference(tile, name)
        sides = (tile.get("width") or 0.0, tile.get("height") or 0.0)
        cell = max(field.stride, *(side / MOST_CELLS for side in sides))
        tile["meshCellSize"] = min(tile.get("meshCellSize", DEFAULT_MESH_CELL_SIZE), cell)


def field_of(section: Section) -> Field | None:
    """Field of the last warp that all tiles of a section share; None where they share none.

    Raises
    ------
    RenderModuleException
        The tiles do not agree in it, or it is no field of displacements.
    """
    names = {_last_warp(tile, section.transforms) for tile in section.tiles}
    if len(names) != 1:
        raise RenderModuleException(
            f"the tiles of section z={section.z:g} do not share one warp of the section"
        )
    (name,) = names
    if name is None:
        return None
    warp = AffineWarpFieldTransform(json=section.transforms[name])
    _, rows, columns = warp.values.shape
    if not np.allclose(warp.values[:4].reshape(4, -1).T, (1, 0, 0, 1)):
        raise RenderModuleException(
            f"shared transform {name} of section z={section.z:g} is a field of affines, not of "
            "displacements: it is no relative map"
        )
    stride = warp.size[0] / columns
    if not np.isclose(stride, warp.size[1] / rows):
        raise RenderModuleException(f"shared transform {name} has cells that are not square")
    origin = (warp.offset[0] + stride / 2, warp.offset[1] + stride / 2)
    return Field(origin, stride, np.array(warp.values[4:]))


def same_span(field: Field, like: Field) -> bool:
    """Whether two fields have the first and the last nodes in common, on grids fine or coarse."""
    ends, others = (
        [*f.origin, *((n - 1) * f.stride for n in f.shift.shape[1:])] for f in (field, like)
    )
    return bool(np.allclose(ends, others))


def finer(field: Field, like: Field) -> Field:
    """A field on the nodes of one that is finer and has the same first and last nodes."""
    shift = on_nodes(np.moveaxis(field.shift, 0, -1), *like.shift.shape[1:])
    return Field(like.origin, like.stride, np.moveaxis(shift, -1, 0))


def _last_warp(tile: Mapping[str, Any], shared: Mapping[str, Any]) -> str | None:
    """Id of the last shared transform of a tile that is the warp of a section."""
    specs: Sequence[Any] = (tile.get("transforms") or {}).get("specList") or []
    for spec in reversed(specs):
        name = spec.get("refId")
        if name in shared:
            leaves = flatten(shared[name], shared)
            labels = (leaves[-1].get("metaData") or {}).get("labels") or [] if leaves else []
            if len(leaves) == 1 and SECTION_WARP in labels:
                return str(name)
    return None


def folded(shift: NDArray[np.float64], stride: float) -> int:
    """Number of cells that a field turns over: its map is not one to one there."""
    return int(turned_over(np.moveaxis(shift, 0, -1), stride).sum())
