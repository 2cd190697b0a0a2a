"""What pairs of sections that were matched say together: groups, contradictions, mirrored sections.

Sections are named by their z. The map of a link leads from pixels of the picture of p to those of
q.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.models import apply

WEAK = 1 / 3
"""A link is weak beside others where less than this share of what they show was found."""


@dataclass(frozen=True)
class Link:
    """Two sections that correspond, p before q.

    Attributes
    ----------
    p, q : float
        z of the sections.
    matrix : (3, 3) array
        Pixels of p to pixels of q.
    mirrored : bool
        One of them is left to right.
    size : (float, float)
        Width and height of the picture of p.
    error : float
        By how much places that correspond miss the map as a rule: what it cannot follow, pixels.
    trust : float
        How much was found of one on the other, in any unit.
    """

    p: float
    q: float
    matrix: NDArray[np.float64]
    size: tuple[float, float]
    mirrored: bool = False
    error: float = 0.0
    trust: float = 1.0


def pairs_within(
    zs: Sequence[float], neighbours: int, further: Iterable[int] = ()
) -> list[tuple[float, float]]:
    """Pairs of a series: each section with those that follow it, and with some further on.

    Parameters
    ----------
    zs : sequence of float
        Ascending.
    neighbours : int
        So many that follow.
    further : iterable of int
        Places further on in the series.
    """
    steps = sorted({*range(1, neighbours + 1), *further})
    count = len(zs)
    return [(zs[i], zs[i + step]) for i in range(count) for step in steps if i + step < count]


def map_along(
    zs: Sequence[float], links: Mapping[tuple[float, float], Link]
) -> NDArray[np.float64] | None:
    """Map from the first section to the last, from each to the next; None where that is not linked.

    Parameters
    ----------
    zs : sequence of float
    links : mapping of (p, q) to Link
        Those that are mirrored are passed over.
    """
    matrix = np.eye(3)
    for pair in pairwise(zs):
        if pair not in links or links[pair].mirrored:
            return None
        matrix = links[pair].matrix @ matrix
    return matrix


def connected(zs: Sequence[float], links: Iterable[Link]) -> list[list[float]]:
    """Groups of sections that links connect, the largest first; lone sections are groups too."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(zs)
    graph.add_edges_from((link.p, link.q) for link in links)
    groups = [sorted(group) for group in nx.connected_components(graph)]
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def mirrored_sections(zs: Sequence[float], links: Sequence[Link]) -> list[float]:
    """Sections that lie left to right against most of their group, ascending.

    Each link says whether its two sections lie alike. Where a group is split evenly, the sections
    that lie otherwise than the first are given.
    """
    beside: dict[float, list[tuple[float, bool]]] = defaultdict(list)
    for link in links:
        beside[link.p].append((link.q, link.mirrored))
        beside[link.q].append((link.p, link.mirrored))
    found = []
    for group in connected(zs, links):
        side = {group[0]: False}
        waiting = [group[0]]
        while waiting:
            here = waiting.pop()
            for other, turned in sorted(beside[here]):
                if other not in side:
                    side[other] = side[here] ^ turned
                    waiting.append(other)
        turned_ones = [z for z, is_turned in side.items() if is_turned]
        alike = [z for z, is_turned in side.items() if not is_turned]
        found += turned_ones if len(turned_ones) <= len(alike) else alike
    return sorted(found)


def contradictions(
    links: Sequence[Link], tolerance: float, weak_share: float = WEAK
) -> dict[tuple[float, float], str]:
    """Links that cannot be true with the others, by their sections, with the reason.

    Three links in a triangle must lead round it to where one started. Given up first is a link of
    which much less was found than of the two others of a triangle that does not close, the least
    one before others; then the one that takes part in most of these and in fewest that do close,
    until all do. A triangle of which nothing else is known accuses none.

    Parameters
    ----------
    tolerance : float
        Distance by which a triangle may fail to close, as a share of the longer side of a picture;
        in any case twice what the three maps miss together, as warped sections need not be more
        alike than that to their linear parts.
    weak_share : float
        Less than this of the trust of both others of a triangle is much less.
    """
    left = {(link.p, link.q): link for link in links}
    given_up: dict[tuple[float, float], str] = {}
    while True:
        good, bad = _triangles(left, tolerance)
        doubted = [key for key in left if bad[key] and len(bad[key]) > len(good[key])]
        weak = [
            key for key in doubted if any(_is_weakest(t, key, left, weak_share) for t in bad[key])
        ]
        accused = [key for key in doubted if any(_is_else_trusted(t, key, good) for t in bad[key])]
        if not weak and not accused:
            return given_up
        if weak:
            worst = min(weak, key=lambda key: (left[key].trust, key))
        else:
            ranks = [(len(bad[key]) - len(good[key]), -left[key].trust, key) for key in accused]
            worst = max(ranks)[-1]
        others = sorted({z for triangle in bad[worst] for z in triangle} - set(worst))
        given_up[worst] = "contradicts the links of both sections with z=" + ", ".join(
            f"{z:g}" for z in others
        )
        del left[worst]


Triangle = tuple[float, float, float]


def _is_weakest(
    triangle: Triangle,
    key: tuple[float, float],
    links: Mapping[tuple[float, float], Link],
    weak_share: float,
) -> bool:
    """Whether much less was found of one side of a triangle than of the two others."""
    others = [links[side].trust for side in combinations(triangle, 2) if side != key]
    return links[key].trust < weak_share * min(others)


def _is_else_trusted(
    triangle: Triangle,
    key: tuple[float, float],
    good: Mapping[tuple[float, float], list[Triangle]],
) -> bool:
    """Whether one of the two other sides is in a triangle that closes."""
    return any(good[side] for side in combinations(triangle, 2) if side != key)


def _triangles(
    links: Mapping[tuple[float, float], Link], tolerance: float
) -> tuple[
    dict[tuple[float, float], list[Triangle]],
    dict[tuple[float, float], list[Triangle]],
]:
    """Triangles that close, and those that do not, of each link."""
    after: dict[float, set[float]] = defaultdict(set)
    for p, q in links:
        after[p].add(q)
    good: dict[tuple[float, float], list[Triangle]] = defaultdict(list)
    bad: dict[tuple[float, float], list[Triangle]] = defaultdict(list)
    for p, q in links:
        for r in after[p] & after[q]:
            triangle = (p, q, r)
            closes = _closes(links[p, q], links[q, r], links[p, r], tolerance)
            for side in combinations(triangle, 2):
                (good if closes else bad)[side].append(triangle)
    return good, bad


def _closes(first: Link, second: Link, direct: Link, tolerance: float) -> bool:
    if first.mirrored ^ second.mirrored ^ direct.mirrored:
        return False
    width, height = first.size
    x, y = np.meshgrid(np.linspace(0.2, 0.8, 3) * width, np.linspace(0.2, 0.8, 3) * height)
    points = np.column_stack([x.ravel(), y.ravel()])
    away = apply(second.matrix @ first.matrix, points) - apply(direct.matrix, points)
    missed = float(np.linalg.norm([link.error for link in (first, second, direct)]))
    return bool(np.median(np.hypot(*away.T)) <= max(tolerance * max(width, height), 2 * missed))
