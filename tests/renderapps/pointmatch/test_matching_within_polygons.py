"""What lies outside the outline of a section is not matched."""

import json
import subprocess
import sys

import numpy as np
import pytest
import shapely

import renderapi
from renderapps.module import RenderModuleException
from renderapps.pointmatch.create_tilepairs import CreateTilePairs
from renderapps.pointmatch.generate_point_matches import GeneratePointMatches
from renderapps.pointmatch.polygon_files import polygon_name, roi_of, write_polygon
from renderapps.pointmatch.tune_matching import TuneMatching

SLANTED = [[-50, -50], [190, -50], [130, 400], [-50, 400]]


@pytest.fixture
def acquired(acquisition, tmp_path):
    """Three rows of three tiles, their pairs, and the outline of the section."""
    made = acquisition(3, 3)
    pairs = str(tmp_path / "pairs.json")
    CreateTilePairs(input_data=made.parameters | {"tilepair_output": pairs}, args=[]).run()
    draw(tmp_path / "polygons", 1.0, SLANTED)
    return made


def draw(folder, z, ring):
    folder.mkdir(exist_ok=True)
    write_polygon(folder / polygon_name(z), {"z": z, "roi": roi_of(ring)})


def given(acquired, **options):
    return acquired.parameters | {
        "tilepair_file": str(acquired.folder / "pairs.json"),
        "matchCollection": "matches",
        "polygon_dir": str(acquired.folder / "polygons"),
        "pool_size": 1,
        "method": "correlation",
        "min_significance": 6,
        **options,
    }


def generate(acquired, **options):
    module = GeneratePointMatches(input_data=given(acquired, **options), args=[])
    module.run()
    return module.result


def world_points(acquired, collection="matches"):
    """World points of both ends of all matches."""
    tiles = renderapi.tilespec.get_tile_specs_from_stack("acquired", render=acquired.render)
    places = {tile.tileId: np.array(tile.tforms[-1].M[:2, 2]) for tile in tiles}
    stored = renderapi.pointmatch.get_matches_with_group(collection, "1.0", render=acquired.render)
    return np.concatenate(
        [
            np.array(match["matches"][side]).T + places[match[f"{side}Id"]]
            for match in stored
            for side in "pq"
        ]
    )


@pytest.mark.parametrize("model", ["translation", pytest.param("affine", marks=pytest.mark.soak)])
def test_matches_lie_within_the_outline(acquired, model):
    whole = generate(acquired, polygon_dir=None, matchCollection="all", model=model)
    assert whole["pairs_accepted"] == 12 and whole["missing_polygon_zs"] == []
    result = generate(acquired, model=model)
    outline = shapely.Polygon(SLANTED)
    outside = ~shapely.contains_xy(outline.buffer(1), *world_points(acquired).T)
    before = ~shapely.contains_xy(outline.buffer(1), *world_points(acquired, "all").T)
    if model == "translation":  # blocks stand for what is around their middle
        assert not outside.any()
    assert outside.mean() < 0.1 < before.mean()
    accepted = {(row["pId"], row["qId"]) for row in result["pairs"] if row["accepted"]}
    assert ("z1_r0_c0", "z1_r0_c1") in accepted and ("z1_r0_c0", "z1_r1_c0") in accepted
    beyond = [row for row in result["pairs"] if row["pId"].endswith("c2")]  # x from 200 on
    assert len(beyond) == 2 and not any(row["accepted"] for row in beyond)
    assert all(row["reason"] for row in beyond)


def test_holes_do_not_count_and_lenses_are_allowed_for(acquired):
    ring = [[-50, -50], [400, -50], [400, 400], [-50, 400], [-50, -50]]
    hole = [[95, 95], [95, 330], [225, 330], [225, 95], [95, 95]]
    roi = {"type": "Polygon", "coordinates": [ring, hole]}
    write_polygon(acquired.folder / "polygons" / polygon_name(1.0), {"z": 1.0, "roi": roi})
    tiles = renderapi.tilespec.get_tile_specs_from_z("acquired", 1.0, render=acquired.render)
    for tile in tiles:  # a lens that shifts everything, and the opposite after it
        tile.tforms[0].B0, tile.tforms[0].B1 = 7.0, -3.0
        tile.tforms[-1].B0 -= 7.0
        tile.tforms[-1].B1 += 3.0
    renderapi.stack.set_stack_state("acquired", "LOADING", render=acquired.render)
    renderapi.resolvedtiles.put_tilespecs("acquired", tilespecs=tiles, render=acquired.render)
    renderapi.stack.set_stack_state("acquired", "COMPLETE", render=acquired.render)
    result = generate(acquired, local_transforms=1)
    assert result["pairs_accepted"] >= 6
    points = world_points(acquired)  # after the lens, as the tiles' last transforms take them
    assert not shapely.contains_xy(shapely.Polygon(hole).buffer(-1), *points.T).any()


def test_sections_without_an_outline_are_named(acquired, tmp_path):
    empty = tmp_path / "other"
    draw(empty, 7.0, SLANTED)
    with pytest.raises(RenderModuleException, match=r"no polygon of 1 of 1 sections \(z=1\)"):
        generate(acquired, polygon_dir=str(empty))
    result = generate(acquired, polygon_dir=str(empty), missing_polygon="keep")
    assert result["missing_polygon_zs"] == [1.0] and result["pairs_accepted"] == 12


def test_another_outline_is_matched_again(acquired):
    image = acquired.image("z1_r0_c0")
    content = image.read_bytes()
    image.unlink()
    with pytest.raises(RenderModuleException, match="could not be tried"):
        generate(acquired)
    image.write_bytes(content)
    draw(acquired.folder / "polygons", 1.0, [[-50, -50], [400, -50], [400, 400], [-50, 400]])
    result = generate(acquired)
    assert result["pairs_kept"] == 0 and result["pairs_accepted"] == 12


def test_tuning_knows_the_outlines_too(acquired):
    parameters = given(acquired)
    del parameters["matchCollection"]
    module = TuneMatching(
        input_data=parameters | {"search_radii": [12], "scales": [1.0], "method": "correlation"},
        args=[],
    )
    module.run()
    assert module.result["settings"][0]["accepted"] < 12


def test_a_bad_outline_is_named_on_one_line(acquired, tmp_path):
    path = acquired.folder / "polygons" / polygon_name(1.0)
    path.write_text('{"z": 1.0, "roi": {"type": "Point", "coordinates": [0, 0]}}')
    document = tmp_path / "input.json"
    document.write_text(json.dumps(given(acquired)))
    command = [sys.executable, "-m", "renderapps", "run", "pointmatch.generate_point_matches"]
    done = subprocess.run(
        [*command, "--input_json", str(document)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and polygon_name(1.0) in done.stderr
    assert "Traceback" not in done.stderr and len(done.stderr.strip().splitlines()) == 1
