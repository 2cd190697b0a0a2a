"""The montage solver as a module, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
from section_builder import make_stack, match, nominal, side_neighbours, true_matches

import renderapi
from renderapps.module import RenderModuleException
from renderapps.module.errors import ParameterError
from renderapps.stitching.solve_montage import SolveMontage

ROWS, COLUMNS = 3, 4
TILES = [f"{r}{c}" for r in range(ROWS) for c in range(COLUMNS)]
PRIOR = {tile: nominal(int(tile[0]), int(tile[1])) for tile in TILES}


@pytest.fixture
def truth():
    rng = np.random.default_rng(11)
    return {tile: place + rng.uniform(-4, 4, 2) for tile, place in PRIOR.items()}


def arguments(render, **more):
    return {
        "render": {
            "host": render.DEFAULT_HOST,
            "owner": "test",
            "project": "project",
        },
        "input_stack": "acquired",
        "output_stack": "montaged",
        "matchCollection": "montage",
        "pool_size": 1,
        **more,
    }


def store_matches(render, matches, local_transforms=0):
    renderapi.pointmatch.import_matches("montage", matches, render=render)
    if local_transforms is not None:
        renderapi.pointmatch.set_collection_metadata(
            "montage", {"local_transforms": local_transforms}, render=render
        )


def solved_places(render, stack="montaged"):
    section = renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, 1.0, render=render)
    return {t.tileId: t.tforms[-1].M[:2, 2] for t in section.tilespecs}, section


def place_errors(places, truth):
    difference = np.array([places[tile] - truth[tile] for tile in truth])
    return np.linalg.norm(difference - difference.mean(axis=0), axis=1)


def test_tiles_end_in_their_true_places_and_metadata_is_kept(render, truth):
    make_stack(render, "acquired", PRIOR)
    store_matches(
        render, true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    )
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    places, _ = solved_places(render)
    assert place_errors(places, truth).max() < 1e-3
    metadata = renderapi.stack.get_full_stack_metadata("montaged", render=render)
    assert metadata["state"] == "COMPLETE"
    assert metadata["currentVersion"]["stackResolutionZ"] == 50
    report = module.result["sections"][0]
    assert report["unmatched_tiles"] == []
    assert report["rejected_pairs"] == 0
    assert set(report["tiles"]) == set(TILES)


def test_running_twice_gives_the_same(render, truth):
    make_stack(render, "acquired", PRIOR)
    store_matches(
        render, true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    )
    results = []
    for _ in range(2):
        SolveMontage(input_data=arguments(render), args=[]).run()
        results.append(solved_places(render)[1].to_dict())
    assert results[0] == results[1]


def test_a_wrong_pair_is_rejected_and_reported(render, truth):
    make_stack(render, "acquired", PRIOR)
    matches = true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    wrong = next(m for m in matches if (m["pId"], m["qId"]) == ("11", "12"))
    shifted = np.array(wrong["matches"]["p"]) + np.array([[7.0], [-5.0]])
    wrong["matches"]["p"] = shifted.tolist()
    store_matches(render, matches)
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    places, _ = solved_places(render)
    assert place_errors(places, truth).max() < 1e-3
    (rejected,) = [p for p in module.result["sections"][0]["pairs"] if not p["accepted"]]
    assert (rejected["pId"], rejected["qId"]) == ("11", "12")
    assert rejected["residual"] == pytest.approx(np.hypot(7, 5), abs=0.01)
    assert "contradicts" in rejected["reason"]


def test_a_tile_without_matches_keeps_its_place_and_is_listed(render, truth):
    make_stack(render, "acquired", PRIOR)
    pairs = [pair for pair in side_neighbours(ROWS, COLUMNS) if "23" not in pair]
    store_matches(render, true_matches(truth, pairs, np.random.default_rng(1)))
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    places, _ = solved_places(render)
    np.testing.assert_allclose(places["23"], PRIOR["23"], atol=1e-6)
    assert module.result["sections"][0]["unmatched_tiles"] == ["23"]


def test_shared_lens_transforms_stay_shared_and_first(render, truth):
    lens = renderapi.transform.AffineModel(M00=1.01, M11=0.99, transformId="lens")
    make_stack(render, "acquired", PRIOR, shared=lens)
    matches = true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    store_matches(render, matches, local_transforms=1)  # points after the lens
    SolveMontage(input_data=arguments(render), args=[]).run()
    places, section = solved_places(render)
    assert [t.transformId for t in section.transforms] == ["lens"]
    assert all(t.tforms[0].refId == "lens" for t in section.tilespecs)
    assert place_errors(places, truth).max() < 1e-3


def test_unknown_coordinates_are_asked_for(render, truth):
    make_stack(render, "acquired", PRIOR)
    matches = true_matches(truth, [("00", "01")], np.random.default_rng(1))
    store_matches(render, matches, local_transforms=None)
    with pytest.raises(RenderModuleException, match="give local_transforms"):
        SolveMontage(input_data=arguments(render), args=[]).run()
    SolveMontage(input_data=arguments(render, local_transforms=0), args=[]).run()


def test_missing_stack_and_collection_are_named(render):
    with pytest.raises(RenderModuleException, match="no stack acquired"):
        SolveMontage(input_data=arguments(render), args=[]).run()
    make_stack(render, "acquired", PRIOR)
    with pytest.raises(RenderModuleException, match="no match collection montage"):
        SolveMontage(input_data=arguments(render), args=[]).run()


def test_bad_parameters_are_all_listed(render):
    bad = arguments(render, model="spline", regularization=-1, nonsense=1)
    with pytest.raises(ParameterError) as caught:
        SolveMontage(input_data=bad, args=[])
    text = str(caught.value)
    assert "model" in text and "regularization" in text and "nonsense" in text


def test_from_the_command_line(render, truth, tmp_path):
    make_stack(render, "acquired", PRIOR)
    store_matches(
        render, true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    )
    given, out = tmp_path / "in.json", tmp_path / "out.json"
    given.write_text(json.dumps(arguments(render, model="translation")))
    command = [sys.executable, "-m", "renderapps.stitching.solve_montage"]
    done = subprocess.run(
        [*command, "--input_json", given, "--model", "affine", "--output_json", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    places, _ = solved_places(render)
    assert place_errors(places, truth).max() < 0.05
    assert json.loads(out.read_text())["sections"][0]["groups"] == 1
    bad = subprocess.run([*command, "--model", "x"], capture_output=True, text=True)
    assert bad.returncode == 2
    assert "Traceback" not in bad.stderr


def test_matches_of_other_tiles_are_left_out(render, truth):
    make_stack(render, "acquired", PRIOR)
    strangers = match("99", "98", np.zeros((4, 2)), np.ones((4, 2)))
    store_matches(render, [strangers])
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    assert module.result["sections"][0]["pairs"] == []
    assert sorted(module.result["sections"][0]["unmatched_tiles"]) == TILES


def test_tiles_without_a_section_go_by_their_z(render, truth):
    make_stack(render, "acquired", PRIOR, section=None)
    matches = true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    store_matches(render, matches)  # their group is "1.0", which is the z
    SolveMontage(input_data=arguments(render), args=[]).run()
    places, _ = solved_places(render)
    assert place_errors(places, truth).max() < 1e-3
