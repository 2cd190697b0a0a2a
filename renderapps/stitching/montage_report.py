"""What a solve did to the tiles and thought of the pairs of a section, as JSON and as warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from renderapps.alignment.connectivity import FEW_POINTS
from renderapps.alignment.moments import Moments
from renderapps.alignment.placing import Placed
from renderapps.alignment.solving import Solution
from renderapps.alignment.stage_model import MATCHES, SHIFT, STAGE, STAGE_MODEL
from renderapps.module.result import rounded
from renderapps.module.wording import counted, listed

Json = dict[str, Any]


def section_report(
    names: Sequence[str], links: Moments, solution: Solution, placed: Placed
) -> Json:
    """The report of one section; lengths in pixels of the world.

    Parameters
    ----------
    names : sequence of str
        Ids of the tiles.
    links : Moments
        Of their pairs.
    """
    used = solution.misfits[solution.accepted]
    rows = [_pair_row(k, names, links, solution) for k in range(len(links.counts))]
    cut = _disconnected(names, links, solution)
    for k, tiles in cut.items():
        rows[k]["disconnects"] = tiles
    groups = _groups(names, solution)
    return {
        "tiles": _tile_rows(names, links, solution, placed),
        "pairs": rows,
        "unmatched_tiles": [
            name for name, linked in zip(names, solution.linked, strict=True) if not linked
        ],
        "groups": len(groups),
        "group_tiles": groups,
        "placed_by": {rule: placed.rules.count(rule) for rule in dict.fromkeys(placed.rules)},
        "stage_model": {
            "kind": placed.stage.kind,
            "linear": placed.stage.linear.round(8).tolist(),
            "spread": rounded(placed.stage.spread),
            "tiles": placed.stage.tiles,
        },
        "tolerance": rounded(solution.tolerance),
        "median_residual": rounded(np.median(used)) if len(used) else None,
        "worst_residual": rounded(used.max()) if len(used) else None,
        "used_pairs": int(solution.accepted.sum()),
        "rejected_pairs": int((~solution.accepted).sum()),
        "unchecked_pairs": int(solution.bridges.sum()),
        "points_doubted": int(links.doubted.sum()),
        "warnings": [*_cut_warnings(rows, cut), *_weak_warnings(rows), *_place_warnings(placed)],
    }


def _pair_row(k: int, names: Sequence[str], links: Moments, solution: Solution) -> Json:
    row: Json = {
        "pId": names[links.first[k]],
        "qId": names[links.second[k]],
        "points": int(links.counts[k]),
        "points_doubted": int(links.doubted[k]),
        "residual": rounded(solution.misfits[k]),
        "scatter": rounded(solution.scatters[k]),
        "accepted": bool(solution.accepted[k]),
    }
    if not solution.accepted[k]:
        row["reason"] = (
            f"contradicts the other matches by {solution.misfits[k]:.2f} px "
            f"(tolerance {solution.tolerance:.2f} px)"
        )
        if solution.by_stage[k]:
            row["reason"] += (
                "; they leave open which of them is wrong: this one departs most from the stage"
            )
    elif solution.bridges[k]:
        row["unchecked"] = "no other matches connect its two sides"
        weak = _weakness(float(links.given[k]), int(links.counts[k]), solution.scatters[k])
        if weak:
            row["weak"] = weak
    return row


def _weakness(total: float, points: int, scatter: float) -> str:
    """Why a link that nothing checks should not be trusted blindly; empty: no reason."""
    if total < FEW_POINTS:
        return f"its points weigh {total:.1f} together"
    error = scatter / np.sqrt(points)
    return f"its points scatter by {scatter:.1f} px" if error > 1.0 or scatter > 10 else ""


def _groups(names: Sequence[str], solution: Solution) -> list[list[str]]:
    """Tiles of each group of more than one, largest group first."""
    found: dict[int, list[str]] = {}
    for name, group, linked in zip(names, solution.components, solution.linked, strict=True):
        if linked:
            found.setdefault(int(group), []).append(name)
    return sorted(found.values(), key=lambda tiles: (-len(tiles), tiles))


def _disconnected(names: Sequence[str], links: Moments, solution: Solution) -> dict[int, list[str]]:
    """By rejected link: tiles (the smaller side) that it would have connected with the others."""
    groups = solution.components
    sizes = np.bincount(groups, minlength=1)
    cut = {}
    for k in np.flatnonzero(~solution.accepted):
        one, two = groups[links.first[k]], groups[links.second[k]]
        if one != two:
            smaller = two if sizes[two] <= sizes[one] else one
            cut[int(k)] = [names[int(i)] for i in np.flatnonzero(groups == smaller)]
    return cut


def _cut_warnings(rows: Sequence[Json], cut: dict[int, list[str]]) -> list[str]:
    return [
        f"rejecting {rows[k]['pId']} - {rows[k]['qId']} disconnects {listed(tiles)} from the rest"
        for k, tiles in cut.items()
    ]


def _weak_warnings(rows: Sequence[Json]) -> list[str]:
    return [
        f"{row['pId']} - {row['qId']} is the only connection of its two sides, and weak: "
        f"{row['weak']}"
        for row in rows
        if "weak" in row
    ]


def _place_warnings(placed: Placed) -> list[str]:
    count, stage = placed.rules.count(STAGE_MODEL), placed.stage
    if count and np.isfinite(stage.spread):
        told = "a constant shift" if stage.kind == SHIFT else f"a linear model ({stage.kind})"
        return [
            f"{counted(count, 'tile')} without accepted matches, placed by what the others tell of "
            f"the stage: {told} that misses by about {stage.spread:.1f} px"
        ]
    if STAGE not in placed.rules or len(placed.rules) == 1:
        return []
    return ["no tiles have accepted matches: all stay where the stage was"]


def _tile_rows(
    names: Sequence[str], links: Moments, solution: Solution, placed: Placed
) -> dict[str, Json]:
    """Per tileId: all its pairs, the accepted ones, their root mean square misfit, its place."""
    total, used, squares = (np.zeros(len(names)) for _ in range(3))
    for ends in (links.first, links.second):
        np.add.at(total, ends, 1)
        np.add.at(used, ends, solution.accepted)
        np.add.at(squares, ends, np.where(solution.accepted, solution.misfits**2, 0.0))
    return {
        name: {
            "pairs": int(total[i]),
            "accepted_pairs": int(used[i]),
            "residual": rounded(np.sqrt(squares[i] / used[i])) if used[i] else None,
            "group": int(solution.components[i]),
            "placed_by": placed.rules[i],
        }
        for i, name in enumerate(names)
    }


def one_line(report: Json) -> str:
    """How a section was solved."""
    by = report["placed_by"]
    parts = [f"{by.get(MATCHES, 0)} of {len(report['tiles'])} tiles placed by matches"]
    parts += [f"{count} by {rule}" for rule, count in by.items() if rule not in (MATCHES,)]
    pairs = f"{report['used_pairs']} pairs used, {report['rejected_pairs']} rejected"
    return f"{', '.join(parts)}; {pairs}; {report['groups']} groups"
