"""Which tiles moved implausibly against their neighbours while a section was stitched."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
from shapely import STRtree, box

MISSING, DISPLACED, DISCONNECTED = "missing", "displaced", "disconnected"


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a tile lies: world box (min x, min y, max x, max y) and world centre, in pixels."""

    bounds: tuple[float, float, float, float]
    centre: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is kept and what is not.

    Attributes
    ----------
    kept : list of str
    dropped : mapping of tileId to the reason
    group_sizes : list of int
        Of all groups of tiles that hang together, largest first.
    separate : list of list of str
        Kept groups other than the largest: nothing contradicts them, nothing connects them.
    """

    kept: list[str]
    dropped: dict[str, str]
    group_sizes: list[int]
    separate: list[list[str]]


def find_mistakes(
    before: Mapping[str, Placement],
    after: Mapping[str, Placement],
    distance_threshold: float,
    edge_threshold: float | None = None,
    minimum_group_size: int | None = None,
    largest_group_only: bool = False,
    explained: Collection[str] = (),
) -> Verdict:
    """Compare every neighbour vector before and after stitching.

    Neighbours whose vector did not change much hang together. Of two groups between which vectors
    changed too much the smaller one is a mistake; a group that no such vector speaks against stays.

    Parameters
    ----------
    before, after : mapping of tileId to Placement
        The section as acquired, and as stitched. Tiles that are only in `after` have nothing to be
        judged by.
    distance_threshold : float
        Greatest tolerated change of the vector between two neighbours' centres, pixels.
    edge_threshold : float, optional
        Neighbours whose centres were further apart than this before stitching are not considered;
        by default the larger side of the tile, which every pair of side neighbours is within.
    minimum_group_size : int, optional
        Keep every group of at least so many tiles, whatever speaks against it, and no other.
    largest_group_only : bool
        Keep only the largest group; a single tile alone only when it is the whole section.
    explained : collection of str
        Tiles that are known to have gone far for a good reason: they are kept, and nobody is judged
        by them.
    """
    present = [tile for tile in before if tile in after]
    dropped = dict.fromkeys((tile for tile in before if tile not in after), MISSING)
    graph, against = nx.Graph(), nx.Graph()
    graph.add_nodes_from(tile for tile in after)
    judged = [tile for tile in present if tile not in explained]
    for one, two in _neighbours(before, judged, edge_threshold):
        agrees = _vector_change(before, after, one, two) <= distance_threshold
        (graph if agrees else against).add_edge(one, two)
    groups = sorted(nx.connected_components(graph), key=lambda group: (-len(group), min(group)))
    if largest_group_only or minimum_group_size is not None:
        keep = _groups_by_size(groups, minimum_group_size)
    else:
        keep = _uncontradicted(groups, against)
    kept = set().union(*keep) | (set(explained) & set(after))
    for tile in sorted(set(after) - kept):
        alone = against.has_node(tile) and graph.degree(tile) == 0
        dropped[tile] = DISPLACED if alone else DISCONNECTED
    separate = [sorted(group) for group in groups[1:] if group <= kept]
    return Verdict(sorted(kept), dropped, [len(group) for group in groups], separate)


def _uncontradicted(groups: list[set[str]], against: nx.Graph) -> list[set[str]]:
    """Groups, largest first, against which no vector to a group that is kept speaks."""
    keep: list[set[str]] = []
    kept: set[str] = set()
    for group in groups:
        if not any(kept & set(against.adj[tile]) for tile in group if against.has_node(tile)):
            keep.append(group)
            kept |= group
    return keep


def _neighbours(
    placements: Mapping[str, Placement], tiles: list[str], edge_threshold: float | None
) -> list[tuple[str, str]]:
    """Pairs of tiles whose boxes touch or overlap and whose centres are near enough."""
    if not tiles:
        return []
    bounds = np.array([placements[tile].bounds for tile in tiles])
    centres = np.array([placements[tile].centre for tile in tiles])
    boxes = box(*bounds.T)
    first, second = STRtree(boxes).query(boxes, predicate="intersects")
    sides = np.maximum(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    limit = (
        edge_threshold if edge_threshold is not None else np.maximum(sides[first], sides[second])
    )
    near = np.linalg.norm(centres[first] - centres[second], axis=1) <= limit
    return [(tiles[i], tiles[j]) for i, j in zip(first[near], second[near], strict=True) if i < j]


def _vector_change(
    before: Mapping[str, Placement], after: Mapping[str, Placement], one: str, two: str
) -> float:
    was = np.subtract(before[one].centre, before[two].centre)
    now = np.subtract(after[one].centre, after[two].centre)
    return float(np.linalg.norm(was - now))


def _groups_by_size(groups: list[set[str]], minimum_size: int | None) -> list[set[str]]:
    """Groups come largest first; a single tile alone is only kept when it is the whole section."""
    if minimum_size is not None:
        return [group for group in groups if len(group) >= minimum_size]
    return groups[:1] if groups and (len(groups[0]) > 1 or len(groups) == 1) else []
