"""The elastic meshes of all sections: relaxed by the links between them, and sharp at cracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.fine_links import LEAST_WRONG, FineLinks, Pair, matches_of, votes_of
from renderapps.alignment.relaxation import Floats, RelaxationParameters, Relaxed, relax
from renderapps.alignment.section_warps import Field, folded
from renderapps.alignment.sharp_cracks import CrackedSection, SharpField, cracked_sections
from renderapps.module.result import rounded

WRONG = 4.0
"""A link whose median residual is so many times that of all links is wrong."""
CRACKED = 0.5
"""Springs of less weight than this have given way: their nodes are at a crack."""
Look = Callable[[list[CrackedSection]], Sequence[SharpField | None]]
"""Draws sections with cracks, and gives sharp fields of those that fit better by these."""


@dataclass
class FineMeshes:
    """Meshes of all sections, and the fields that come of them.

    Attributes
    ----------
    zs : list of float
        The sections.
    series : list of float
        Those of them that count as each other's neighbours: not what is linked with no other.
    x, y : (columns,), (rows,) arrays
        Nodes of the meshes, pixels of the drawn sections.
    origin : (float, float)
        World place of the first node.
    stride : float
        Distance of the nodes, world pixels.
    scale : float
        World pixels times this are pixels of the drawn sections.
    rules : RelaxationParameters
    look : callable
        See `Look`.
    fields : dict of z to Field
        Of each section, in the world.
    about : dict of z to dict
        What the report says of each section.
    """

    zs: list[float]
    series: list[float]
    x: Floats
    y: Floats
    origin: tuple[float, float]
    stride: float
    scale: float
    rules: RelaxationParameters
    look: Look
    fields: dict[float, Field] = field(default_factory=dict)
    about: dict[float, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is known: neither meshes nor springs that are cut."""
        self._meshes: dict[float, tuple[Floats, NDArray[np.bool_]]] = {}
        self._cuts = np.zeros((len(self.zs), len(self.y), len(self.x), 2), bool)

    def follow(self, links: FineLinks, pairs: list[Pair]) -> list[Pair]:
        """Relax all meshes by what was found of some links; those of them that are right.

        1. Meshes are relaxed; links that do not fit the others are given up (`_relax`).
        2. Sections with cracks are looked at: their fields get sharp, and it is known better then
           which springs are cut (`_sharpen`).
        3. Where more springs are cut by that, meshes are relaxed again with these cut from the
           start, and the cracks of what comes of it made sharp.

        Fields and what is said of sections are made anew each time; springs stay cut.
        """
        right = self._relax(links, pairs)
        if self._sharpen(right):
            right = self._relax(links, right)
            self._sharpen(right)
        return right

    def _relax(self, links: FineLinks, pairs: list[Pair]) -> list[Pair]:
        """Relax by some links but for those that do not fit the others; the ones that do."""
        relaxed = self._relaxed(links, pairs)
        wrong = misfits(pairs, relaxed)
        right = [pair for pair in pairs if pair not in wrong]
        if wrong:
            relaxed = self._relaxed(links, right)
        links.tell_wrong(wrong)
        links.tell_residuals(right, relaxed)
        self._keep(relaxed)
        return right

    def _relaxed(self, links: FineLinks, pairs: list[Pair]) -> Relaxed:
        matches = matches_of(links.flows, pairs, votes_of(pairs, self.series), self.zs)
        return relax(self.x, self.y, len(self.zs), matches, self.rules, self._cuts)

    def _keep(self, relaxed: Relaxed) -> None:
        """Let meshes and fields be these."""
        self._meshes = {}
        for z, shift, springs in zip(self.zs, relaxed.shift, relaxed.springs, strict=True):
            cracked = springs < CRACKED
            self._meshes[z] = shift, cracked
            self.about[z] = {"nodes_at_cracks": int(cracked.sum())}
            self._keep_field(z, self.stride, shift / self.scale)

    def _keep_field(self, z: float, stride: float, shift: Floats) -> None:
        """Let the field of a section be this, (rows, columns, 2) world pixels."""
        moved = Field(self.origin, stride, np.moveaxis(shift, -1, 0))
        lengths = np.hypot(*moved.shift)
        self.fields[z] = moved
        self.about[z] |= {
            "median_shift": rounded(np.median(lengths)),
            "largest_shift": rounded(lengths.max()),
            "folded_cells": folded(moved.shift, stride),
        }

    def _sharpen(self, pairs: list[Pair]) -> bool:
        """Let fields of sections be sharp where they fit better so; whether more springs are cut.

        The sections are compared with those that they are linked with by `pairs`.
        """
        votes = votes_of(pairs, self.series)
        sections = cracked_sections(self._meshes, votes, self.rules.jump)
        before = self._cuts.copy()
        for section, found in zip(sections, self.look(sections), strict=True):
            if found is not None:
                self._cuts[self.zs.index(section.z)] |= found.cuts
                self._keep_field(section.z, found.stride / self.scale, found.shift / self.scale)
                self.about[section.z]["stride_at_cracks"] = found.stride / self.scale
        return bool((self._cuts & ~before).any())


def misfits(pairs: Sequence[Pair], relaxed: Relaxed) -> dict[Pair, float]:
    """Links that do not fit the others, with their median residuals, drawn pixels; never all."""
    medians = np.array([np.median(residual) for residual in relaxed.residuals])
    limit = max(LEAST_WRONG, WRONG * float(np.median(medians)))
    return {pair: float(m) for pair, m in zip(pairs, medians, strict=True) if m > limit}
