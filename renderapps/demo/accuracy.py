"""How far tiles are from where they truly were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import renderapi
from renderapi.transform import estimate_dstpts

MEDIAN_LIMIT, WORST_LIMIT = 0.3, 1.0

Truth = Mapping[tuple[str, int, int], tuple[float, float]]


@dataclass(frozen=True)
class TileError:
    """Error of one tile in pixels, after the common shift of its section is taken away."""

    section: str
    row: int
    column: int
    dx: float
    dy: float

    @property
    def distance(self) -> float:
        """Length of the error."""
        return float(np.hypot(self.dx, self.dy))


def tile_errors(render: renderapi.Render, stack: str, truth: Truth) -> list[TileError]:
    """Errors of the tiles of a stack against their true positions.

    Parameters
    ----------
    truth : mapping of (section, row, column) to (x, y)
        True world position of each tile's first pixel, pixels; each section has its own origin.

    Returns
    -------
    list of TileError
        One for each tile, by section, row and column. What is compared is the centre of the tile.
        From each section the median shift is taken away: where a section as a whole lies is not
        known to a montage.
    """
    sections: dict[str, list[tuple[tuple[str, int, int], np.ndarray]]] = defaultdict(list)
    for tile in renderapi.tilespec.get_tile_specs_from_stack(stack, render=render):
        layout = tile.layout
        key: Any = (layout.sectionId, layout.imageRow, layout.imageCol)
        centre = np.array([[(tile.width - 1) / 2, (tile.height - 1) / 2]])
        shift = estimate_dstpts(tile.tforms, centre)[0] - centre[0] - np.array(truth[key])
        sections[key[0]].append((key, shift))
    errors = []
    for members in sections.values():
        common = np.median([shift for _, shift in members], axis=0)
        for (section, row, column), shift in sorted(members, key=lambda member: member[0]):
            dx, dy = (shift - common).tolist()
            errors.append(TileError(section, row, column, dx, dy))
    return errors


def within_limits(errors: list[TileError]) -> bool:
    """Whether the median and the worst error are as small as the demonstration promises."""
    distances = [error.distance for error in errors]
    return bool(np.median(distances) <= MEDIAN_LIMIT and max(distances) <= WORST_LIMIT)
