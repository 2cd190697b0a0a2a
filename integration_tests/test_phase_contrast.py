"""A montage with an exact answer: 25 phase-contrast tiles, known to the modules as a grid only.

The overlaps are 4 to 21 pixels wide and mostly blank; the tool that the data comes from puts two
tiles 3.6 pixels off.
"""

import csv

import numpy as np
import pytest

import renderapi

GRID = {
    "rows": 5,
    "columns": 5,
    "order": "column-major",
    "overlap": 0.06,
    "file_pattern": "ImageName_t01_p{index:02d}.tif",
}


@pytest.mark.parametrize("solver", ["stitching.solve_montage", "alignment.solve"])
def test_every_tile_is_within_a_fifth_of_a_pixel_of_its_true_position(
    solver, real_data, run_module, render, collection, tmp_path
):
    data = real_data("phase_contrast_5x5")
    imported = run_module(
        "dataimport.import_tiles", output_stack="acquired", image_directory=str(data), grid=GRID
    )
    assert imported["output_stacks"][0]["tiles"] == 25
    pairs = str(tmp_path / "pairs.json")
    run_module("pointmatch.create_tilepairs", stack="acquired", tilepair_output=pairs)
    run_module(
        "pointmatch.generate_point_matches",
        stack="acquired",
        tilepair_file=pairs,
        matchCollection=collection,
        search_radius=20,
        pool_size=1,
    )
    solved = run_module(
        solver,
        input_stack="acquired",
        output_stack="montaged",
        **matches_for(solver, collection),
        pool_size=1,
    )
    assert solved["sections"][0]["unmatched_tiles"] == []
    errors = position_errors(render, "montaged", data / "true_positions.csv")
    assert max(errors.values()) <= 0.2, errors


def matches_for(solver, collection):
    """The parameters that name the match collection."""
    if solver == "alignment.solve":
        return {"matchCollections": [collection], "preset": "montage"}
    return {"matchCollection": collection}


def position_errors(render, stack, true_positions):
    """Distance of each tile from its true position after the common offset is removed."""
    with true_positions.open(newline="") as file:
        truth = {
            row["file"][:-4]: (float(row["x"]), float(row["y"])) for row in csv.DictReader(file)
        }
    tiles = renderapi.tilespec.get_tile_specs_from_stack(stack, render=render)
    assert {tile.tileId for tile in tiles} == set(truth)
    shifts = {
        t.tileId: np.subtract((t.tforms[-1].B0, t.tforms[-1].B1), truth[t.tileId]) for t in tiles
    }
    common = np.median(list(shifts.values()), axis=0)
    return {tile: float(np.hypot(*(shift - common))) for tile, shift in shifts.items()}
