"""How far the matches of a tile are off one transform: large where a wrinkle crosses it.

A fold moves one side of a tile against the other by a jump J. A line fitted to such a step over a
tile is off it by J / 4 (root mean square), wherever the fold is, unless it is close to an edge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.models import Model, distances

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SectionResidual:
    """The matches of a tile with one other section.

    Attributes
    ----------
    z : float
        Of the other section.
    matches : int
    rms : float
        Distance of the matches from the transform that fits them best, world pixels: the root of
        the mean of the squares.
    """

    z: float
    matches: int
    rms: float


def section_residuals(
    points: Floats, world: Floats, zs: Floats, weights: Floats, model: Model, least: int
) -> list[SectionResidual]:
    """Residuals with each other section, ascending in z; sections of few matches are left out.

    Parameters
    ----------
    points : (N, 2)
        On the tile, pixels.
    world : (N, 2)
        Where the matched tiles have them, world pixels.
    zs : (N,)
        z of the matched tile.
    weights : (N,), positive
        Of the squared distances.
    model : Model
        What the matches of a flat tile follow.
    least : int
        Fewest matches with a section.
    """
    found = []
    for z in np.unique(zs):
        at = zs == z
        if at.sum() < least:
            continue
        p, q, w = points[at], world[at], weights[at]
        off = distances(model.fit(p, q, w), p, q)
        if np.isfinite(off).all():
            rms = float(np.sqrt((w * off**2).sum() / w.sum()))
            found.append(SectionResidual(float(z), int(at.sum()), rms))
    return found
