"""Which sections hang together by pairs of tiles with enough matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import networkx as nx

from renderapi.matching.neighbours import Pair

Json = dict[str, Any]
Key = tuple[str, str, str, str]


def connected_sections(
    pairs: Sequence[Pair],
    counts: Mapping[Key, int],
    least: int,
    zs_of: Mapping[str, Sequence[float]],
) -> Json:
    """Components of the graph of sections.

    Parameters
    ----------
    pairs : sequence of Pair
        All that were asked for.
    counts : mapping of Pair.key to the number of matches
    least : int
        Pairs with so many matches connect their sections.
    zs_of : mapping of sectionId to its z values

    Returns
    -------
    dict
        `components`, in the order of their lowest z: sections, zs, missing_zs (those between that
        are in none of its sections but in another's), matches across sections; `breaks` between
        components; `isolated_sections` that no matches connect to any other; `unknown_sections`,
        which the stack does not have.
    """
    graph = nx.Graph()
    for pair in pairs:
        graph.add_nodes_from((pair.p_group, pair.q_group))
        count = counts[pair.key]
        if pair.p_group != pair.q_group and count >= least:
            before = graph.get_edge_data(pair.p_group, pair.q_group, {"matches": 0})["matches"]
            graph.add_edge(pair.p_group, pair.q_group, matches=before + count)
    every_z = sorted({z for group in graph for z in zs_of.get(group, ())})
    parts = [
        _component(graph, set(part), every_z, zs_of) for part in nx.connected_components(graph)
    ]
    parts.sort(key=lambda part: (part["zs"][:1] or [float("inf")], part["sections"]))
    placed = [part for part in parts if part["zs"]]
    return {
        "components": parts,
        "breaks": [
            {"after": one["zs"][-1], "before": other["zs"][0]} for one, other in pairwise(placed)
        ],
        "isolated_sections": sorted(group for group in graph if graph.degree(group) == 0),
        "unknown_sections": sorted(group for group in graph if group not in zs_of),
    }


def _component(
    graph: nx.Graph, part: set[str], every_z: Sequence[float], zs_of: Mapping[str, Sequence[float]]
) -> Json:
    zs = sorted({z for group in part for z in zs_of.get(group, ())})
    between = [z for z in every_z if zs and zs[0] < z < zs[-1] and z not in set(zs)]
    edges = graph.subgraph(part).edges(data="matches")
    return {
        "sections": sorted(part),
        "zs": zs,
        "missing_zs": between,
        "matches": sum(matches for *_, matches in edges),
    }
