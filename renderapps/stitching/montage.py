"""A section's tiles and matches as a solver's input, and its solution as tile specs and a report.

Coordinates: stored match points lie after the first `k` transforms of their tile (*post-local*);
the remaining transforms take them to the world, where the solver works.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from renderapi.errors import RenderError
from renderapi.pointmatch import match_points
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, Transform, estimate_dstpts
from renderapps.alignment.solving import Link
from renderapps.stitching.displacements import Placement

Json = dict[str, Any]
DECIMALS = 10
"""Of the entries of an affine: so many that whole pixels stay whole, and nothing else is lost."""


def world_corners(tile: TileSpec, references: Sequence[Transform]) -> np.ndarray:
    """(4, 2) corners of a tile's image (pixel centres) in the world, clockwise from upper left."""
    right, bottom = tile.width - 1.0, tile.height - 1.0
    corners = np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])
    return estimate_dstpts(tile.tforms, corners, list(references))


def corners_of(tiles: Sequence[TileSpec], references: Sequence[Transform]) -> np.ndarray:
    """(T, 4, 2) corners of tiles in the world, each as `world_corners` gives them."""
    return np.array([world_corners(tile, references) for tile in tiles], float).reshape(-1, 4, 2)


def world_centre(tile: TileSpec, references: Sequence[Transform]) -> np.ndarray:
    """(2,) centre of a tile's image in the world."""
    middle = np.array([[(tile.width - 1) / 2, (tile.height - 1) / 2]])
    return estimate_dstpts(tile.tforms, middle, list(references))[0]


def placements(section: ResolvedTiles) -> dict[str, Placement]:
    """Where the tiles of a section lie in the world, by tileId."""
    placed = {}
    for tile in section.tilespecs:
        corners = world_corners(tile, section.transforms)
        bounds = (*corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
        x, y = world_centre(tile, section.transforms).tolist()
        placed[tile.tileId] = Placement(bounds, (x, y))
    return placed


def links_from_matches(
    matches: Iterable[Json],
    tiles: Sequence[TileSpec],
    references: Sequence[Transform],
    local_transforms: int,
) -> list[Link]:
    """Links between the tiles of one section, in the world; other tiles' matches are left out.

    Pairs are oriented by tile id, since a service returns p and q in string order. Points of
    weight 0 are dropped, and so are pairs that have no others.
    """
    index = {tile.tileId: i for i, tile in enumerate(tiles)}
    links = []
    for match in matches:
        if match["pId"] not in index or match["qId"] not in index:
            continue
        first, second = index[match["pId"]], index[match["qId"]]
        p, q, weights = match_points(match)
        counted = weights > 0
        if first == second or not counted.any():
            continue
        ends = [
            _to_world(tiles[tile], references, local_transforms, points[counted])
            for tile, points in ((first, p), (second, q))
        ]
        links.append(Link(first, second, *ends, weights[counted]))
    return links


def _to_world(
    tile: TileSpec, references: Sequence[Transform], local_transforms: int, points: np.ndarray
) -> np.ndarray:
    if local_transforms > len(tile.tforms):
        raise RenderError(
            f"tile {tile.tileId} has {len(tile.tforms)} transforms, but its matches were stored "
            f"after {local_transforms}: give the local_transforms they were made with"
        )
    return estimate_dstpts(tile.tforms[local_transforms:], points, list(references))


def moved_tile(tile: TileSpec, change: np.ndarray, local_transforms: int) -> TileSpec:
    """Copy of a tile with `change` (3 x 3, world to world) applied after its transforms.

    The first `local_transforms` transforms stay as they are. Where the rest are affine leaves they
    and the change become one affine; otherwise the change is added as a transform of its own.
    """
    out = copy.copy(tile)
    kept, rest = tile.tforms[:local_transforms], tile.tforms[local_transforms:]
    matrix = change
    if all(isinstance(transform, AffineModel) for transform in rest):
        for transform in reversed(rest):
            matrix = matrix @ transform.M
        matrix = matrix.round(DECIMALS)
        out.tforms = [*kept, affine_from_matrix(matrix)]
    else:
        out.tforms = [*kept, *rest, affine_from_matrix(matrix)]
    return out


def affine_from_matrix(matrix: np.ndarray) -> AffineModel:
    """AffineModel of a 3 x 3 matrix."""
    (m00, m01, b0), (m10, m11, b1) = matrix[:2].tolist()
    return AffineModel(M00=m00, M01=m01, M10=m10, M11=m11, B0=b0, B1=b1)


def moves(corners: np.ndarray, changes: np.ndarray) -> np.ndarray:
    """(T, 2) how far each tile's centre goes, from (T, 4, 2) corners and (T, 3, 3) changes."""
    centres = corners.mean(axis=1)
    return np.einsum("nij,nj->ni", changes[:, :2, :2], centres) + changes[:, :2, 2] - centres
