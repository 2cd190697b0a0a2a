"""Chunks of pairs, and the second look at those that failed."""

import numpy as np

from renderapi.matching.batches import PairOutcome, PairTask
from renderapi.matching.neighbours import Layer, NeighbourParameters, neighbour_pairs
from renderapi.matching.pair_outcome import PairMatch
from renderapps.pointmatch.match_report import match_report, pair_row
from renderapps.pointmatch.pair_matching import TilePlaces, chunks_of, second_look


def grid(side=16):
    ids = [f"t{r:02d}_{c:02d}" for r in range(side) for c in range(side)]
    corner = np.array([[c * 90.0, r * 90.0] for r in range(side) for c in range(side)])
    layer = Layer(1.0, ids, ["1.0"] * len(ids), np.column_stack([corner, corner + 100]))
    (pairs,) = neighbour_pairs([layer], NeighbourParameters())
    return pairs, TilePlaces.of_layers([layer])


def outcome(pair, offset=None, reason=""):
    points = np.zeros((0 if reason else 4, 2))
    match = PairMatch(points, points, np.ones(len(points)), "", 0.1, 50.0, reason, [], offset)
    return PairOutcome(pair, match, 40.0)


def test_chunks_hold_every_task_once_and_keep_neighbours_together():
    pairs, places = grid()
    tasks = [PairTask(pair) for pair in pairs]
    chunks = chunks_of(tasks, places, workers=2)
    assert sorted(t.pair for chunk in chunks for t in chunk) == sorted(pairs)
    assert len(chunks) == 8
    tiles = [{t for task in c for t in (task.pair.p_id, task.pair.q_id)} for c in chunks]
    assert sum(len(t) for t in tiles) < 1.35 * 256  # a tile belongs to one chunk, or few
    assert chunks_of([], places, 2) == []


def test_only_failed_pairs_of_a_direction_with_a_rule_are_looked_at_again():
    pairs, places = grid(4)
    outcomes = [outcome(pair, offset=(6.0, -2.0)) for pair in pairs]
    outcomes[0] = outcome(pairs[0], reason="blank")
    (task,) = second_look(outcomes, places)
    assert task.pair == pairs[0]
    assert task.rule.offset == (6.0, -2.0) and task.rule.radius == 3.0
    scattered = [outcome(p, offset=(9.0 * i % 37, 5.0 * i % 31)) for i, p in enumerate(pairs)]
    scattered[0] = outcomes[0]
    assert second_look(scattered, places) == []


def test_the_report_counts_and_says_why():
    pairs, places = grid(3)
    outcomes = [outcome(pair, offset=(1.0, 2.0)) for pair in pairs[:-2]]
    outcomes.append(outcome(pairs[-2], reason="blank"))
    report = match_report(pairs, set(places.z) - {pairs[-1].q_id}, outcomes)
    assert report["pairs_total"] == 12
    assert (report["pairs_accepted"], report["pairs_rejected"]) == (10, 1)
    assert report["missing_tiles"] == [pairs[-1].q_id]
    assert report["pairs"][-1]["reason"] == "blank"
    assert pair_row(outcomes[0])["offset"] == [1.0, 2.0]
