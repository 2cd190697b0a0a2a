"""Sections and their matches as one problem, and its solution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import renderapi
from renderapps.alignment.connectivity import connectivity
from renderapps.alignment.models import GRID, Floats, Model
from renderapps.alignment.moments import Moments, PairPoints, joined_moments, reduced
from renderapps.alignment.placing import place
from renderapps.alignment.point_trust import trusted
from renderapps.alignment.section_tiles import SectionTiles
from renderapps.alignment.solving import Rules, Solution, model_for, solve_moments
from renderapps.alignment.stack_placing import StackPlaced, place_in_stack
from renderapps.alignment.stage_model import StageModel
from renderapps.alignment.stored_matches import (
    Collection,
    TileIndex,
    from_section,
    within_section,
)
from renderapps.alignment.tile_problem import unit_sizes

Json = dict[str, Any]
TILES, SECTIONS = "tiles", "sections"


@dataclass(frozen=True)
class Weighting:
    """Factors of links.

    Attributes
    ----------
    within : float
        Of links within a section.
    across : sequence of float
        Of links between sections 1, 2, ... apart in z; farther ones take no part.
    """

    within: float = 1.0
    across: Sequence[float] = (1.0,)

    def of(self, distances: Floats) -> Floats:
        """(L,) factors for distances in z; 0 leaves a link out."""
        steps = np.ceil(np.abs(distances) - 1e-9).astype(int)
        table = np.array([self.within, *self.across, 0.0])
        return np.asarray(table[np.minimum(steps, len(table) - 1)])


@dataclass
class Volume:
    """Tiles, the units that they move with, and what links these.

    Attributes
    ----------
    index : TileIndex
    unit_of : (T,) int
        Unit of each tile.
    names : list of str
    corners : (U, 4, 2) float64
        Of the units.
    zs : (U,) float64
        Section of each unit.
    free : (U,) bool
    model : Model
    moments : Moments
        Of the pairs that take part.
    pairs : (L, 2) int
        Tiles of each.
    strengths : (L,) float64
    left_out : dict
        How many pairs take no part, by reason.
    """

    index: TileIndex
    unit_of: NDArray[np.int64]
    names: list[str]
    corners: Floats
    zs: Floats
    free: NDArray[np.bool_]
    model: Model
    moments: Moments
    pairs: NDArray[np.int64]
    strengths: Floats
    left_out: dict[str, int]

    @property
    def tile_zs(self) -> Floats:
        """(T,) section of each tile."""
        return np.array([s.z for s in self.index.sections])[self.index.section_of]

    def connectivity(self) -> Json:
        """What hangs together (see `connectivity.py`)."""
        return connectivity(self.names, self.zs, self.moments, self.free)

    def solved(self, rules: Rules) -> Solution:
        """The solution by these rules."""
        sections = np.unique(self.zs, return_inverse=True)[1].ravel()
        return solve_moments(
            self.corners, self.moments, self.model, rules, self.free, self.strengths, sections
        )

    def placed(
        self, solution: Solution, move: bool, stage: StageModel | None, whole_pixels: bool
    ) -> StackPlaced:
        """Where everything ends up: by the stage's model within a section, or by other sections."""
        if len(self.index.sections) > 1 or not self.free.all():
            return place_in_stack(solution, self.corners, self.zs, self.free, move)
        found = place(solution, self.corners, self.model.name, stage, whole_pixels)
        return StackPlaced(found.terms, found.rules)


