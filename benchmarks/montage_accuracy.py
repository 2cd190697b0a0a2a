"""How exact the stitching of montages is under nasty conditions, three pictures, three seeds each.

A row per condition: the median error of the tiles that matches placed, and what else must be
known: the worst of them where the data hold the answer, the worst of the tiles that the stage model
placed, wrong pairs used, tiles matched of those that could be, and trials in which something was
not as it must be (see `renderapps.demo.trials`).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import Row

SEEDS = range(3)


def run() -> list[Row]:
    """A row per condition."""
    from renderapps.demo.conditions import CONDITIONS

    return [_row(condition) for condition in CONDITIONS]


def _row(condition: str) -> Row:
    from renderapps.demo.conditions import PICTURES
    from renderapps.demo.trials import Verdict, run_trial

    verdicts: list[Verdict] = []
    for picture in PICTURES:
        for seed in SEEDS:
            with tempfile.TemporaryDirectory() as folder:
                verdicts.append(run_trial(Path(folder), picture, condition, seed)[0])
    answered = [v for v in verdicts if v.answered]
    worst = f"{max(v.worst for v in answered):.3f}" if answered else "none answered"
    text = (
        f"worst {worst}, placed {max(v.placed for v in verdicts):.1f}, "
        f"{sum(v.wrong for v in verdicts)} wrong, "
        f"{sum(v.matched for v in verdicts)}/{sum(v.linkable for v in verdicts)} tiles, "
        f"{sum(bool(v.failures) for v in verdicts)} of {len(verdicts)} not as they must be"
    )
    shown = answered or verdicts
    return Row(condition, float(np.median([v.median for v in shown])), "px", None, text)
