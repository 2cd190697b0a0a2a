"""Outlines of sections brought from the world of one stack into that of another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapi.matching.models import Model, distances
from renderapi.outline import border_points
from renderapi.transform.slices import TileTransforms
from renderapps.materialize.section_pictures import section_tiles
from renderapps.module import RenderModuleException

STRAIGHT = 0.01
"""Share of the size of a section by which tiles may miss the affine that moves its outline."""


def moved_outlines(
    render: renderapi.Render, outlines: Mapping[float, bytes], drawn_on: str, stack: str
) -> dict[float, bytes]:
    """WKB of outlines by z in the world of `stack`, given those in the world of `drawn_on`.

    Each is moved by the affine closest to how the tiles that both stacks have were moved.

    Raises
    ------
    RenderModuleException
        A section has no tile in both, or its tiles were bent, not moved together.
    """
    import shapely
    from shapely.affinity import affine_transform

    moved = {}
    for z, outline in outlines.items():
        a, b, x = _between(render, z, drawn_on, stack)[:2].T
        placed = affine_transform(shapely.from_wkb(outline), [a[0], b[0], a[1], b[1], *x])
        moved[z] = placed.wkb
    return moved


def _between(render: renderapi.Render, z: float, drawn_on: str, stack: str) -> NDArray[np.float64]:
    before, after = (_corners(section_tiles(render, name, z)) for name in (drawn_on, stack))
    both = sorted(before.keys() & after.keys())
    where = f"section z={z:g} of stack {stack}"
    if not both:
        raise RenderModuleException(
            f"{where} has no tile of stack {drawn_on}: its outline cannot be moved"
        )
    here, there = (np.concatenate([at[tile] for tile in both]) for at in (before, after))
    matrix = np.asarray(Model("affine").fit(here, there), float)
    off = float(distances(matrix, here, there).max())
    if not off <= STRAIGHT * np.ptp(here, axis=0).max():
        raise RenderModuleException(
            f"{where}: its tiles were not moved together since stack {drawn_on} (by up to "
            f"{off:.0f} pixels otherwise): draw the outlines on stack {stack}"
        )
    return matrix


def _corners(tiles: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    return {
        tile["tileId"]: TileTransforms(tile).forward(border_points(tile["width"], tile["height"]))
        for tile in tiles
    }
