"""The sum of the reports of sections that were solved one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from renderapps.alignment.solve_report import WORST, spread_of
from renderapps.module.result import rounded

Json = dict[str, Any]
_COUNTS = ("used_pairs", "rejected_pairs", "unchecked_pairs", "points_doubted")


def summary_of(sections: Sequence[Json]) -> Json:
    """What is said of all sections together; each entry has `whole` and `connectivity`."""
    wholes = [entry["whole"] for entry in sections]
    pairs = [pair for entry in sections for pair in entry["pairs"] if pair["accepted"]]
    tiles = [tile for entry in sections for tile in entry["tiles_by_id"].values()]
    misfits = np.array([pair["residual"] for pair in pairs], float)
    result: Json = {key: sum(whole[key] for whole in wholes) for key in _COUNTS}
    result |= {
        "median_residual": rounded(np.median(misfits)) if len(misfits) else None,
        "worst_residual": rounded(misfits.max()) if len(misfits) else None,
        "scale": spread_of(np.array([tile["scale"] for tile in tiles], float)),
        "shear": spread_of(np.array([tile["shear"] for tile in tiles], float)),
        "worst_pairs": sorted(pairs, key=lambda pair: -pair["residual"])[:WORST],
        "rejected": [pair for whole in wholes for pair in whole["rejected"]],
        "placed_without_matches": [
            named for whole in wholes for named in whole["placed_without_matches"]
        ],
        "placed_by": {},
        "warnings": [
            f"z={entry['z']:g}: {text}"
            for entry in sections
            for text in (*entry["connectivity"]["warnings"], *entry["whole"]["warnings"])
        ],
    }
    nanometres = [pair["residual_nm"] for pair in pairs if "residual_nm" in pair]
    if nanometres:
        result["median_residual_nm"] = rounded(np.median(nanometres), 2)
        result["worst_residual_nm"] = rounded(max(nanometres), 2)
    for entry in sections:
        for rule, count in entry["placed_by"].items():
            result["placed_by"][rule] = result["placed_by"].get(rule, 0) + count
    return result
