"""What may be wrong with a montage: holes, gaps, seams, groups that nothing connects, distortion.

Everything is in world pixels of the stack that is judged. The functions report; none drops a tile.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.placed_outlines import Outlines
from renderapps.alignment.rim import TOUCHING, side_neighbours

if TYPE_CHECKING:
    from shapely import Polygon

Floats = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True)
class PairEnds:
    """World places of the matches of a pair of tiles, from either tile; (N, 2) each."""

    tiles: Pair
    p: Floats
    q: Floats


@dataclass(frozen=True)
class Seam:
    """A cluster of matches whose ends lie apart.

    Attributes
    ----------
    centroid : (x, y), of the middles between the ends
    points : int
    residual : float, mean distance of the ends
    pairs : list of the pairs of tiles that have them
    """

    centroid: tuple[float, float]
    points: int
    residual: float
    pairs: list[Pair]

    def report(self) -> dict[str, Any]:
        """Its entry in an output JSON."""
        return {
            "centroid": [round(value, 3) for value in self.centroid],
            "points": self.points,
            "residual": round(self.residual, 3),
            "pairs": [list(pair) for pair in self.pairs],
        }


def holes(before: Iterable[str], after: Collection[str]) -> list[str]:
    """Tiles that are there before stitching and not after, in their order."""
    there = set(after)
    return [tile for tile in before if tile not in there]


def gaps(before: Outlines, after: Mapping[str, Polygon]) -> list[Pair]:
    """Side neighbours that touched before stitching and do not after; both are there.

    Corner neighbours are left out: they lose touch by a pixel.
    """
    import shapely

    touching = side_neighbours(before.polygons, before.corners).pairs()
    both = [(one, other) for one, other in touching if one in after and other in after]
    if not both:
        return []
    ones, others = (np.array([after[pair[k]] for pair in both], object) for k in (0, 1))
    apart = shapely.distance(ones, others) > TOUCHING
    return [pair for pair, gone in zip(both, apart, strict=True) if gone]


def seams(
    pairs: Sequence[PairEnds],
    residual_threshold: float = 4.0,
    neighbors_distance: float = 80.0,
    min_cluster_size: int = 12,
) -> list[Seam]:
    """Places where matches do not meet, the largest first.

    Parameters
    ----------
    residual_threshold : float
        Matches count whose ends are at least so far apart.
    neighbors_distance : float
        Those at most so far from each other are one cluster.
    min_cluster_size : int
        Clusters of more matches than this are reported.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if not pairs:
        return []
    owner = np.repeat(np.arange(len(pairs)), [len(pair.p) for pair in pairs])
    p, q = (np.concatenate([getattr(pair, side) for pair in pairs]) for side in ("p", "q"))
    off = np.hypot(*(p - q).T)
    bad = off >= residual_threshold
    middle, off, owner = (p[bad] + q[bad]) / 2, off[bad], owner[bad]
    if not len(middle):
        return []
    near = cKDTree(middle).query_pairs(neighbors_distance, output_type="ndarray")
    links = coo_matrix((np.ones(len(near)), (near[:, 0], near[:, 1])), shape=(len(middle),) * 2)
    count, labels = connected_components(links, directed=False)
    found = []
    for label in range(count):
        here = labels == label
        if here.sum() > min_cluster_size:
            x, y = middle[here].mean(axis=0).tolist()
            names = [pairs[k].tiles for k in np.unique(owner[here])]
            found.append(Seam((x, y), int(here.sum()), float(off[here].mean()), names))
    return sorted(found, key=lambda seam: (-seam.points, seam.centroid))


def disconnected_groups(
    tiles: Iterable[str], pairs: Mapping[Pair, int], min_matches: int = 1
) -> list[list[str]]:
    """Tiles that hang together by their matches, the largest group first; one group: all do.

    Parameters
    ----------
    pairs : mapping of pairs of tiles to their numbers of matches
    min_matches : int
        Pairs with fewer do not count.
    """
    graph = nx.Graph()
    graph.add_nodes_from(tiles)
    graph.add_edges_from(
        (one, other)
        for (one, other), count in pairs.items()
        if count >= min_matches and one in graph and other in graph
    )
    groups = [sorted(group) for group in nx.connected_components(graph)]
    return sorted(groups, key=lambda group: (-len(group), group))


def distortion(corners: Floats, widths: Floats, heights: Floats) -> tuple[float, float]:
    """Median absolute deviation of the x and y scales of tiles from their medians.

    Scales farther than three standard deviations from their mean are left out first.

    Parameters
    ----------
    corners : (T, 4, 2)
        Clockwise from the upper left.
    widths, heights : (T,)
        Of the images, pixels.
    """
    across = np.linalg.norm(corners[:, 1] - corners[:, 0], axis=1) / widths
    down = np.linalg.norm(corners[:, 3] - corners[:, 0], axis=1) / heights
    return _deviation(across), _deviation(down)


def _deviation(scales: Floats) -> float:
    if not len(scales):
        return 0.0
    kept = scales[np.abs(scales - scales.mean()) <= 3 * scales.std() + 1e-15]
    return float(np.median(np.abs(kept - np.median(kept))))
