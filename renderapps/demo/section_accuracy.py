"""How far aligned sections of the simulated specimen are off each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import estimate_dstpts
from renderapps.demo.acquisition import AcquisitionPlan, first_section_place, specimen_place

SECTION_MEDIAN_LIMIT, SECTION_WORST_LIMIT = 0.3, 2.0
_POINTS = 10  # along each side of a tile

Floats = NDArray[np.float64]
Truth = Mapping[tuple[str, int, int], tuple[float, float]]


def section_errors(
    render: renderapi.Render, stack: str, truth: Truth, plan: AcquisitionPlan
) -> Floats:
    """Distances of what is the same place of the specimen, in the world of a stack.

    Parameters
    ----------
    truth : mapping of (section, row, column) to (x, y)
        True stage position of each tile's first pixel, pixels.

    Returns
    -------
    (N,) float64, pixels
        For points on a grid over the tiles of every section but the first: from where the stack
        has them to where it has the same point of the specimen in the first section. Points that
        the first section does not show are left out.
    """
    tiles = renderapi.tilespec.get_tile_specs_from_stack(stack, render=render)
    keyed: dict[Any, TileSpec] = {
        (t.layout.sectionId, t.layout.imageRow, t.layout.imageCol): t for t in tiles
    }
    names = sorted({key[0] for key in keyed})
    side = np.linspace(0.05, 0.95, _POINTS) * (plan.tile_size - 1)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    found = [np.empty(0)]
    for key, tile in keyed.items():
        if key[0] == names[0]:
            continue
        seen = specimen_place(plan, int(key[0]), grid + np.array(truth[key]))
        here, there = estimate_dstpts(tile.tforms, grid), first_section_place(plan, seen)
        for other, first in keyed.items():
            if other[0] == names[0]:
                local = there - np.array(truth[other])
                inside = ((local >= 0) & (local <= plan.tile_size - 1)).all(axis=1)
                if inside.any():
                    placed = estimate_dstpts(first.tforms, local[inside])
                    found.append(np.linalg.norm(placed - here[inside], axis=1))
    return np.concatenate(found)


def sections_within_limits(distances: Floats) -> bool:
    """Whether sections lie on each other as well as the demonstration promises."""
    return bool(
        np.median(distances) <= SECTION_MEDIAN_LIMIT and distances.max() <= SECTION_WORST_LIMIT
    )
