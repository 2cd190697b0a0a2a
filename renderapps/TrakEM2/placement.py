"""Where TrakEM2 puts an image that has a coordinate transform.

A patch with transforms `ct` lies at matrix . T(-box.x, -box.y) . ct, where box is the bounding
rectangle, in whole pixels, of a triangle mesh of the image under `ct`. The box is cut toward zero,
as TrakEM2 does it: to round it otherwise would move patches with negative coordinates by a pixel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from renderapi.errors import SpecError
from renderapi.transform.specs import leaves, transform_points
from renderapps.TrakEM2.project import (
    MESH_RESOLUTION,
    Matrix,
    Patch,
    Points,
    compose,
    translation,
)


class MeshBox(NamedTuple):
    """Origin, cut toward zero, and extent, rounded up, of an image under transforms, in pixels."""

    x: int
    y: int
    width: int
    height: int


def mesh_points(width: int, height: int, mres: int) -> Points:
    """Vertices of TrakEM2's triangle mesh of an image: N x 2, raw image pixels.

    `mres` points across; rows apart as in equilateral triangles; and the middle of every cell.
    """
    nx = max(2, mres)
    row = 2.0 * math.sqrt(0.75) * width / (nx - 1)
    ny = max(2, int(height / row + 0.5) + 1)
    dx, dy = (width - 1) / (nx - 1), (height - 1) / (ny - 1)
    corners = np.stack(np.meshgrid(np.arange(nx) * dx, np.arange(ny) * dy), -1).reshape(-1, 2)
    across, down = np.arange(nx - 1) + 0.5, np.arange(ny - 1) + 0.5
    middles = np.stack(np.meshgrid(across * dx, down * dy), -1).reshape(-1, 2)
    return np.vstack([corners, middles])


def mesh_box(
    width: int, height: int, ct: Sequence[dict[str, Any]], mres: int = MESH_RESOLUTION
) -> MeshBox:
    """Box of an image under the leaves `ct`.

    Raises
    ------
    SpecError
        For a transform of an unknown class, or one that gives no finite points.
    """
    points = transform_points(leaves(ct), mesh_points(width, height, mres))
    if not np.isfinite(points).all():
        raise SpecError("its coordinate transform maps points of the image to infinity")
    low, high = points.min(axis=0), points.max(axis=0)
    size = np.ceil(high - low)
    return MeshBox(int(low[0]), int(low[1]), int(size[0]), int(size[1]))


def canvas_matrix(patch: Patch) -> Matrix:
    """What `patch` applies after its coordinate transform: matrix . T(-box), layer set pixels.

    Raises
    ------
    SpecError
        Naming the patch, where its coordinate transform is in another file or cannot be computed.
    """
    if patch.ct_id is not None and not patch.ct:
        raise SpecError(
            f"{patch_name(patch)} keeps its coordinate transform outside the project "
            f"(ct_id {patch.ct_id}): save it from TrakEM2 with coordinate transforms in the XML"
        )
    if not patch.ct:
        return patch.transform
    try:
        box = mesh_box(patch.o_width, patch.o_height, patch.ct, patch.mres)
    except SpecError as error:
        raise SpecError(f"{patch_name(patch)}: {error}") from error
    return compose(patch.transform, translation(-box.x, -box.y))


def patch_name(patch: Patch) -> str:
    """The patch as a message names it."""
    return f"patch {patch.oid} ({patch.title})"
