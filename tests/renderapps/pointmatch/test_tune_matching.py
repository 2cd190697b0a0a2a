"""Settings of point matching, tried on a sample of pairs."""

import json
import subprocess
import sys

import numpy as np
import pytest

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module import ParameterError, RenderModuleException, example_path
from renderapps.module.validation import load_example
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.tune_matching import (
    TuneMatching,
    TuneMatchingParameters,
    contradictions,
    fewer_scales,
    recommended,
)


@pytest.fixture
def paired(acquisition, tmp_path):
    """A section of six tiles with its seven pairs, and what every run needs."""
    acquired = acquisition(2, 3)
    pairs = str(tmp_path / "pairs.json")
    CreateTilePairs(input_data=acquired.parameters | {"tilepair_output": pairs}, args=[]).run()
    return acquired, acquired.parameters | {"tilepair_file": pairs, "pool_size": 1}


def row(**more):
    usual = {"search_radius": 20.0, "scale": 1.0, "method": "auto", "pairs": 100, "accepted": 90}
    usual |= {"feature_scales": {}, "tried_feature_scales": [0.5, 1.0]}
    usual |= {"median_residual": 0.01, "largest_offset": 9.0, "contradicting": 0, "seconds": 5.0}
    return usual | more


def test_the_fastest_of_those_that_lose_nothing_is_recommended():
    rows = [
        row(seconds=9.0, search_radius=40.0),
        row(seconds=4.0),
        row(seconds=1.0, accepted=80, search_radius=5.0),
        row(seconds=2.0, median_residual=0.3, scale=0.25),
        row(seconds=3.0, contradicting=2, method="features"),
        row(seconds=3.5, search_radius=10.0),
    ]
    best, reason = recommended(rows)
    usual = {"search_radius": 20.0, "scale": 1.0, "method": "auto"}
    assert best == usual | {"feature_scales": [0.5, 1.0]}
    assert "90 of 100 pairs in 4 s" in reason and "edge" not in reason


@pytest.mark.parametrize(
    ("counts", "tried"),
    [
        ({}, []),
        ({"0.25": 3, "0.5": 2, "1": 1}, [[0.25], [0.5], [1.0]]),
        ({"0.5": 2, "1": 1}, [[0.5, 1.0], [0.5], [1.0]]),
        ({"1": 4}, [[1.0]]),
    ],
)
def test_the_best_setting_is_tried_with_the_scales_that_were_needed(counts, tried):
    others = row(search_radius=40.0, seconds=9.0, tried_feature_scales=[0.25, 0.5, 1.0])
    rows = [others, row(feature_scales=counts, tried_feature_scales=[0.25, 0.5, 1.0])]
    best, _ = recommended(rows)
    more = fewer_scales(best, rows)
    assert [setting.pop("feature_scales") for setting in more] == tried
    assert all(s == {"search_radius": 20.0, "scale": 1.0, "method": "auto"} for s in more)
    assert fewer_scales(None, rows) == []


def test_radii_that_are_too_small_and_settings_that_match_nothing_are_told():
    _, reason = recommended([row(largest_offset=19.0), row(largest_offset=9.9, search_radius=10.0)])
    assert "try larger ones" in reason
    best, reason = recommended([row(accepted=0, median_residual=None, largest_offset=None)])
    assert best is None and "no setting matched any of 100 pairs" in reason
    assert recommended([row(contradicting=1), row(contradicting=2)])[0] is None


def test_a_setting_that_differs_from_most_contradicts():
    one = {("a", "b"): np.array([3.0, 1.0]), ("a", "c"): np.array([0.0, 0.0])}
    two = {("a", "b"): np.array([3.2, 1.0])}
    three = {("a", "b"): np.array([9.0, 1.0]), ("a", "c"): np.array([0.5, 0.5])}
    assert contradictions([one, two, three]) == [0, 0, 1]


def test_settings_are_tried_and_nothing_is_stored(paired):
    acquired, parameters = paired
    module = TuneMatching(
        input_data=parameters | {"search_radii": [3, 12], "scales": [1.0], "sample_pairs": 7},
        args=[],
    )
    module.run()
    small, enough = module.result["settings"]
    assert (small["search_radius"], enough["search_radius"]) == (3, 12)
    assert module.result["pairs_sampled"] == 7 and module.result["pairs_total"] == 7
    assert small["accepted"] < enough["accepted"] == 7
    assert enough["contradicting"] == 0 and enough["median_residual"] < 0.05
    assert largest_of(acquired) == pytest.approx(enough["largest_offset"], abs=0.05)
    best = {"search_radius": 12, "scale": 1.0, "method": "auto", "feature_scales": [0.5, 1.0]}
    assert module.result["recommended"] == best
    with pytest.raises(NotFoundError):
        renderapi.pointmatch.get_match_groupIds("matches", render=acquired.render)


def largest_of(acquired):
    """Largest miss of the stage between neighbours that differ by a row or a column."""
    misses = {}
    for tile, place in acquired.places.items():
        row, column = int(tile[4]), int(tile[7])
        misses[row, column] = np.array(place) - [100 * column, 100 * row]
    steps = [
        np.abs(misses[row + down, column + right] - misses[row, column]).max()
        for row, column in misses
        for down, right in ((0, 1), (1, 0))
        if (row + down, column + right) in misses
    ]
    return max(steps)


def test_bad_input_is_named(paired, tmp_path):
    acquired, parameters = paired
    with pytest.raises(ParameterError, match="scales"):
        TuneMatching(input_data=parameters | {"scales": [2.0]}, args=[])
    with pytest.raises(ParameterError, match="methods"):
        TuneMatching(input_data=parameters | {"methods": ["guess"]}, args=[])
    acquired.image("z1_r0_c0").unlink()
    with pytest.raises(RenderModuleException, match=r"could not be tried.*z1_r0_c0"):
        TuneMatching(input_data=parameters | {"search_radii": [12], "scales": [1.0]}, args=[]).run()


def test_from_the_command_line(paired, tmp_path):
    _, parameters = paired
    given = parameters | {"search_radii": [12], "scales": [1.0], "sample_pairs": 2}
    (tmp_path / "in.json").write_text(json.dumps(given))
    command = [sys.executable, "-m", "renderapps.pointmatch.tune_matching"]
    options = ["--input_json", str(tmp_path / "in.json"), "--output_json", str(tmp_path / "o.json")]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "o.json").read_text())
    assert result["recommended"]["search_radius"] == 12


def test_the_example_is_valid():
    example = json.loads(example_path("pointmatch.tune_matching").read_text())
    loaded, problems = load_example(TuneMatchingParameters, example)
    assert problems == []
    assert loaded["sample_pairs"] == 40 and loaded["methods"] is None
