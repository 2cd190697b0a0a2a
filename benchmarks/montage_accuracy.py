"""How exact the stitching of montages is under nasty conditions, three pictures, three seeds each.

A row per condition: the median error of the tiles that matches placed, and what else must be
known. Trials whose pictures do not tell where the tiles lie, whatever the method, are counted by
what became of them and by what the report says of their pairs (see `renderapps.demo.verdict`).

`python -m benchmarks.montage_accuracy [CONDITION ...]` prints the table of docs/accuracy.md.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import Row

if TYPE_CHECKING:
    from renderapps.demo.verdict import Verdict

SEEDS = range(3)
HEADINGS = (
    "condition",
    "data hold the answer",
    "median error",
    "worst error",
    "pairs used of those that tell",
    "wrong pairs",
    "tiles matched",
    "worst of the other tiles",
    "best linear stage model",
    "where the data do not hold it",
    "not as they must be",
)


def run() -> list[Row]:
    """A row per condition."""
    from renderapps.demo.conditions import CONDITIONS

    return [_row(condition) for condition in CONDITIONS]


def _row(condition: str) -> Row:
    cells = dict(zip(HEADINGS, cells_of(condition, verdicts_of(condition)), strict=True))
    text = ", ".join(
        f"{name}: {cells[name]}" for name in HEADINGS if cells[name] and name[0] != "c"
    )
    median = cells["median error"]
    return Row(condition, float(median or np.nan), "px", None, text)


def verdicts_of(condition: str) -> list[Verdict]:
    """Of all pictures and seeds."""
    from renderapps.demo.conditions import PICTURES
    from renderapps.demo.trials import run_trial

    found = []
    for picture in PICTURES:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                found.append(run_trial(Path(folder), picture, condition, seed)[0])
    return found


def cells_of(condition: str, verdicts: Sequence[Verdict]) -> list[str]:
    """Texts of a row of the table, below `HEADINGS`."""
    held = [v for v in verdicts if v.answered]
    others = [v for v in verdicts if not v.answered]
    failed = sum(bool(v.failures) for v in verdicts)
    return [
        condition,
        f"{len(held)} of {len(verdicts)}",
        f"{np.nanmedian([v.median for v in held]):.3f}" if held else "",
        f"{np.nanmax([v.worst for v in held]):.3f}" if held else "",
        f"{sum(v.used for v in held)} of {sum(v.telling for v in held)}" if held else "",
        str(sum(v.wrong for v in verdicts)),
        f"{sum(v.matched for v in held)} of {sum(v.linkable for v in held)}" if held else "",
        f"{max(v.placed for v in verdicts):.1f}",
        f"{max(v.stage for v in verdicts):.1f}",
        _not_held(others),
        f"{failed} of {len(verdicts)}",
    ]


def _not_held(verdicts: Sequence[Verdict]) -> str:
    """What became of the trials that no method could answer, and why the report says so."""
    if not verdicts:
        return ""
    outcomes = Counter(v.outcome for v in verdicts)
    counts = ", ".join(f"{count} {what}" for what, count in sorted(outcomes.items()))
    used, telling = sum(v.used for v in verdicts), sum(v.telling for v in verdicts)
    reasons: Counter[str] = Counter()
    for verdict in verdicts:
        reasons.update(verdict.reasons)
    told = "; ".join(f"{reason} ({count})" for reason, count in reasons.most_common(3))
    return f"{counts}: {used} of {telling} pairs used; {told or 'all pairs matched'}"


def main(conditions: Sequence[str]) -> None:
    """Print rows of the table as Markdown, each as soon as it is known."""
    from renderapps.demo.conditions import CONDITIONS

    print("| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|", sep="\n")
    for condition in conditions or CONDITIONS:
        print("| " + " | ".join(cells_of(condition, verdicts_of(condition))) + " |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
