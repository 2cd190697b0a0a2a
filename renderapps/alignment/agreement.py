"""Which links between tiles agree with each other, told by the cycles that they close.

A link of its own proves nothing and disproves nothing: only where links close a cycle can one
contradict the others. So a link that no cycle goes through (a bridge of the graph of tiles) is
never rejected, however its points scatter; `Agreement.bridges` tells which they are, as nothing
checks them. What contradicts is the *misfit* of a link, the part of its residual that is common to
its points; how its points scatter about their own common movement is judged apart.

The trust in links on cycles follows graduated non-convexity with the Geman-McClure loss (Yang,
Antonante, Tzoumas, Carlone 2020): all count at first, then those that contradict the rest fade out.
Where a cycle shows that one of several links must be wrong and nothing else tells which, the one
that departs most from how the stage behaves elsewhere goes (see `stage_model.py`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from renderapps.alignment.stage_model import fit_stage
from renderapps.alignment.tile_problem import Problem

ERRORS = 3.0
"""A link may miss by this many of its own standard errors, whatever the tolerance."""
CLEARLY = 1.5
"""A link departs clearly more from the stage than another when it does so by this factor."""
IMPLAUSIBLE = 6.0
"""Departures from the stage beyond this many times the usual one speak against a link."""
ROUNDS = 10
HALF = 0.25
"""Trust of a link whose misfit is the scale."""
MANY = 20_000
"""Units from which on trust fades in larger steps."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """What became of the links.

    Attributes
    ----------
    accepted : (L,) bool
    misfits : (L,) float64
        How far the two sides of each link are from agreement in common, pixels.
    tolerance : float
        Misfit beyond which a link on a cycle was rejected.
    bridges : (L,) bool
        Accepted links that alone connect what lies on their two sides.
    by_stage : (L,) bool
        Rejected links that the stage spoke against, the cycle alone leaving it open.
    """

    accepted: np.ndarray
    misfits: np.ndarray
    tolerance: float
    bridges: np.ndarray
    by_stage: np.ndarray


def components(tiles: int, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(T,) number of the group of each tile, for links between tiles `first` and `second`."""
    graph = sparse.coo_matrix((np.ones(len(first)), (first, second)), shape=(tiles, tiles))
    return np.asarray(csgraph.connected_components(graph, directed=False)[1])


def bridges(first: np.ndarray, second: np.ndarray, used: np.ndarray) -> np.ndarray:
    """(L,) whether a used link is the only connection of what lies on its two sides.

    Every link beside a spanning tree has a random label of 64 bits. The exclusive or of the labels
    of the links that leave a branch of the tree is 0 where there are none, and by chance once in
    2^64 (Pritchard and Thurimella 2011).
    """
    found = np.zeros(len(used), bool)
    links = np.flatnonzero(used & (first != second))
    if not len(links):
        return found
    i, j = first[links], second[links]
    order, parents, starts = _tree(i, j, int(max(i.max(), j.max())) + 1)
    nodes = len(parents)
    keys = np.minimum(i, j) * nodes + np.maximum(i, j)
    children = np.flatnonzero((parents >= 0) & (parents < nodes - 1))
    wanted = np.minimum(children, parents[children]) * nodes
    wanted = wanted + np.maximum(children, parents[children])
    unique, place = np.unique(keys, return_index=True)
    of_tree = place[np.searchsorted(unique, wanted)]
    labels = np.random.default_rng(0).integers(1, 2**63, len(links), np.uint64)
    labels[of_tree] = 0
    values = np.zeros(nodes, np.uint64)
    np.bitwise_xor.at(values, i, labels)
    np.bitwise_xor.at(values, j, labels)
    for begin, end in zip(starts[-2:0:-1], starts[:1:-1], strict=True):
        level = order[begin:end]
        np.bitwise_xor.at(values, parents[level], values[level])
    found[links[of_tree]] = values[children] == 0
    return found


