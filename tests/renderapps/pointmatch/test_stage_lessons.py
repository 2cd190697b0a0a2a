"""What the stage does is learnt from a few pairs before many are searched for."""

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.matching.batches import PairOutcome, PairTask
from renderapi.matching.neighbours import Layer, NeighbourParameters, neighbour_pairs
from renderapi.matching.pair_outcome import PairMatch
from renderapps.pointmatch import stage_lessons
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
from renderapps.pointmatch.pair_matching import TilePlaces

SIDE, TURN = 120, (3, -4)  # a step to the right ends so much further right and up


@pytest.fixture
def turned(acquisition, render, tmp_path):
    """A section of 4 x 4 tiles of a camera that is turned against its stage, in much noise."""
    acquired = acquisition(4, 4)
    rng = np.random.default_rng(5)
    picture = np.kron(rng.normal(size=(130, 130)), np.ones((4, 4))) * 300 + 2000
    for tile in acquired.places:
        row, column = int(tile[4]), int(tile[7])
        jitter = rng.integers(-1, 2, 2)
        x = 100 * column + TURN[0] * column - TURN[1] * row + 20 + jitter[0]
        y = 100 * row + TURN[1] * column + TURN[0] * row + 30 + jitter[1]
        acquired.places[tile] = (int(x), int(y))
        cut = picture[y : y + SIDE, x : x + SIDE] + rng.normal(0, 100, (SIDE, SIDE))
        tifffile.imwrite(acquired.image(tile), cut.astype(np.uint16))
    path = str(tmp_path / "pairs.json")
    CreateTilePairs(input_data=acquired.parameters | {"tilepair_output": path}, args=[]).run()
    return acquired


def generate(acquired, collection, **options):
    parameters = acquired.parameters | {
        "tilepair_file": str(acquired.folder / "pairs.json"),
        "matchCollection": collection,
        "pool_size": 1,
        "search_radius": 25,
    }
    module = GeneratePointMatches(input_data=parameters | options, args=[])
    module.run()
    stored = renderapi.pointmatch.get_matches_with_group(collection, "1.0", render=acquired.render)
    return module.result, {(m["pId"], m["qId"]): m["matches"] for m in stored}


def test_a_few_pairs_are_searched_and_the_others_looked_for_where_these_say(turned, monkeypatch):
    monkeypatch.setattr(stage_lessons, "MANY", 20)
    monkeypatch.setattr(stage_lessons, "LESSONS", 4)
    result, stored = generate(turned, "learnt")
    stages = [row["stage"] for row in result["pairs"] if row["accepted"]]
    assert len(stages) == result["pairs_total"] == 24
    assert stages.count("search") == 8 and stages.count("stage") == 16
    rules = {rule["side"]: rule for rule in result["stage_learnt"]}
    assert sorted(rule["pairs"] for rule in rules.values()) == [4, 4]
    assert np.abs(np.subtract(rules["LEFT"]["offset"], TURN)).max() < 2.1
    assert np.abs(np.subtract(rules["TOP"]["offset"], (-TURN[1], TURN[0]))).max() < 2.1
    for (p, q), match in stored.items():
        true = np.subtract(turned.places[q], turned.places[p])
        found = (np.array(match["p"]) - np.array(match["q"])).T
        assert np.abs(found - true).max() < 0.3


def test_few_pairs_are_all_searched_and_so_are_many_without_learning(turned, monkeypatch):
    few, _ = generate(turned, "few")
    assert few["stage_learnt"] == []
    monkeypatch.setattr(stage_lessons, "MANY", 20)
    untaught, _ = generate(turned, "untaught", learn_stage=False)
    for result in (few, untaught):
        assert {row["stage"] for row in result["pairs"] if row["accepted"]} == {"search"}


def test_lessons_are_spread_over_the_directions_that_are_not_known():
    ids = [f"t{r:02d}_{c:02d}" for r in range(10) for c in range(10)]
    corner = np.array([[c * 90.0, r * 90.0] for r in range(10) for c in range(10)])
    layer = Layer(1.0, ids, ["1.0"] * len(ids), np.column_stack([corner, corner + 100]))
    (pairs,) = neighbour_pairs([layer], NeighbourParameters())
    places = TilePlaces.of_layers([layer])
    tasks = [PairTask(pair) for pair in pairs]
    across = [task for task in tasks if places.direction(task.pair)[2] == "LEFT"]
    point = np.zeros((1, 2))
    known = [
        PairOutcome(t.pair, PairMatch(point, point, np.ones(1), "", 0, 0, "", [], (7.0, 1.0)), 40.0)
        for t in across[:10]
    ]
    chosen = stage_lessons.lessons(tasks[10:], known, places)
    sides = [places.direction(task.pair)[2] for task in chosen]
    assert (sides.count("LEFT"), sides.count("TOP")) == (2, 12)
    rows = {int(task.pair.p_id[1:3]) // 3 for task in chosen if task.pair.p_id}
    assert len(rows) >= 3
    rules = stage_lessons.taught(known, places)
    assert rules["LEFT"].offset == (7.0, 1.0) and set(rules) == {"LEFT"}
    found = {task.pair for task in across[:15]}
    near = stage_lessons.near_lessons(tasks, rules, found, places)
    assert [task.pair for task in near] == [task.pair for task in across[15:]]
