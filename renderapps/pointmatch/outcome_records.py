"""Outcomes of pairs as records of a file, and back, to the last bit."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.base64arrays import decodeBase64, encodeBase64
from renderapi.matching.batches import PairOutcome
from renderapi.matching.candidates import Band, Candidate, Chance
from renderapi.matching.neighbours import Pair
from renderapi.matching.pair_outcome import PairMatch

Json = dict[str, Any]


def outcome_record(outcome: PairOutcome) -> Json:
    """What became of a pair that could be tried; its stage and the pair itself are left out."""
    match = outcome.match
    return {
        "p": encodeBase64(match.p),
        "q": encodeBase64(match.q),
        "weights": encodeBase64(match.weights),
        "method": match.method,
        "residual": match.residual,
        "coverage": match.coverage,
        "reason": match.reason,
        "candidates": [asdict(candidate) for candidate in match.candidates],
        "offset": match.offset,
        "prior": match.prior,
        "feature_scale": match.feature_scale,
        "refused": match.refused,
        "search_radius": outcome.search_radius,
    }


def outcome_of(pair: Pair, record: Json) -> PairOutcome:
    """The outcome that a record is of."""
    p, q = (_points(record[side]) for side in ("p", "q"))
    offset, prior = record["offset"], record["prior"]
    match = PairMatch(
        p,
        q,
        decodeBase64(record["weights"]),
        record["method"],
        record["residual"],
        record["coverage"],
        record["reason"],
        [_candidate(candidate) for candidate in record["candidates"]],
        None if offset is None else (offset[0], offset[1]),
        (prior[0], prior[1]),
        record["feature_scale"],
        tuple(record["refused"]),
    )
    return PairOutcome(pair, match, record["search_radius"])


def _points(text: str) -> NDArray[np.float64]:
    return decodeBase64(text).reshape(-1, 2)


def _candidate(record: Json) -> Candidate:
    x, y = record["shift"]
    return Candidate(**{**record, "shift": (x, y)})


def samples_record(samples: list[dict[Band, Chance]]) -> list[list[list[float]]]:
    """What unrelated pairs reached."""
    return [
        [[level, smoothing, *chance] for (level, smoothing), chance in sample.items()]
        for sample in samples
    ]


def samples_of(record: list[list[list[float]]]) -> list[dict[Band, Chance]]:
    """The samples that a record is of."""
    return [
        {(int(level), smoothing): Chance(*chance) for level, smoothing, *chance in sample}
        for sample in record
    ]
