"""Which pairs would link tiles that no match links."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome, PairTask


def unlinked(outcomes: Iterable[PairOutcome]) -> list[PairTask]:
    """Tasks for the pairs of one z that failed and whose tiles hang together through no others."""
    import networkx as nx

    from renderapi.matching.batches import PairTask

    within = [o for o in outcomes if o.pair.delta_z is None and not o.failed]
    tiles = nx.utils.UnionFind(tile for o in within for tile in (o.pair.p_id, o.pair.q_id))
    for outcome in within:
        if outcome.match.accepted:
            tiles.union(outcome.pair.p_id, outcome.pair.q_id)
    return [
        PairTask(o.pair)
        for o in within
        if not o.match.accepted and tiles[o.pair.p_id] != tiles[o.pair.q_id]
    ]
