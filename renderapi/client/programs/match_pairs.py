"""Pairs of pictures matched in threads, and the documents that are stored of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from renderapi.client.programs.canvases import CanvasRequest, CanvasStore, DescribedCanvas
from renderapi.matching.canvas_matches import (
    DerivationParameters,
    MatchSet,
    covered_percentage,
    match_canvases,
)
from renderapi.matching.documents import DECIMALS

Json = dict[str, Any]
Name = tuple[str, str]
"""Group id and id of a picture in a match collection."""
PAIRS_AT_A_TIME = 200


@dataclass(frozen=True)
class CanvasPair:
    """Two pictures to match; their names where they do not follow from their tiles."""

    p: CanvasRequest
    q: CanvasRequest
    p_name: Name | None = None
    q_name: Name | None = None


def matched(
    pairs: Iterable[CanvasPair],
    store: CanvasStore,
    parameters: DerivationParameters,
    name: Callable[[CanvasRequest, DescribedCanvas], Name],
    threads: int = 1,
) -> Iterator[list[Json]]:
    """Documents of what was found, some pairs at a time, in order."""

    def one(pair: CanvasPair) -> list[Json]:
        p, q = store.get(pair.p), store.get(pair.q)
        sets = _sets(p, q, parameters, store.scale)
        names = (pair.p_name or name(pair.p, p), pair.q_name or name(pair.q, q))
        return documents(names, sets, (p.offset, q.offset), store.scale)

    waiting = iter(pairs)
    with ThreadPoolExecutor(threads) as pool:
        while part := list(islice(waiting, PAIRS_AT_A_TIME)):
            found = map(one, part) if threads == 1 else pool.map(one, part)
            yield [document for of_pair in found for document in of_pair]


def _sets(
    p: DescribedCanvas, q: DescribedCanvas, parameters: DerivationParameters, scale: float
) -> list[MatchSet]:
    """Sets of matches that cover enough of the overlap."""
    sets = match_canvases(p.features, q.features, q.width * q.height, parameters, scale)
    least = parameters.min_coverage
    if not sets or not least:
        return sets
    covered = covered_percentage(sets, p.mask, q.mask, parameters.coverage_radius * scale)
    return sets if covered >= least else []


def documents(
    names: tuple[Name, Name],
    sets: Sequence[MatchSet],
    offsets: tuple[tuple[float, float], tuple[float, float]],
    scale: float,
) -> list[Json]:
    """Match documents of a pair: one, or one for each set with ids that say which.

    Points become full-scale pixels of the whole canvases.
    """
    (p_group, p_id), (q_group, q_id) = names
    found = []
    for index, part in enumerate(sets):
        document = {"pGroupId": p_group, "pId": p_id, "qGroupId": q_group, "qId": q_id}
        if len(sets) > 1:
            suffix = f"_set_{p_group}_{q_group}_{index}"
            origin = {"index": index, "originalPId": p_id, "originalQId": q_id}
            document |= {"pId": p_id + suffix, "qId": q_id + suffix}
            document |= {"consensusSetData": origin}  # type: ignore[dict-item]
        points = (_rows(part.p, offsets[0], scale), _rows(part.q, offsets[1], scale))
        matches = {"p": points[0], "q": points[1], "w": [1.0] * len(part.p)}
        found.append({**document, "matches": matches})
    return found


def _rows(points: np.ndarray, offset: tuple[float, float], scale: float) -> list[list[float]]:
    rows: list[list[float]] = np.round(points / scale + offset, DECIMALS).T.tolist()
    return rows
