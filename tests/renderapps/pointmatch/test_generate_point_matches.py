"""generate_point_matches: from tiles on disk to stored matches, through the service."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

import renderapi
from renderapi.matching import chance
from renderapps.module import ParameterError, RenderModuleException, example_path
from renderapps.module.validation import load_example
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import (
    GeneratePointMatches,
    GeneratePointMatchesParameters,
)


@pytest.fixture
def paired(acquisition, tmp_path):
    """Function like `acquisition` that also writes the tile pairs."""

    def make(*args, **options):
        pair_options = options.pop("pairs", {})
        acquired = acquisition(*args, **options)
        path = str(tmp_path / "pairs.json")
        parameters = acquired.parameters | {"tilepair_output": path} | pair_options
        CreateTilePairs(input_data=parameters, args=[]).run()
        return acquired

    return make


def generate(acquired, **options):
    parameters = acquired.parameters | {
        "tilepair_file": str(acquired.folder / "pairs.json"),
        "matchCollection": "matches",
        "pool_size": 1,
    }
    module = GeneratePointMatches(input_data=parameters | options, args=[])
    try:
        module.run()
    finally:
        acquired.result = module.result
    return module.result


def stored(acquired, group="1.0"):
    return renderapi.pointmatch.get_matches_with_group("matches", group, render=acquired.render)


def errors(acquired, documents):
    """Largest error of any stored point pair against the true places."""
    worst = 0.0
    for match in documents:
        p, q = (np.array(match["matches"][side]).T for side in ("p", "q"))
        true = np.subtract(acquired.places[match["qId"]], acquired.places[match["pId"]])
        worst = max(worst, np.abs(p - q - true).max())
    return worst


def test_every_shift_is_found_and_everything_is_told(paired, tmp_path):
    acquired = paired(3, 3)
    report_file = tmp_path / "reports" / "matches.json"
    result = generate(acquired, report_file=str(report_file))
    documents = stored(acquired)
    assert len(documents) == 12
    assert errors(acquired, documents) < 0.02
    assert (result["pairs_total"], result["pairs_accepted"], result["pairs_rejected"]) == (
        12,
        12,
        0,
    )
    assert result["methods"] == {"correlation": 12}
    assert result["failed_pairs"] == result["missing_tiles"] == result["pairs_emptied"] == []
    row = next(r for r in result["pairs"] if (r["pId"], r["qId"]) == ("z1_r0_c0", "z1_r0_c1"))
    true = np.subtract(acquired.places[row["qId"]], acquired.places[row["pId"]]) - [100, 0]
    assert row["offset"] == pytest.approx(true.tolist(), abs=0.02)
    assert row["accepted"] and row["matches"] >= 9 and row["correlation"] > 0.99
    assert json.loads(report_file.read_text())["pairs_accepted"] == 12
    metadata = renderapi.pointmatch.get_collection_metadata("matches", render=acquired.render)
    assert metadata["local_transforms"] == 0 and result["coordinates_recorded"]


@pytest.mark.parametrize("model", ["rigid", "similarity", "affine"])
def test_points_of_freer_models_agree_too(paired, model):
    acquired = paired(2, 2)
    generate(acquired, model=model)
    assert len(stored(acquired)) == 4
    assert errors(acquired, stored(acquired)) < 0.1


def test_running_again_and_running_in_processes_give_the_same(paired):
    acquired = paired(2, 3)
    first = generate(acquired, model="affine")
    before = stored(acquired)
    again = generate(acquired, model="affine", pool_size=2)
    assert stored(acquired) == before
    assert again == first


def test_blank_overlaps_are_rejected_and_the_others_stored(paired):
    acquired = paired(2, 2)
    noise = np.random.default_rng(0).normal(2000, 5, (120, 120)).astype(np.uint16)
    tifffile.imwrite(acquired.image("z1_r1_c1"), noise)
    result = generate(acquired)
    assert result["pairs_accepted"] == 2
    rejected = [row for row in result["pairs"] if not row["accepted"]]
    assert {row["qId"] for row in rejected} == {"z1_r1_c1"}
    assert all("blank or unrelated" in row["reason"] for row in rejected)
    assert {m["qId"] for m in stored(acquired)} == {"z1_r0_c1", "z1_r1_c0"}


def test_matches_of_an_earlier_run_do_not_survive_a_rejection(paired):
    acquired = paired(1, 3)
    generate(acquired)
    noise = np.random.default_rng(0).normal(2000, 5, (120, 120)).astype(np.uint16)
    tifffile.imwrite(acquired.image("z1_r0_c2"), noise)
    result = generate(acquired)
    assert result["pairs_emptied"] == [["1.0", "z1_r0_c1", "1.0", "z1_r0_c2"]]
    left = {match["qId"]: len(match["matches"]["w"]) for match in stored(acquired)}
    assert left["z1_r0_c1"] > 0 and left.get("z1_r0_c2", 0) == 0


def test_points_are_stored_after_the_local_transforms(paired):
    acquired = paired(1, 2)
    tiles = renderapi.tilespec.get_tile_specs_from_z("acquired", 1.0, render=acquired.render)
    for tile in tiles:  # a lens that shifts everything by (7, -3)
        tile.tforms[0] = renderapi.transform.AffineModel(B0=7, B1=-3)
    renderapi.stack.set_stack_state("acquired", "LOADING", render=acquired.render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=tiles, render=acquired.render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=acquired.render)
    generate(acquired)
    (raw,) = stored(acquired)
    with pytest.raises(RenderModuleException, match="after 0 transforms of each tile, not 1"):
        generate(acquired, local_transforms=1)
    generate(acquired, local_transforms=1, matchCollection="after_lens")
    (after,) = renderapi.pointmatch.get_matches_with_group(
        "after_lens", "1.0", render=acquired.render
    )
    assert errors(acquired, [raw]) < 0.02 and errors(acquired, [after]) < 0.1
    for document, shift in ((raw, (0, 0)), (after, (7, -3))):
        x, y = np.array(document["matches"]["q"]) - np.array(shift)[:, None]
        assert x.min() >= -0.1 and x.max() < 25 and y.min() >= -0.1 and y.max() <= 119.1
    with pytest.raises(RenderModuleException, match="has 2 transforms, but local_transforms is 3"):
        generate(acquired, local_transforms=3, matchCollection="other")


def test_a_missing_image_fails_its_pairs_and_no_others(paired):
    acquired = paired(2, 2)
    acquired.image("z1_r0_c0").unlink()
    with pytest.raises(RenderModuleException, match=r"2 of 4 pairs could not be tried.*z1_r0_c0"):
        generate(acquired)
    assert {row["pId"] for row in acquired.result["failed_pairs"]} == {"z1_r0_c0"}
    assert acquired.result["pairs_accepted"] == 2
    assert len(stored(acquired)) == 2


def test_what_is_clear_needs_no_second_stage(paired, monkeypatch):
    monkeypatch.setattr(chance, "CERTAIN", 8.0)  # overlaps of 16 pixels reach about 20
    acquired = paired(2, 3)
    clear = generate(acquired)
    assert {row["stage"] for row in clear["pairs"]} == {"clear"}
    assert clear["pairs_accepted"] == 7 and clear["chance_limits"] == []
    assert errors(acquired, stored(acquired)) < 0.01
    blank = tifffile.imread(acquired.image("z1_r1_c2"))
    blank = np.random.default_rng(1).normal(2000, 50, blank.shape)
    tifffile.imwrite(acquired.image("z1_r1_c2"), blank.astype(np.uint16))
    report = generate(acquired)
    for row in report["pairs"]:
        noise = "z1_r1_c2" in (row["pId"], row["qId"])
        assert (row["stage"], row["accepted"]) == (("search", False) if noise else ("clear", True))
    assert report["chance_limits"]


def test_masks_that_are_not_used_are_told(paired):
    acquired = paired(2, 2)
    mask = acquired.folder / "mask.tif"
    tifffile.imwrite(mask, np.full((70, 90), 255, np.uint8))
    tile = acquired.tile("z1_r0_c0", 0, 0, 1.0)
    tile["mipmapLevels"]["0"]["maskUrl"] = mask.as_uri()
    spec = renderapi.tilespec.TileSpec(json=tile)
    renderapi.stack.set_stack_state(acquired.stack, "LOADING", render=acquired.render)
    renderapi.resolvedtiles.put_tilespecs(acquired.stack, tilespecs=[spec], render=acquired.render)
    renderapi.stack.set_stack_state(acquired.stack, "COMPLETE", render=acquired.render)
    report = generate(acquired)
    side = acquired.tile("", 0, 0, 0)["width"]
    assert report["pairs_accepted"] == 4
    assert report["ignored_masks"] == [
        {
            "tileId": "z1_r0_c0",
            "mask": mask.as_uri(),
            "mask_size": [90, 70],
            "image_size": [side, side],
        }
    ]
    assert len(report["warnings"]) == 1 and "90 x 70" in report["warnings"][0]
    tifffile.imwrite(mask, np.full((side, side), 255, np.uint8))
    report = generate(acquired)
    assert report["ignored_masks"] == [] and report["warnings"] == []


def test_pairs_of_another_stack_are_told(paired):
    acquired = paired(1, 3)
    renderapi.stack.set_stack_state("acquired", "LOADING", render=acquired.render)
    renderapi.stack.delete_tile("acquired", "z1_r0_c2", render=acquired.render)
    with pytest.raises(RenderModuleException, match="does not have, z1_r0_c2"):
        generate(acquired)
    assert acquired.result["missing_tiles"] == ["z1_r0_c2"]
    assert acquired.result["pairs_accepted"] == 1


def test_no_match_at_all_is_told_with_the_reason(paired):
    acquired = paired(1, 2)
    result = generate(acquired, search_radius=1, method="correlation")
    assert result["pairs_accepted"] == 0
    (row,) = result["pairs"]
    assert row["reason"] and row["candidates"] == []
    (warning,) = result["warnings"]
    assert warning.startswith("none of 1 pairs could be matched") and row["reason"] in warning


def test_a_stricter_limit_holds_in_the_second_look_too(paired):
    acquired = paired(2, 3)
    strict = generate(acquired, min_significance=30.0)
    assert strict["chance_limits"] == []
    for row in strict["pairs"]:
        assert not row["accepted"] or row["significance"] >= 30 or row["method"] != "correlation"
    lenient = generate(acquired, matchCollection="other")
    assert lenient["pairs_accepted"] == 7
    assert lenient["chance_limits"][0]["significance"] > 3


def test_exchanged_tiles_are_found_and_matched(paired):
    """Two tiles whose files were exchanged: each shows what the other should."""
    acquired = paired(3, 3)
    one, two = acquired.image("z1_r0_c0"), acquired.image("z1_r1_c2")
    first, second = tifffile.imread(one), tifffile.imread(two)
    tifffile.imwrite(one, second)
    tifffile.imwrite(two, first)
    places = acquired.places
    places["z1_r0_c0"], places["z1_r1_c2"] = places["z1_r1_c2"], places["z1_r0_c0"]
    result = generate(acquired)
    found = {entry["tileId"]: entry["place_of"] for entry in result["relocated_tiles"]}
    assert found == {"z1_r0_c0": "z1_r1_c2", "z1_r1_c2": "z1_r0_c0"}
    documents = stored(acquired)
    assert {"z1_r0_c0", "z1_r1_c2"} <= {m[side] for m in documents for side in ("pId", "qId")}
    assert errors(acquired, documents) < 0.05
    again = generate(acquired, relocate_tiles=False, matchCollection="without")
    assert again["relocated_tiles"] == []


def test_a_tile_whose_only_neighbour_was_exchanged_is_matched_with_it(paired):
    acquired = paired(3, 3)
    files = [acquired.image(f"z1_r{place}") for place in ("1_c0", "2_c2", "0_c1")]
    first, second, blank = (tifffile.imread(path) for path in files)
    blank = np.random.default_rng(1).normal(2000, 50, blank.shape).astype(np.uint16)
    for path, pixels in zip(files, (second, first, blank), strict=True):
        tifffile.imwrite(path, pixels)
    places = acquired.places
    places["z1_r1_c0"], places["z1_r2_c2"] = places["z1_r2_c2"], places["z1_r1_c0"]
    result = generate(acquired)
    found = {entry["tileId"]: entry for entry in result["relocated_tiles"]}
    assert "z1_r0_c0" in found["z1_r2_c2"]["matched_with"]
    documents = stored(acquired)
    assert ("z1_r0_c0", "z1_r2_c2") in {(m["pId"], m["qId"]) for m in documents}
    assert errors(acquired, documents) < 0.05


def test_pairs_across_sections_are_matched_by_features(paired):
    acquired = paired(
        1,
        2,
        zs=(1.0, 2.0),
        same_scene=True,
        pairs={"zNeighborDistance": 1, "excludeSameLayerNeighbors": True},
    )
    result = generate(acquired, model="rigid", search_radius=20, feature_scale=1.0)
    direct = [row for row in result["pairs"] if row["pId"][2:] == row["qId"][2:]]
    assert all(row["accepted"] for row in direct), direct
    assert all(row["method"].startswith("features") for row in direct)
    documents = stored(acquired)
    assert errors(acquired, documents) < 1.0


def test_unknown_files_stacks_and_parameters_are_named(paired, tmp_path):
    acquired = paired(1, 2)
    with pytest.raises(renderapi.errors.SpecError, match=r"no tile-pair file .*none\.json"):
        generate(acquired, tilepair_file=str(tmp_path / "none.json"))
    with pytest.raises(ParameterError) as error:
        generate(acquired, model="thin", search_radius=0, min_coverage=200, pool=3)
    for name in ("model", "search_radius", "min_coverage", "pool"):
        assert name in str(error.value)
    with pytest.raises(ParameterError, match="min_inliers"):
        generate(acquired, model="affine", min_inliers=3)
    acquired.stack = "acquird"
    with pytest.raises(RenderModuleException, match="no stack acquird"):
        generate(acquired)


def test_from_the_command_line(paired, tmp_path):
    acquired = paired(1, 2)
    command = [sys.executable, "-m", "renderapps.pointmatch.generate_point_matches"]
    command += [f"--render.{name}={value}" for name, value in acquired.parameters["render"].items()]
    command += ["--stack", "acquired", "--tilepair_file", str(tmp_path / "pairs.json")]
    command += ["--matchCollection", "matches", "--pool_size", "1"]
    done = subprocess.run(
        [*command, "--output_json", str(tmp_path / "out.json")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "out.json").read_text())["pairs_accepted"] == 1
    assert len(stored(acquired)) == 1
    acquired.image("z1_r0_c0").unlink()
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert failed.returncode == 1
    assert len(failed.stderr.strip().splitlines()) == 1
    assert "z1_r0_c0" in failed.stderr


def test_the_example_is_valid():
    example = json.loads(example_path("pointmatch.generate_point_matches").read_text())
    loaded, problems = load_example(GeneratePointMatchesParameters, example)
    assert problems == []
    assert loaded["local_transforms"] == 0
