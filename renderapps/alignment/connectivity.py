"""What hangs together through matches, told before anything is solved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapps.alignment.agreement import bridges, components
from renderapps.alignment.moments import Moments
from renderapps.module.wording import listed

Json = dict[str, Any]
FEW_POINTS = 6.0
"""A link that nothing checks is weak where its points weigh less than this together."""


def connectivity(
    names: Sequence[str],
    zs: NDArray[np.float64],
    moments: Moments,
    free: NDArray[np.bool_],
) -> Json:
    """Groups, lone units and weak links of a problem.

    Parameters
    ----------
    names : sequence of str
        Of the units: tile ids, or "z=..." for sections.
    zs : (T,) float64
        Section of each unit.
    free : (T,) bool
        Units that may move; the others count as one group.
    """
    nodes = np.arange(len(names))
    if not free.all():
        nodes[~free] = np.flatnonzero(~free)[0]
    first, second = nodes[moments.first], nodes[moments.second]
    groups = components(len(names), first, second)[nodes]
    counts = np.bincount(groups, minlength=1)
    lone = np.flatnonzero((counts[groups] == 1) & free) if len(names) else np.zeros(0, int)
    large = np.flatnonzero(counts > 1)
    large = large[np.argsort(-counts[large], kind="stable")]
    alone = bridges(first, second, np.ones(len(first), bool))
    weak = np.flatnonzero(alone & (moments.given < FEW_POINTS))
    across = zs[moments.first] != zs[moments.second]
    report: Json = {
        "units": len(names),
        "pairs": len(first),
        "pairs_across_sections": int(across.sum()),
        "groups": len(large),
        "group_sizes": counts[large].tolist(),
        "isolated": [names[int(k)] for k in lone],
        "only_connections": int(alone.sum()),
        "weak_links": [
            [names[moments.first[k]], names[moments.second[k]], round(float(moments.given[k]), 2)]
            for k in weak
        ],
        "between_sections": _between(zs, moments),
    }
    report["other_groups"] = [
        [names[int(k)] for k in np.flatnonzero(groups == group)] for group in large[1:]
    ]
    report["warnings"] = _warnings(report)
    return report


def _between(zs: NDArray[np.float64], moments: Moments) -> list[Json]:
    """Pairs between each section and the next; none is told too."""
    sections = np.unique(zs)
    if len(sections) < 2 or (zs[moments.first] == zs[moments.second]).all():
        return []
    ends = np.stack([zs[moments.first], zs[moments.second]])
    low, high = ends.min(axis=0), ends.max(axis=0)
    places = np.searchsorted(sections, low), np.searchsorted(sections, high)
    direct = np.bincount(places[0][places[1] == places[0] + 1], minlength=len(sections))
    crossing = np.zeros(len(sections) + 1, int)
    np.add.at(crossing, places[0], 1)
    np.add.at(crossing, places[1], -1)
    over = np.cumsum(crossing)
    return [
        {"z": [float(a), float(b)], "pairs": int(n), "pairs_across": int(m)}
        for a, b, n, m in zip(sections[:-1], sections[1:], direct, over, strict=False)
    ]


def _warnings(report: Json) -> list[str]:
    found = []
    if not report["pairs"] and report["units"] > 1:
        found.append("no pair of tiles has matches: all keep their places; match them first")
    elif report["isolated"]:
        count, names = len(report["isolated"]), listed(report["isolated"])
        found.append(f"{count} without matches: {names}")
    found += [
        f"{len(names)} hang together, but not with the others: {listed(names)}"
        for names in report["other_groups"]
    ]
    found += [
        f"{one} - {other} is the only connection of its two sides, and its points weigh {w:g} "
        "together"
        for one, other, w in report["weak_links"]
    ]
    found += [
        f"no match crosses from z={gap['z'][0]:g} to z={gap['z'][1]:g}"
        for gap in report["between_sections"]
        if not gap["pairs_across"]
    ]
    return found
