"""Which tiles moved implausibly against their neighbours while a section was stitched."""

from __future__ import annotations

from collections.abc import Mapping
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
    """Tiles to keep, why the others are dropped, and the sizes of all groups, largest first."""

    kept: list[str]
    dropped: dict[str, str]
    group_sizes: list[int]


def find_mistakes(
    before: Mapping[str, Placement],
    after: Mapping[str, Placement],
    distance_threshold: float,
    edge_threshold: float | None = None,
    minimum_group_size: int | None = None,
) -> Verdict:
    """Compare every neighbour vector before and after stitching.

    Parameters
    ----------
    before, after : mapping of tileId to Placement
        The section as acquired, and as stitched. Tiles that are only in `after` have nothing to be
        judged by and are dropped as disconnected.
    distance_threshold : float
        Greatest tolerated change of the vector between two neighbours' centres, pixels.
    edge_threshold : float, optional
        Neighbours whose centres were further apart than this before stitching are not considered;
        by default the larger side of the tile, which every pair of side neighbours is within.
    minimum_group_size : int, optional
        Keep every group of at least so many tiles; by default only the largest group.
    """
    present = [tile for tile in before if tile in after]
    dropped = dict.fromkeys((tile for tile in before if tile not in after), MISSING)
    graph = nx.Graph()
    graph.add_nodes_from(tile for tile in after)
    had_neighbours: set[str] = set()
    for one, two in _neighbours(before, present, edge_threshold):
        had_neighbours |= {one, two}
        if _vector_change(before, after, one, two) <= distance_threshold:
            graph.add_edge(one, two)
    groups = sorted(nx.connected_components(graph), key=lambda group: (-len(group), min(group)))
    keep = _groups_to_keep(groups, minimum_group_size)
    kept = sorted(tile for group in keep for tile in group)
    for tile in sorted(set(after) - set(kept)):
        lost_all = tile in had_neighbours and graph.degree(tile) == 0
        dropped[tile] = DISPLACED if lost_all else DISCONNECTED
    return Verdict(kept, dropped, [len(group) for group in groups])


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


def _groups_to_keep(groups: list[set[str]], minimum_size: int | None) -> list[set[str]]:
    """Groups come largest first; a single tile alone is only kept when it is the whole section."""
    if minimum_size is not None:
        return [group for group in groups if len(group) >= minimum_size]
    return groups[:1] if groups and (len(groups[0]) > 1 or len(groups) == 1) else []
