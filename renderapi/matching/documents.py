"""Match documents (CanvasMatches): the form in which matches are stored and exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from renderapi.matching.models import Points
from renderapi.matching.neighbours import Pair
from renderapi.pointmatch import match_points

DECIMALS = 6


def match_document(pair: Pair, p: Points, q: Points, weights: np.ndarray) -> dict[str, Any]:
    """Document of the matches of a pair.

    Parameters
    ----------
    pair : Pair
        In order, p before q, as the service keeps it.
    p, q : (N, 2) arrays
        Post-local coordinates of each tile.
    weights : (N,) array
    """
    return {
        "pGroupId": pair.p_group,
        "pId": pair.p_id,
        "qGroupId": pair.q_group,
        "qId": pair.q_id,
        "matches": {
            "p": np.round(p.T, DECIMALS).tolist() if len(p) else [[], []],
            "q": np.round(q.T, DECIMALS).tolist() if len(q) else [[], []],
            "w": np.round(weights, DECIMALS).tolist(),
        },
    }


def empty_document(pair: Pair) -> dict[str, Any]:
    """Document that replaces the stored matches of a pair by none."""
    nothing = np.empty((0, 2))
    return match_document(pair, nothing, nothing, np.empty(0))


def oriented_points(
    document: Mapping[str, Any], first_id: str
) -> tuple[Points, Points, np.ndarray]:
    """Points on the tile `first_id`, points on the other tile, and weights.

    A service returns p and q in string order, whichever way round they were written. SpecError for
    points that are not rows.
    """
    p, q, weights = match_points(document)
    if document["pId"] == first_id:
        return p, q, weights
    if document["qId"] == first_id:
        return q, p, weights
    raise KeyError(f"tile {first_id} is on neither side of {document['pId']} - {document['qId']}")
