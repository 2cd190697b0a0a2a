"""All defects of a report as one table."""

from __future__ import annotations

from html import escape
from typing import Any

from renderapps.alignment.solve_page import MOST, more, table

Json = dict[str, Any]


def found_table(report: Json) -> list[str]:
    """A table of all that was found, of every kind."""
    rows: list[tuple[str, ...]] = []
    for entry in report["sections"]:
        rows += [(f"{entry['z']:g}", kind, text) for kind, text in _told(entry)]
    if not rows:
        return []
    return [
        f"<h2>All that was found ({len(rows)})</h2>",
        table(("z", "what", "which"), [tuple(map(escape, row)) for row in rows[:MOST]], 3),
        more(rows),
    ]


def _told(entry: Json) -> list[tuple[str, str]]:
    found = [
        (
            "seam",
            f"{seam['points']} matches, {seam['residual']:.4g} px, at "
            f"{seam['centroid'][0]:.1f}, {seam['centroid'][1]:.1f}: "
            + "; ".join(" and ".join(pair) for pair in seam["pairs"]),
        )
        for seam in entry.get("seams") or ()
    ]
    found += [
        (
            "displaced tile",
            f"{t['tileId']}: {t['residual']:.4g} px in {t['bad_pairs']} of {t['pairs']} pairs",
        )
        for t in entry.get("displaced_tiles") or ()
    ]
    found += [("hole", tile) for tile in entry.get("holes") or ()]
    found += [("gap", " and ".join(pair)) for pair in entry.get("gaps") or ()]
    found += [
        (
            "uncovered",
            f"{u['area']:.4g} px\u00b2 in the box {', '.join(f'{v:g}' for v in u['box'])}",
        )
        for u in entry["uncovered"]
    ]
    found += [
        (
            "distorted tile",
            f"{t['tileId']}: scales {t['scale'][0]:.4g}, {t['scale'][1]:.4g}, "
            f"shear {t['shear']:.3g}",
        )
        for t in entry["distorted_tiles"]
    ]
    found += [("without matches", tile) for tile in entry.get("unmatched_tiles") or ()]
    found += [("other group", ", ".join(g)) for g in entry.get("disconnected_groups") or ()]
    found += [("not placed", f"{t['tileId']}: {t['reason']}") for t in entry["unplaced_tiles"]]
    found += [
        ("unusable pair", f"{p['pId']} and {p['qId']}: {p['reason']}")
        for p in entry.get("unusable_pairs") or ()
    ]
    if entry.get("picture_problem"):
        found.append(("not drawn", entry["picture_problem"]))
    return found
