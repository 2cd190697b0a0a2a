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


TURN = np.array([[0.02, -0.05], [0.04, 0.01]])


def turned_truth(seed=0, jitter=0.0):
    """True places where the stage was scaled and turned against the camera."""
    rng = np.random.default_rng(seed)
    return {t: p + TURN @ p + rng.uniform(-jitter, jitter, 2) for t, p in PRIOR.items()}


def test_a_tile_without_matches_goes_where_the_stage_model_says_and_is_listed(render):
    truth = turned_truth()
    make_stack(render, "acquired", PRIOR)
    pairs = [pair for pair in side_neighbours(ROWS, COLUMNS) if "23" not in pair]
    store_matches(render, true_matches(truth, pairs, np.random.default_rng(1)))
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    places, _ = solved_places(render)
    assert place_errors(places, truth).max() < 0.6  # brought onto a whole pixel
    report = module.result["sections"][0]
    assert report["unmatched_tiles"] == ["23"]
    assert report["tiles"]["23"]["placed_by"] == "stage model"
    assert report["placed_by"] == {"matches": 11, "stage model": 1}
    assert report["stage_model"]["kind"] == "affine"


def test_without_a_stage_model_it_stays(render):
    make_stack(render, "acquired", PRIOR)
    pairs = [pair for pair in side_neighbours(ROWS, COLUMNS) if "23" not in pair]
    store_matches(render, true_matches(turned_truth(), pairs, np.random.default_rng(1)))
    module = SolveMontage(input_data=arguments(render, stage_model="none"), args=[])
    module.run()
    places, _ = solved_places(render)
    np.testing.assert_allclose(places["23"], PRIOR["23"], atol=1e-6)
    assert module.result["sections"][0]["tiles"]["23"]["placed_by"] == "stage"


@pytest.mark.parametrize("model", ["translation", "affine"])
def test_two_islands_lie_to_each_other_as_the_stage_model_says(render, model):
    truth = turned_truth()
    make_stack(render, "acquired", PRIOR)
    pairs = [p for p in side_neighbours(ROWS, COLUMNS) if {p[0][1], p[1][1]} != {"1", "2"}]
    store_matches(render, true_matches(truth, pairs, np.random.default_rng(1)))
    module = SolveMontage(input_data=arguments(render, model=model), args=[])
    module.run()
    places, _ = solved_places(render)
    assert place_errors(places, truth).max() < 0.6
    report = module.result["sections"][0]
    assert report["groups"] == 2
    assert report["unmatched_tiles"] == []
    assert report["placed_by"] == {"matches": 6, "matches; its group by the stage model": 6}


def test_a_section_without_matches_is_placed_by_the_other_sections(render):
    truth = turned_truth()
    store_two_sections(render, truth)
    module = SolveMontage(input_data=arguments(render, stage_model="stack"), args=[])
    module.run()
    places = {
        t.tileId[1:]: t.tforms[-1].M[:2, 2]
        for t in renderapi.tilespec.get_tile_specs_from_z("montaged", 2.0, render=render)
    }
    assert place_errors(places, truth).max() < 1e-3 + np.sqrt(0.5)
    assert module.result["sections"][1]["placed_by"] == {"stage model": 12}


def store_two_sections(render, truth):
    """Section 1 with matches, section 2 (tile ids led by "b") without any."""
    from stored_stacks import store

    make_stack(render, "acquired", PRIOR)
    make_stack(render, "second", {f"b{t}": p for t, p in PRIOR.items()}, z=2.0, section="2.0")
    tiles = [
        tile
        for stack in ("acquired", "second")
        for tile in renderapi.tilespec.get_tile_specs_from_stack(stack, render=render)
    ]
    renderapi.stack.delete_stack("acquired", render=render)
    store(render, "acquired", tiles, [], resolution=(4, 4, 50))
    store_matches(
        render, true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    )


