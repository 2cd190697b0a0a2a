"""What became of the pairs of a matching run, as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from renderapps.module.result import rounded

if TYPE_CHECKING:
    from renderapi.matching.batches import PairOutcome
    from renderapi.matching.candidates import Band, Chance
    from renderapi.matching.neighbours import Pair
    from renderapi.matching.stage import StageRule


def match_report(
    pairs: Sequence[Pair],
    tiles: set[str],
    outcomes: Sequence[PairOutcome],
    refusals: Mapping[Any, Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Counts, and an entry for every pair.

    Parameters
    ----------
    pairs : sequence of Pair
        All that were asked for.
    tiles : set of str
        Tiles that the stack has.
    outcomes : sequence of PairOutcome
        Of the pairs that could be tried.
    refusals : mapping, optional
        By key of a pair and stage: why the stage refused it.
    """
    before = refusals or {}
    rows = [pair_row(outcome, before.get(outcome.pair.key)) for outcome in outcomes]
    accepted = [row for row in rows if row["accepted"]]
    methods = [row["method"] for row in accepted]
    failed = [
        {"pId": o.pair.p_id, "qId": o.pair.q_id, "reason": o.match.reason}
        for o in outcomes
        if o.failed
    ]
    absent = [pair for pair in pairs if not {pair.p_id, pair.q_id} <= tiles]
    return {
        "pairs_total": len(pairs),
        "pairs_accepted": len(accepted),
        "pairs_rejected": len(rows) - len(accepted) - len(failed),
        "methods": {method: methods.count(method) for method in sorted(set(methods))},
        "feature_scales": scale_counts(outcomes),
        "matches": sum(row["matches"] for row in accepted),
        "pairs": rows,
        "failed_pairs": failed,
        "pairs_of_missing_tiles": len(absent),
        "missing_tiles": sorted({t for pair in absent for t in (pair.p_id, pair.q_id)} - tiles),
    }


def match_warnings(report: dict[str, Any]) -> list[str]:
    """What a user must know of a run in which all pairs could be tried."""
    return [*_nothing_matched(report), *_coarsely_linked(report["pairs"])]


def _coarsely_linked(rows: Sequence[dict[str, Any]]) -> list[str]:
    from renderapi.matching.coarse_pairs import COARSE
    from renderapps.module.wording import listed

    coarse = [row for row in rows if row["method"] == COARSE]
    if not coarse:
        return []
    tiles = sorted({row[side] for row in coarse for side in ("pId", "qId")})
    return [
        f"{len(coarse)} pairs are linked by coarse content alone, as nothing sharper was found, "
        f"and known to {max(row['residual'] for row in coarse):.1f} px or better: look at tiles "
        f"{listed(tiles)}"
    ]


def _nothing_matched(report: dict[str, Any]) -> list[str]:
    """Where no pair at all was matched."""
    if not report["pairs_total"] or report["pairs_accepted"] or not report["pairs"]:
        return []
    first = report["pairs"][0]
    return [
        f"none of {report['pairs_total']} pairs could be matched; {first['pId']} - "
        f"{first['qId']}: {first['reason']} (is search_radius large enough?)"
    ]


def scale_counts(outcomes: Iterable[PairOutcome]) -> dict[str, int]:
    """How many pairs were accepted by features, by their scale, which rises."""
    scales = [o.match.feature_scale for o in outcomes if o.match.accepted]
    found = sorted(scale for scale in scales if scale is not None)
    return {f"{scale:g}": found.count(scale) for scale in dict.fromkeys(found)}


def rule_rows(rules: Mapping[str, StageRule]) -> list[dict[str, Any]]:
    """What was learnt of the stage, by the side on which the second tile lies."""
    return [
        {
            "side": side,
            "offset": [round(v, 3) for v in rule.offset],
            "radius": round(rule.radius, 1),
            "pairs": rule.pairs,
        }
        for side, rule in sorted(rules.items())
    ]


def chance_rows(limits: Mapping[Band, Chance]) -> list[dict[str, Any]]:
    """What unrelated pairs reach in each band."""
    return [
        {
            "level": level,
            "smoothing": smoothing,
            "significance": round(limit.significance, 2),
            "correlation": round(limit.correlation, 3),
        }
        for (level, smoothing), limit in limits.items()
    ]


def pair_row(outcome: PairOutcome, refusals: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Entry of a pair in the report.

    Parameters
    ----------
    outcome : PairOutcome
    refusals : mapping, optional
        Why stages before that of the outcome refused the pair, in their order.
    """
    match, pair = outcome.match, outcome.pair
    row: dict[str, Any] = {
        "pGroupId": pair.p_group,
        "pId": pair.p_id,
        "qGroupId": pair.q_group,
        "qId": pair.q_id,
        "accepted": match.accepted,
        "stage": outcome.stage or None,
        "method": match.method or None,
        "feature_scale": match.feature_scale,
        "matches": len(match.p),
        "residual": rounded(match.residual),
        "coverage": rounded(match.coverage, 1),
        "offset": None if match.offset is None else [rounded(v) for v in match.offset],
        "search_radius": rounded(outcome.search_radius, 1),
    }
    if match.candidates:
        best = match.candidates[0]
        row["correlation"] = rounded(best.correlation)
        row["significance"] = rounded(best.significance, 1)
    if match.accepted:
        before = [(stage, why) for stage, why in (refusals or {}).items() if stage != outcome.stage]
        before += [(outcome.stage, why) for why in match.refused]
        row["refused"] = [{"stage": stage or None, "reason": why} for stage, why in before]
    else:
        row["reason"] = match.reason
        row["candidates"] = [
            {
                "shift": [rounded(v) for v in candidate.shift],
                "correlation": rounded(candidate.correlation),
                "significance": rounded(candidate.significance, 1),
            }
            for candidate in match.candidates
        ]
    return row
