"""The warp field of one tier of a hierarchical alignment, at one z.

A tier splits the full-scale world into a grid of boxes; each box is a *tier stack* whose layers are
pictures of the box at some scale, one tile a layer, and its *aligned stack* says where these
pictures have to go. With B the upper left corner of the box, s its scale and T the affine of the
aligned tile (pixels of the picture -> aligned pixels of the picture), full-scale points of the box
move by C' T C, where C(p) = s (p - B) and C' is its inverse. The field holds these affines at the
centres of its cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.rendering.tiles import placement_of
from renderapi.transform import AffineModel
from renderapi.transform.leaf.affine_warp_field import LINEAR, NEAREST, AffineWarpFieldTransform

Json = dict[str, Any]
Array = NDArray[np.float64]

METHODS = {"SIMPLE": NEAREST, "INTERPOLATE": LINEAR}
_SAMPLES = np.array([(x, y) for x in (0.0, 0.5, 1.0) for y in (0.0, 0.5, 1.0)])


@dataclass(frozen=True)
class AlignedBox:
    """A box of the tier and how it moves.

    Attributes
    ----------
    row, column : int
        Place in the grid of the tier.
    bounds : tuple of float
        min_x, min_y, max_x, max_y in full-scale world pixels.
    affine : (6,) float64
        m00, m10, m01, m11, m02, m12 on full-scale world points.
    """

    row: int
    column: int
    bounds: tuple[float, float, float, float]
    affine: Array


def aligned_box(data: Json, tile: Json) -> AlignedBox:
    """Box of a tier stack with the given hierarchical data, moved as its aligned tile says.

    Raises
    ------
    SpecError
        The hierarchical data lack the box, its place or its scale.
    """
    box, scale = data.get("fullScaleBounds") or {}, data.get("scale")
    try:
        min_x, min_y, max_x, max_y = (float(box[k]) for k in ("minX", "minY", "maxX", "maxY"))
        place = int(data["tierRow"]), int(data["tierColumn"])
    except KeyError as error:
        raise SpecError(f"the hierarchical data have no {error.args[0]}") from error
    if not scale or not (min_x < max_x and min_y < max_y):
        raise SpecError("the hierarchical data need a scale, and full-scale bounds with a size")
    to_picture = np.array([[scale, 0, -scale * min_x], [0, scale, -scale * min_y], [0, 0, 1]])
    full = np.linalg.inv(to_picture) @ _affine_of(tile) @ to_picture
    return AlignedBox(*place, (min_x, min_y, max_x, max_y), full[:2].T.ravel())


def _affine_of(tile: Json) -> Array:
    """3 x 3 affine of a tile, fitted where its transforms are not affine."""
    placement = placement_of(tile)
    if placement.matrix is not None:
        return placement.matrix
    points = _SAMPLES * (placement.width or 1.0, placement.height or 1.0)
    fitted = AffineModel()
    fitted.estimate(points, placement.to_world(points))
    return fitted.M


def warp_field(
    boxes: Sequence[AlignedBox], rows: int, columns: int, method: str, transform_id: str
) -> AffineWarpFieldTransform:
    """Field of rows x columns cells over all boxes.

    SIMPLE gives each cell the affine of the box that its centre lies in, INTERPOLATE that between
    the centres of the nearest boxes, bilinearly. Boxes that are not aligned count as their nearest
    aligned one.
    """
    low = np.min([box.bounds[:2] for box in boxes], axis=0)
    high = np.max([box.bounds[2:] for box in boxes], axis=0)
    offset, size = (low[0], low[1]), (high[0] - low[0], high[1] - low[1])
    tier = AffineWarpFieldTransform(offset, size, _grid(boxes), METHODS[method])
    x = low[0] + (np.arange(columns) + 0.5) * size[0] / columns
    y = low[1] + (np.arange(rows) + 0.5) * size[1] / rows
    centres = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    values = tier.affines_at(centres).reshape(6, rows, columns)
    return AffineWarpFieldTransform(offset, size, values, LINEAR, transformId=transform_id)


def _grid(boxes: Sequence[AlignedBox]) -> Array:
    """Affines of the tier's grid, 6 x rows x columns, from its first to its last aligned box."""
    places = np.array([(box.row, box.column) for box in boxes])
    first = places.min(axis=0)
    rows, columns = places.max(axis=0) - first + 1
    grid = np.empty((6, rows, columns))
    for row in range(rows):
        for column in range(columns):
            distance = np.abs(places - first - (row, column)).sum(axis=1)
            grid[:, row, column] = boxes[int(distance.argmin())].affine
    return grid