def test_a_noisy_only_connection_is_used_and_flagged(render):
    """Tiles at 0, 900, 2100; matches say 900 and 950, the second pair with 2 pixels of noise."""
    rng = np.random.default_rng(2)
    prior = {"t0": (0.0, 0.0), "t1": (900.0, 0.0), "t2": (2100.0, 0.0)}
    make_stack(render, "acquired", prior)
    q = rng.uniform(0, 50, (40, 2))
    exact, noisy = q + np.array([900, 0]), q + rng.normal([950, 0], 2, q.shape)
    store_matches(render, [match("t0", "t1", exact, q), match("t1", "t2", noisy, q)])
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    places, _ = solved_places(render)
    assert places["t1"][0] - places["t0"][0] == pytest.approx(900, abs=1e-3)
    assert places["t2"][0] - places["t1"][0] == pytest.approx(950, abs=1.5)
    report = module.result["sections"][0]
    assert report["used_pairs"] == 2 and report["rejected_pairs"] == 0
    assert report["unchecked_pairs"] == 2
    assert report["pairs"][1]["scatter"] == pytest.approx(2 * np.sqrt(2), rel=0.4)


def test_a_weak_only_connection_is_flagged(render):
    make_stack(render, "acquired", {"a": (0.0, 0.0), "b": (90.0, 0.0)})
    q = np.random.default_rng(0).uniform(0, 50, (40, 2))
    weak = match("a", "b", q + np.array([90, 0]), q)
    weak["matches"]["w"] = [0.05] * 40
    store_matches(render, [weak])
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    report = module.result["sections"][0]
    assert report["pairs"][0]["weak"] == "its points weigh 2.0 together"
    assert report["warnings"] == [
        "a - b is the only connection of its two sides, and weak: its points weigh 2.0 together"
    ]


def test_what_a_rejection_disconnects_is_named(render):
    """Both links of a corner tile are wrong, and differently."""
    truth = turned_truth()
    make_stack(render, "acquired", PRIOR)
    matches = true_matches(truth, side_neighbours(ROWS, COLUMNS), np.random.default_rng(1))
    for k, entry in enumerate(matches):
        if "00" in (entry["pId"], entry["qId"]):
            entry["matches"]["p"] = (
                np.array(entry["matches"]["p"]) + np.array([[70.0 * (k + 1)], [-40.0]])
            ).tolist()
    store_matches(render, matches)
    module = SolveMontage(input_data=arguments(render), args=[])
    module.run()
    report = module.result["sections"][0]
    rejected = [p for p in report["pairs"] if not p["accepted"]]
    assert [p["disconnects"] for p in rejected] == [["00"], ["00"]]
    assert "rejecting 00 - 01 disconnects 00 from the rest" in report["warnings"]
    assert report["tiles"]["00"]["placed_by"] == "stage model"
    assert place_errors(solved_places(render)[0], truth).max() < 0.7


def test_a_whole_pixel_solution_keeps_the_bytes_of_the_tiles(render):
    prior = {"a": (462.56, 10.3), "b": (552.56, 10.3)}
    truth = {"a": np.array([0, 0]), "b": np.array([88.0, 3.0])}
    make_stack(render, "acquired", prior)
    store_matches(render, true_matches(truth, [("a", "b")], np.random.default_rng(0)))
    SolveMontage(input_data=arguments(render), args=[]).run()
    places, _ = solved_places(render)
    assert all(float(v).is_integer() for place in places.values() for v in place)
    assert (places["b"] - places["a"]).tolist() == [88, 3]


@pytest.mark.parametrize("model", ["translation", "affine"])
@pytest.mark.parametrize("count", [1, 3])
def test_tiles_without_any_matches_stay(render, count, model):
    """As after a matching run that had no pairs: the collection is known, and empty."""
    prior = {f"t{k}": (500.25 * k, 0.5) for k in range(count)}
    make_stack(render, "acquired", prior)
    renderapi.pointmatch.set_collection_metadata("montage", {"local_transforms": 0}, render=render)
    module = SolveMontage(input_data=arguments(render, model=model), args=[])
    module.run()
    places, _ = solved_places(render)
    for tile, place in prior.items():
        np.testing.assert_allclose(places[tile], place, atol=1e-9)
    report = module.result["sections"][0]
    assert report["placed_by"] == {"stage": count}
    assert report["unmatched_tiles"] == sorted(prior)


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
