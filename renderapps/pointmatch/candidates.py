"""Which of several possible shifts of a pair is the right one, told by the other pairs.

Where the texture repeats itself, a pair has several shifts that are about equally good. The tiles
of a section must find places that suit all pairs: shifts around a cycle add up to nothing. So every
tile takes the place on which the most significance of its pairs agrees, until none wants another.

An offset is how far q lies from where the stage puts it against p, (dx, dy) in full-scale pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

AGREE = 1.5
"""Offsets within this many pixels of each other are the same."""
ROUNDS = 20


@dataclass(frozen=True)
class Choice:
    """Possible offsets of a pair, best first; one only where the pair leaves no doubt."""

    p: str
    q: str
    offsets: tuple[tuple[float, float], ...]
    significances: tuple[float, ...]

    @property
    def doubtful(self) -> bool:
        return len(self.offsets) > 1

    @property
    def clearness(self) -> float:
        """How much the first offset is better than the second."""
        if not self.doubtful:
            return 1e6 + self.significances[0]
        return self.significances[0] - self.significances[1]


def chosen_offsets(choices: Sequence[Choice]) -> dict[tuple[str, str], tuple[float, float]]:
    """Offsets of doubtful pairs that a cycle of other pairs confirms, by (p, q).

    Pairs that agree with no cycle, and pairs without doubt, are left out.
    """
    places = _first_places(choices)
    edges = _edges(choices)
    for _ in range(ROUNDS):
        changed = False
        for tile in sorted(places):
            best = _best_place(tile, places, edges[tile])
            if best is not None and np.abs(best - places[tile]).max() > AGREE:
                places[tile] = best
                changed = True
        if not changed:
            break
    agreeing = [(choice, _agreeing(choice, places)) for choice in choices]
    graph = nx.Graph((choice.p, choice.q) for choice, offset in agreeing if offset is not None)
    alone = {frozenset(pair) for pair in nx.bridges(graph)}
    return {
        (choice.p, choice.q): offset
        for choice, offset in agreeing
        if offset is not None and choice.doubtful and frozenset((choice.p, choice.q)) not in alone
    }


def _edges(choices: Sequence[Choice]) -> dict[str, list[Choice]]:
    found: dict[str, list[Choice]] = {}
    for choice in choices:
        found.setdefault(choice.p, []).append(choice)
        found.setdefault(choice.q, []).append(choice)
    return found


def _first_places(choices: Sequence[Choice]) -> dict[str, np.ndarray]:
    """Places along the tree of the clearest pairs, by their first offsets."""
    graph = nx.Graph()
    for choice in choices:
        graph.add_edge(choice.p, choice.q, weight=choice.clearness, choice=choice)
    places: dict[str, np.ndarray] = {}
    tree = nx.maximum_spanning_tree(graph)
    for group in sorted(nx.connected_components(tree), key=min):
        root = min(group)
        places[root] = np.zeros(2)
        for one, two in nx.bfs_edges(tree, root):
            choice = tree.edges[one, two]["choice"]
            step = np.array(choice.offsets[0])
            places[two] = places[one] + (step if choice.p == one else -step)
    return places


def _best_place(
    tile: str, places: dict[str, np.ndarray], edges: Sequence[Choice]
) -> np.ndarray | None:
    """The place of a tile on which the most significance agrees."""
    votes, weights = [], []
    for choice in edges:
        other, sign = (choice.p, 1) if choice.q == tile else (choice.q, -1)
        for offset, significance in zip(choice.offsets, choice.significances, strict=True):
            votes.append(places[other] + sign * np.array(offset))
            weights.append(significance)
    table, weight = np.array(votes), np.array(weights)
    near = np.abs(table[:, None] - table[None]).max(axis=2) <= AGREE
    totals = near @ weight
    now = float(weight[np.abs(table - places[tile]).max(axis=1) <= AGREE].sum())
    best = int(np.argmax(totals))
    if totals[best] <= now + 1e-9:
        return None
    members = near[best]
    return np.asarray(np.average(table[members], axis=0, weights=weight[members]))


def _agreeing(choice: Choice, places: dict[str, np.ndarray]) -> tuple[float, float] | None:
    step = places[choice.q] - places[choice.p]
    distances = [float(np.abs(step - offset).max()) for offset in choice.offsets]
    best = int(np.argmin(distances))
    return choice.offsets[best] if distances[best] <= 2 * AGREE else None
