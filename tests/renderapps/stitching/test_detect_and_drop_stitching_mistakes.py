"""Dropping stitching mistakes, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
from section_builder import make_stack, nominal, side_neighbours, true_matches

import renderapi
from renderapps.module.errors import ParameterError
from renderapps.stitching.detect_and_drop_stitching_mistakes import (
    DetectAndDropStitchingMistakes,
)

PRIOR = {f"{r}{c}": nominal(r, c) for r in range(3) for c in range(3)}


def arguments(render, **more):
    return {
        "render": {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"},
        "prestitchedStack": "acquired",
        "poststitchedStack": "stitched",
        "outputStack": "clean",
        "pool_size": 1,
        **more,
    }


@pytest.fixture
def stitched(render):
    """A section where the middle tile jumped by 60 pixels and a corner tile was lost."""
    make_stack(render, "acquired", PRIOR)
    after = {t: place + np.array([2.0, -1.0]) for t, place in PRIOR.items() if t != "22"}
    after["11"] = PRIOR["11"] + np.array([60.0, 0.0])
    make_stack(render, "stitched", after)
    return after


def test_mistakes_are_dropped_with_their_reasons(render, stitched, tmp_path):
    folder = tmp_path / "tiles"
    module = DetectAndDropStitchingMistakes(
        input_data=arguments(render, jsonDirectory=str(folder)), args=[]
    )
    module.run()
    (section,) = module.result["sections"]
    assert section["dropped"] == [
        {"tileId": "22", "reason": "missing"},
        {"tileId": "11", "reason": "displaced"},
    ]
    kept = renderapi.resolvedtiles.get_resolved_tiles_from_z("clean", 1.0, render=render)
    assert sorted(t.tileId for t in kept.tilespecs) == sorted(set(PRIOR) - {"11", "22"})
    for tile in kept.tilespecs:
        np.testing.assert_allclose(tile.tforms[0].M[:2, 2], stitched[tile.tileId], atol=1e-9)
    written = json.loads((folder / "clean_z0001.json").read_text())
    assert sorted(t["tileId"] for t in written) == sorted(t.tileId for t in kept.tilespecs)


def test_the_threshold_is_the_change_of_a_neighbour_vector(render, stitched):
    module = DetectAndDropStitchingMistakes(
        input_data=arguments(render, distance_threshold=100), args=[]
    )
    module.run()
    assert module.result["sections"][0]["dropped"] == [{"tileId": "22", "reason": "missing"}]


def test_a_report_alone_writes_nothing(render, stitched):
    parameters = arguments(render, report_only=True, outputStack=None)
    module = DetectAndDropStitchingMistakes(input_data=parameters, args=[])
    module.run()
    assert module.result["sections"][0]["kept"] == 7
    stacks = renderapi.render.get_stacks_by_owner_project(render=render)
    assert sorted(stacks) == ["acquired", "stitched"]


def test_defects_are_reported_as_they_are_before_anything_is_dropped(render, stitched):
    """11 went 60 to the right: off its left neighbour; the matches say where it should be."""
    rng = np.random.default_rng(0)
    pairs = [pair for pair in side_neighbours(3, 3) if "22" not in pair and "01" not in pair]
    truth = {t: place + np.array([2.0, -1.0]) for t, place in PRIOR.items()}
    matches = true_matches(truth, pairs, rng, points=20)
    renderapi.pointmatch.import_matches("m", matches, render=render)
    parameters = arguments(render, report_only=True, outputStack=None, matchCollection="m")
    module = DetectAndDropStitchingMistakes(input_data=parameters, args=[])
    module.run()
    found = module.result["sections"][0]["defects"]
    assert found["holes"] == ["22"] and found["gaps"] == [["10", "11"]]
    assert found["scale_deviation"] == [0.0, 0.0] and found["unusable_pairs"] == []
    assert found["disconnected_groups"] == [["01"]]
    assert found["seams"] and all(
        abs(s["residual"] - np.hypot(58, 1)) < 1e-3 for s in found["seams"]
    )
    concerned = {tile for seam in found["seams"] for pair in seam["pairs"] for tile in pair}
    assert "11" in concerned and concerned <= {"11", "10", "12", "21"}
    few = arguments(render, report_only=True, outputStack=None)
    module = DetectAndDropStitchingMistakes(input_data=few, args=[])
    module.run()
    assert "seams" not in module.result["sections"][0]["defects"]


def test_output_equal_to_an_input_is_refused(render):
    with pytest.raises(ParameterError, match="also an input"):
        DetectAndDropStitchingMistakes(
            input_data=arguments(render, outputStack="stitched"), args=[]
        )


def test_from_the_command_line(render, stitched, tmp_path):
    given = tmp_path / "in.json"
    given.write_text(json.dumps(arguments(render)))
    command = [sys.executable, "-m", "renderapps.stitching.detect_and_drop_stitching_mistakes"]
    done = subprocess.run(
        [*command, "--input_json", given, "--outputStack", "other"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(renderapi.stack.get_stack_tileIds("other", render=render)) == 7
    bad = subprocess.run(
        [*command, "--input_json", given, "--poststitchedStack", "none"],
        capture_output=True,
        text=True,
    )
    assert bad.returncode == 1
    assert bad.stderr.count("\n") == 1 and "none" in bad.stderr
