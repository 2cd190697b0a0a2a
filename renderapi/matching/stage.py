"""Second look at pairs that failed, where their neighbours say where to look.

A stage misses its target in much the same way at every step: the offsets of all pairs in one
direction (left to right, top to bottom) of a section lie close together. Once enough pairs have
been matched, the others are looked for near the median of those offsets only: chance gives less in
so small a range (see `chance.py`), so a fainter agreement is enough.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

MIN_PAIRS = 3
"""Matched pairs in a direction that make a rule."""
MIN_RADIUS = 3.0
"""The search is not narrowed below this, pixels."""


@dataclass(frozen=True)
class StageRule:
    """Where the pairs of one direction are to be expected.

    Attributes
    ----------
    offset : (dx, dy)
        Median of how far q was from its expected place, pixels.
    radius : float
        Search radius around that.
    pairs : int
        Number of pairs it was learnt from.
    """

    offset: tuple[float, float]
    radius: float
    pairs: int


def stage_rules(
    offsets: Sequence[tuple[Hashable, tuple[float, float]]], search_radius: float
) -> dict[Hashable, StageRule]:
    """Rules per direction, where the offsets agree well enough to narrow the search to a half.

    Parameters
    ----------
    offsets : sequence of (direction, (dx, dy))
        Of the pairs that were matched; the direction is any key, such as (z, "LEFT").
    search_radius : float
        Of the first search.
    """
    groups: dict[Hashable, list[tuple[float, float]]] = {}
    for direction, offset in offsets:
        groups.setdefault(direction, []).append(offset)
    rules = {}
    for direction, found in groups.items():
        if len(found) < MIN_PAIRS:
            continue
        table = np.array(found)
        centre = np.median(table, axis=0)
        spread = 1.4826 * float(np.median(np.abs(table - centre), axis=0).max())
        radius = max(MIN_RADIUS, 4 * spread + 1)
        if radius <= search_radius / 2:
            rules[direction] = StageRule((float(centre[0]), float(centre[1])), radius, len(found))
    return rules


def shifted_map(p_to_q: np.ndarray, offset: tuple[float, float]) -> np.ndarray:
    """Expected map once q is known to lie `offset` (pixels of p) from its expected place."""
    back = np.eye(3)
    back[:2, 2] = [-offset[0], -offset[1]]
    return p_to_q @ back
