"""Sections that were compared with each other: which pairs are links, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from renderapi.matching.models import Model, distances
from renderapps.alignment.fine_pairs import PairFlow
from renderapps.alignment.relaxation import Matches, Relaxed
from renderapps.alignment.section_links import Link, contradictions
from renderapps.module.result import rounded

Pair = tuple[float, float]
Votes = dict[float, dict[float, float]]
WEAK_BY_WEIGHT = 1 / 4
"""A link is weak beside others where its blocks weigh less than this share of theirs: a right one
of sections two places apart, which are less alike, still weighs a third as much."""
LEAST_WRONG = 4.0
"""A link whose median residual is above so many pixels of the pictures can be wrong."""
FEWEST = 3
"""Blocks of a link, at least."""
DOUBTED = 0.25
"""Matches that count less than this in the end are doubted."""


class FineLinks:
    """Pairs of sections by what was found of them last.

    Attributes
    ----------
    scale : float
        At which sections were drawn: the report is in world pixels.
    least : float
        Share of the blocks of a pair that must be found.
    flows : dict of pair to PairFlow
    rows : dict of pair to dict
        The entry of each pair in the report.
    """

    def __init__(self, scale: float, least: float) -> None:
        self.scale, self.least = scale, least
        self.flows: dict[Pair, PairFlow] = {}
        self.rows: dict[Pair, dict[str, Any]] = {}

    def add(self, found: Mapping[Pair, PairFlow]) -> None:
        """Take in pairs that were compared for the first time."""
        self.flows |= found
        self.rows |= {pair: self.row(pair, flow) for pair, flow in found.items()}

    def row(self, pair: Pair, found: PairFlow) -> dict[str, Any]:
        """Entry of a pair in the report, and whether it is a link."""
        flow = found.flow
        blocks, tried = int(flow.found.sum()), int(flow.tried.sum())
        row: dict[str, Any] = {
            "p_z": pair[0],
            "q_z": pair[1],
            "blocks": tried,
            "found": blocks,
            "correlation": rounded(found.correlation),
            "taken_from_file": found.was_there,
            "accepted": blocks >= max(FEWEST, self.least * tried),
        }
        if not row["accepted"]:
            return row | {"reason": f"only {blocks} of {tried} blocks were found"}
        shift = flow.shift[flow.found] / self.scale
        return row | {
            "block_correlation": rounded(np.median(flow.correlation[flow.found])),
            "median_shift": [rounded(v) for v in np.median(shift, axis=0)],
        }

    def add_again(self, found: Mapping[Pair, PairFlow]) -> None:
        """Let links be what was found of them as they lie now, where enough was."""
        for pair, flow in found.items():
            again = self.row(pair, flow)
            if again["accepted"]:
                self.flows[pair] = flow
                self.rows[pair] |= {
                    "found_again": again["found"],
                    "block_correlation": again["block_correlation"],
                    "correlation_aligned": again["correlation"],
                }

    def accepted(self) -> list[Pair]:
        """The pairs that are links, in order."""
        return [pair for pair in sorted(self.flows) if self.rows[pair]["accepted"]]

    def linked(self, zs: Iterable[float]) -> list[float]:
        """Sections that are linked with any other: one that is not counts as if it were missing."""
        linked = {z for pair in self.accepted() for z in pair}
        return [z for z in zs if z in linked]

    def give_up_contradicting(self) -> None:
        """Give up links that do not close with others around triangles, by their affine maps."""
        for pair, reason in contradicting(self.flows, self.accepted()).items():
            self.rows[pair] |= {"wrong": True, "accepted": False, "reason": reason}

    def tell_wrong(self, medians: Mapping[Pair, float]) -> None:
        """Say of links that they do not fit the others, by their median residuals, drawn pixels."""
        for pair, median in medians.items():
            self.rows[pair] |= {
                "wrong": True,
                "residual": rounded(median / self.scale),
                "reason": "its displacements do not fit those of the other pairs",
            }

    def tell_residuals(self, pairs: Sequence[Pair], relaxed: Relaxed) -> None:
        """Say of links how well they fit the meshes that were relaxed by them."""
        for pair, residual, trust in zip(pairs, relaxed.residuals, relaxed.trust, strict=True):
            self.rows[pair] |= {
                "residual": rounded(np.median(residual) / self.scale),
                "doubted": int((trust < DOUBTED).sum()),
            }

    def wrong_rows(self) -> list[dict[str, Any]]:
        """Entries of links that were given up."""
        return [row for row in self.rows.values() if row.get("wrong")]


def contradicting(flows: Mapping[Pair, PairFlow], pairs: Iterable[Pair]) -> dict[Pair, str]:
    """Pairs whose affine maps do not close with others around triangles, and why."""
    links = []
    for pair in pairs:
        flow = flows[pair].flow
        here, there, weights = flows[pair].points()
        matrix = np.asarray(Model("affine").fit(here, there, weights), float)
        if np.isfinite(matrix).all():
            size = float(flow.x[-1]), float(flow.y[-1])
            error = float(np.median(distances(matrix, here, there)))
            # wrong blocks are coarse ones that hardly correlate: many of them say little
            trust = float(weights.sum())
            links.append(Link(*pair, matrix, size, error=error, trust=trust))
    side = max((max(link.size) for link in links), default=1.0)
    return contradictions(links, 2 * LEAST_WRONG / side, WEAK_BY_WEIGHT)


def votes_of(pairs: Iterable[Pair], series: Sequence[float]) -> Votes:
    """Of each section, how much those count that it is linked with: less further away."""
    place = {z: k for k, z in enumerate(series)}
    found: Votes = {}
    for p, q in pairs:
        vote = 1 / (place[q] - place[p])
        found.setdefault(p, {})[q] = found.setdefault(q, {})[p] = vote
    return found


def matches_of(
    flows: Mapping[Pair, PairFlow], pairs: Iterable[Pair], votes: Votes, zs: Sequence[float]
) -> list[Matches]:
    """Matches of pairs as sections in their places among `zs`, weighted by their votes."""
    place = {z: k for k, z in enumerate(zs)}
    found = []
    for p, q in pairs:
        here, there, weights = flows[p, q].points()
        vote = votes[p][q]
        found.append(Matches(place[p], place[q], here, there, weights * vote, vote))
    return found
