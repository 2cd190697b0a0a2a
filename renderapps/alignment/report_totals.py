"""Numbers of a whole stack from those of its sections."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

Json = dict[str, Any]
COUNTED = (
    "tiles", "pairs", "points", "seams", "displaced_tiles", "unmatched_tiles",
    "disconnected_groups", "holes", "gaps", "uncovered", "distorted_tiles",
)  # fmt: skip


def totals(report: Json, version: Mapping[str, Any]) -> Json:
    """Sums and medians over all sections; None of what was not looked for.

    Parameters
    ----------
    report : dict
        With `sections` and `correlations`.
    version : mapping
        Of the stack, with the size of its pixels.
    """
    sections = report["sections"]
    median = _median([entry.get("median_residual") for entry in sections])
    sizes = [version.get(f"stackResolution{axis}") or 0.0 for axis in "XY"]
    nanometres = sum(sizes) / 2 if all(sizes) else None
    between_pairs = [
        sum(other["pairs"] for other in entry["to_later_sections"])
        for entry in sections
        if "to_later_sections" in entry
    ]
    return {
        "sections": len(sections),
        **{key: _sum(sections, key) for key in COUNTED},
        "pairs_between": sum(between_pairs) if between_pairs else None,
        "median_residual": median,
        "median_residual_nm": (
            round(median * nanometres, 4) if median is not None and nanometres else None
        ),
        "correlation": _median([c["correlation"] for c in report["correlations"]]),
        "correlation_before": _median([c["before"] for c in report["correlations"]]),
    }


def _sum(sections: Sequence[Json], key: str) -> int | None:
    known = [entry[key] for entry in sections if entry.get(key) is not None]
    return sum(v if isinstance(v, int) else len(v) for v in known) if known else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(float(np.median(known)), 4) if known else None


def between(sections: Sequence[Json]) -> list[Json]:
    """Matches of each section with the next, and pairs that cross from one to the other.

    Parameters
    ----------
    sections : sequence of dict
        Entries of the sections, in their order.
    """
    zs = [entry["z"] for entry in sections]
    crossing = [0] * (len(zs) + 1)
    for k, section in enumerate(sections):
        for other in section["to_later_sections"]:
            crossing[k] += other["pairs"]
            crossing[bisect_left(zs, other["z"])] -= other["pairs"]
    found = []
    none = {"pairs": 0, "points": 0, "median_residual": None, "worst_residual": None}
    for (one, two), over in zip(pairwise(sections), accumulate(crossing), strict=False):
        direct = [p for p in one["to_later_sections"] if p["z"] == two["z"]]
        entry = direct[0] if direct else none
        found.append(entry | {"z": [one["z"], two["z"]], "pairs_across": over})
    return found


def correlations(pictures: dict[float, Json]) -> list[Json]:
    """Likeness of the thumbnails of sections that follow each other, before and after."""
    from renderapps.alignment.report_pictures import likeness

    found = []
    for (z, one), (next_z, two) in pairwise(pictures.items()):
        entry: Json = {"z": [z, next_z]}
        for kind, name in (("after", "correlation"), ("before", "before")):
            both = kind in one and kind in two
            entry[name] = likeness(one[kind].jpeg, two[kind].jpeg) if both else None
        found.append(entry)
    return [entry for entry in found if any(pictures[z] for z in entry["z"])]
