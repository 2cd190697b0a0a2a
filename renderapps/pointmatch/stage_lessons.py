"""What a few pairs teach of the stage, before many are searched for.

A stage misses its target in much the same way at every step: the camera is turned against it by the
same angle, a slack is taken up in the same way, and how far it comes to the same place again is its
repeatability. All of that shows in the offsets of the pairs of one direction: their median, and
their spread about it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence

from renderapi.matching.batches import PairOutcome, PairTask
from renderapi.matching.stage import StageRule, stage_rules
from renderapps.pointmatch.pair_matching import TilePlaces, evenly, in_order

MANY = 100
"""With fewer pairs that are not clear there is nothing to be gained."""
LESSONS = 12
"""Pairs that teach a direction, spread evenly over the stack."""


def lessons(
    tasks: Iterable[PairTask], outcomes: Iterable[PairOutcome], places: TilePlaces
) -> list[PairTask]:
    """Which of the tasks to search first: some of each direction that is not known well already."""
    offsets = _offsets(outcomes, places)
    found = []
    for side, some in _by_side(tasks, places).items():
        known = sum(direction == side for direction, _ in offsets)
        if known < LESSONS:
            found += evenly(in_order(some, places), LESSONS - known)
    return found


def taught(outcomes: Iterable[PairOutcome], places: TilePlaces) -> dict[str, StageRule]:
    """Where the pairs of each direction are to be expected, all sections taken together."""
    outcomes = [o for o in outcomes if o.pair.delta_z is None]
    radius = max((o.search_radius for o in outcomes), default=0.0)
    rules = stage_rules(_offsets(outcomes, places), radius)
    return {str(side): rule for side, rule in rules.items()}


def near_lessons(
    tasks: Iterable[PairTask],
    rules: Mapping[str, StageRule],
    found: Container[object],
    places: TilePlaces,
) -> list[PairTask]:
    """Those of the tasks that have a rule and are not found yet, to be looked for by it."""
    return [
        PairTask(task.pair, rules[side])
        for side, some in _by_side(tasks, places).items()
        if side in rules
        for task in some
        if task.pair not in found
    ]


def _by_side(tasks: Iterable[PairTask], places: TilePlaces) -> dict[str, list[PairTask]]:
    """Tasks of pairs of one z by the side on which p lies."""
    sides: dict[str, list[PairTask]] = {}
    for task in tasks:
        if task.pair.delta_z is None:
            sides.setdefault(places.direction(task.pair)[2], []).append(task)
    return sides


def _offsets(
    outcomes: Iterable[PairOutcome], places: TilePlaces
) -> Sequence[tuple[str, tuple[float, float]]]:
    return [
        (places.direction(o.pair)[2], o.match.offset)
        for o in outcomes
        if o.pair.delta_z is None and o.match.accepted and o.match.offset is not None
    ]