def _tree(
    first: np.ndarray, second: np.ndarray, nodes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A spanning tree from a node beyond the others, which leads to one of each group.

    Nodes in breadth first order, (nodes + 1,) parents (negative: none), and where levels begin.
    """
    groups = components(nodes, first, second)
    roots = np.unique(groups, return_index=True)[1]
    ends = np.concatenate([first, np.full(len(roots), nodes)]), np.concatenate([second, roots])
    graph = sparse.coo_matrix((np.ones(len(ends[0])), ends), shape=(nodes + 1, nodes + 1))
    order, parents = csgraph.breadth_first_order(graph.tocsr(), nodes, directed=False)
    places = np.zeros(nodes + 1, int)
    places[order] = np.arange(nodes + 1)
    of_parents = places[parents[order[1:]]]
    starts = [0, 1]
    while starts[-1] < nodes + 1:
        starts.append(1 + int(np.searchsorted(of_parents, starts[-1])))
    return order, parents, np.array(starts)


def agree(problem: Problem, minimum: float, maximum: float, by_stage: bool = True) -> Agreement:
    """Find the links that agree; `problem` is left at the solution by those.

    Parameters
    ----------
    minimum, maximum : float
        Bounds of the tolerance, pixels; in between it is three times the spread of the links on
        cycles that agree.
    by_stage : bool
        Where cycles leave open which link is wrong, let a model of the stage tell.
    """
    count = len(problem.first)
    never = np.zeros(count, bool)
    if not count:
        return Agreement(never, np.zeros(0), minimum, never, never)
    first, second = problem.joined_ends()
    fixed = bridges(first, second, ~never)
    tolerance = _annealed(problem, fixed, minimum, maximum)
    limits = np.maximum(tolerance, ERRORS * problem.shift_errors)
    accepted = fixed | (problem.misfits() <= limits)
    accepted, against = _Settlement(problem, limits, by_stage).settle(accepted)
    final = bridges(first, second, accepted)
    return Agreement(accepted, problem.misfits(), tolerance, final, against)


def _annealed(problem: Problem, fixed: np.ndarray, minimum: float, maximum: float) -> float:
    """Let the trust in contradicting links fade; the tolerance in pixels at the end."""
    trust = np.ones(len(fixed))
    problem.converge(trust)
    if fixed.all():
        return minimum
    misfits = problem.misfits()
    if misfits.max() <= minimum:
        spread = 1.4826 * float(np.median(misfits[~fixed]))
        return float(np.clip(3.0 * spread, minimum, maximum))
    if problem.model.terms > 1 and problem.model.name != "rigid":
        with problem.stiff():
            problem.converge(trust)
            judged, _ = _faded(problem, fixed, minimum, maximum, problem.misfits())
        if (judged > HALF).mean() > 0.5:  # else shapes differ too much for this to tell anything
            trust = judged
        problem.converge(trust)
        misfits = np.where(trust > HALF, problem.misfits(), 0.0)
    return _faded(problem, fixed, minimum, maximum, misfits)[1]


def _faded(
    problem: Problem, fixed: np.ndarray, minimum: float, maximum: float, begin: np.ndarray
) -> tuple[np.ndarray, float]:
    """Trust and tolerance after links have faded, from twice the largest misfit of `begin` on."""
    scale = max(2.0 * float(begin.max()), minimum)
    misfits = problem.misfits()
    faster = 1.5 if len(problem.corners) < MANY else 3.0
    while True:
        trust = np.where(fixed, 1.0, (scale**2 / (misfits**2 + scale**2)) ** 2)
        problem.converge(trust)
        misfits = problem.misfits()
        spread = 1.4826 * _weighted_median(misfits[~fixed], trust[~fixed])
        tolerance = float(np.clip(3.0 * spread, minimum, maximum))
        if scale <= tolerance:
            return trust, tolerance
        scale = max(scale / faster, tolerance)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, 0.5 * total[-1])])


class _Settlement:
    """Corrections to a set of accepted links that only the structure of the graph can tell."""

    def __init__(self, problem: Problem, limits: np.ndarray, stage: bool) -> None:
        self.problem = problem
        self.limits = limits
        self.stage = stage
        self.by_stage = np.zeros(len(limits), bool)
        self.first, self.second = problem.joined_ends()

    def settle(self, accepted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Accepted links, and those of the others that the stage has spoken against."""
        seen: set[bytes] = set()
        for _ in range(ROUNDS):
            self.problem.solve_with(accepted)
            accepted = accepted | (self.problem.misfits() <= self.limits)
            self.by_stage &= ~accepted
            key = accepted.tobytes()
            if accepted.all() or key in seen:
                break
            seen.add(key)
            if not self.stage:
                continue
            changed = self._connected(accepted)
            if (changed == accepted).all():
                changed = self._exchanged(accepted)
            if (changed == accepted).all():
                break
            accepted = changed
        self.problem.solve_with(accepted)
        return accepted, self.by_stage

    def _groups(self, accepted: np.ndarray) -> np.ndarray:
        count = len(self.problem.corners)
        return components(count, self.first[accepted], self.second[accepted])

    def _departures(self, accepted: np.ndarray) -> tuple[np.ndarray, float]:
        """How far each link departs from the stage as others know it, and what is usual."""
        problem = self.problem
        groups = self._groups(accepted)
        linked = np.bincount(groups)[groups] > 1
        moves = problem.moves()
        stage = fit_stage(problem.centres[linked], moves[linked], groups[linked])
        steps = problem.centres[problem.second] - problem.centres[problem.first]
        departures = np.linalg.norm(problem.shifts - steps @ stage.linear.T, axis=1)
        usual = float(np.median(departures[accepted])) if accepted.any() else 0.0
        return departures, max(usual, float(self.limits.min()))

    def _connected(self, accepted: np.ndarray) -> np.ndarray:
        """Accept again, of the rejected links that connect groups, those that the stage backs.

        No cycle of accepted links speaks against such a link.
        """
        problem, groups = self.problem, self._groups(accepted)
        loose = np.flatnonzero(groups[problem.first] != groups[problem.second])
        if not len(loose):
            return accepted
        departures, usual = self._departures(accepted)
        result, graph = accepted.copy(), nx.utils.UnionFind(range(int(groups.max()) + 1))
        for k in loose[np.argsort(departures[loose], kind="stable")]:
            one, two = int(groups[problem.first[k]]), int(groups[problem.second[k]])
            if departures[k] <= IMPLAUSIBLE * usual and graph[one] != graph[two]:
                graph.union(one, two)
                result[k] = True
        self.by_stage[loose[~result[loose]]] = True
        return result

    def _exchanged(self, accepted: np.ndarray) -> np.ndarray:
        """Exchange one rejected link for an accepted one of which only the same cycle tells.

        Where the stage speaks strongly against both, both go.
        """
        problem = self.problem
        single = bridges(self.first, self.second, accepted)
        solid = self._groups(accepted & ~single)
        doubtful = [
            k
            for k in np.flatnonzero(~accepted)
            if solid[problem.first[k]] != solid[problem.second[k]]
        ]
        if not doubtful:
            return accepted
        departures, usual = self._departures(accepted)
        graph = nx.Graph()
        for k in np.flatnonzero(accepted):
            graph.add_edge(int(problem.first[k]), int(problem.second[k]), link=int(k))
        for k in doubtful:
            ends = int(problem.first[k]), int(problem.second[k])
            if not (graph.has_node(ends[0]) and graph.has_node(ends[1])):
                continue
            if not nx.has_path(graph, *ends):
                continue
            path = nx.shortest_path(graph, *ends)
            suspects = [i for i in _links_of(graph, path) if single[i]]
            worst = max(suspects, key=lambda i: departures[i])
            self.by_stage[k] = True
            hopeless = min(departures[worst], departures[k]) > IMPLAUSIBLE * usual
            if hopeless or departures[worst] > CLEARLY * departures[k]:
                result = accepted.copy()
                result[worst], result[k] = False, not hopeless
                self.by_stage[worst], self.by_stage[k] = True, hopeless
                return result
        return accepted


def _links_of(graph: nx.Graph, path: list[int]) -> Iterable[int]:
    return (graph.edges[pair]["link"] for pair in pairwise(path))