def make_volume(
    sections: Sequence[SectionTiles],
    matches: Iterable[tuple[Collection, Iterable[Json]]],
    units: str,
    model: str,
    weighting: Weighting,
    grid: int = GRID,
    fixed: tuple[set[str], set[float]] = (set(), set()),
    point_tolerance: float | None = None,
) -> Volume:
    """A problem of these sections.

    Parameters
    ----------
    matches : iterable of (Collection, matches)
        Taken one after the other; points are let go of at once.
    units : {"tiles", "sections"}
        What moves as one.
    fixed : (set of str, set of float)
        Ids of tiles and z of sections that stay; a section that moves as one stays with any of its
        tiles.
    point_tolerance : float, optional
        Pixels beyond which points may be doubted that depart from the others of their pair; by
        default all count by their weights.
    """
    index = TileIndex(list(sections))
    tiles = index.corners
    tile_zs = np.array([s.z for s in sections])[index.section_of]
    held = np.array(
        [n in fixed[0] or z in fixed[1] for n, z in zip(index.names, tile_zs, strict=True)], bool
    )
    if units == SECTIONS:
        unit_of = index.section_of
        names = [f"z={s.z:g}" for s in sections]
        corners = np.stack([_box(s.corners) for s in sections])
        zs = np.array([s.z for s in sections])
        free = np.bincount(unit_of, held, minlength=len(names)) == 0
    else:
        unit_of, names, corners, zs, free = (
            np.arange(len(tiles)),
            index.names,
            tiles,
            tile_zs,
            ~held,
        )
    family = model_for(model, corners, grid)
    made = Volume(
        index, unit_of, names, corners, zs, free, family,
        joined_moments([], family), np.zeros((0, 2), int), np.zeros(0), {},
    )  # fmt: skip
    _add_matches(made, matches, weighting, point_tolerance)
    return made


def _box(corners: Floats) -> Floats:
    """(4, 2) corners of the box around tiles."""
    low, high = corners.min(axis=(0, 1)), corners.max(axis=(0, 1))
    return np.array([low, [high[0], low[1]], high, [low[0], high[1]]])


def _add_matches(
    volume: Volume,
    matches: Iterable[tuple[Collection, Iterable[Json]]],
    weighting: Weighting,
    point_tolerance: float | None,
) -> None:
    centres, sizes = unit_sizes(volume.corners)
    moments, pairs, strengths = [], [], []
    zs, total = volume.tile_zs, 0
    for collection, part in matches:
        part = list(part)
        points = volume.index.points_of(part, collection.after)
        used = np.stack([points.first, points.second], axis=1)
        factors = weighting.of(zs[used[:, 0]] - zs[used[:, 1]]) * collection.weight
        units = volume.unit_of[used]
        good = (factors > 0) & (units[:, 0] != units[:, 1])
        total += len(part)
        points = _chosen(points, units, good)
        if point_tolerance is not None:
            points = trusted(points, volume.model, point_tolerance)
        moments.append(reduced(points, volume.model, centres, sizes))
        pairs.append(used[good])
        strengths.append(factors[good])
    volume.moments = joined_moments(moments, volume.model)
    volume.pairs = np.concatenate([volume.pairs, *pairs])
    volume.strengths = np.concatenate([volume.strengths, *strengths])
    volume.left_out = {
        "of other tiles, without weight, of the same section, or too far apart in z": total
        - len(volume.pairs)
    }


def _chosen(points: PairPoints, units: NDArray[np.int64], good: NDArray[np.bool_]) -> PairPoints:
    """The points of some pairs, between the units of their tiles."""
    rows = np.repeat(good, points.counts)
    if good.all():
        rows = slice(None)  # type: ignore[assignment]
    return PairPoints(
        units[good, 0], units[good, 1], points.counts[good],
        points.p[rows], points.q[rows], points.w[rows],
    )  # fmt: skip


def read_matches(
    render: renderapi.Render,
    collections: Sequence[Collection],
    sections: Sequence[SectionTiles],
) -> Iterable[tuple[Collection, Iterable[Json]]]:
    """Matches between tiles of the sections, read section by section when they are asked for."""
    for collection in collections:
        for section in sections:
            if len(sections) == 1:
                yield collection, within_section(render, collection, section.groups)
                continue
            for matches in from_section(render, collection, section.groups):
                yield collection, matches
