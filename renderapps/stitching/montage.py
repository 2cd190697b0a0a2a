"""Where the tiles of a section lie in the world."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapi.transform import Transform, estimate_dstpts
from renderapps.stitching.displacements import Placement


def world_corners(tile: TileSpec, references: Sequence[Transform]) -> np.ndarray:
    """(4, 2) corners of a tile's image (pixel centres) in the world, clockwise from upper left."""
    right, bottom = tile.width - 1.0, tile.height - 1.0
    corners = np.array([[0.0, 0.0], [right, 0.0], [right, bottom], [0.0, bottom]])
    return estimate_dstpts(tile.tforms, corners, list(references))


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
