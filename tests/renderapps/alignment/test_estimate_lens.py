"""The lens as a module: matches of a simulated montage in, a stack that uses the lens out."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from simulated_lens import SIDE, montage, radial
from stored_stacks import store

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapps.alignment.estimate_lens import EstimateLens
from renderapps.alignment.solve import Solve
from renderapps.module import RenderModuleException


def arguments(render, **more):
    return {
        "render": {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"},
        "input_stack": "acquired",
        "output_stack": "corrected",
        "matchCollection": "matches",
        "pool_size": 1,
        **more,
    }


def store_montage(render, rows=5, columns=5, step=850.0, width=SIDE, **more):
    points, claimed = montage(radial, rows, columns, np.random.default_rng(0), step, **more)
    tiles = [
        TileSpec(
            tileId=f"t{k:02}", z=0.0, width=width, height=SIDE, imageUrl=f"file:///{k}.tif",
            sectionId="0.0", tforms=[AffineModel(B0=x, B1=y)],
        )
        for k, (x, y) in enumerate(claimed)
    ]  # fmt: skip
    store(render, "acquired", tiles)
    ends = np.cumsum(points.counts)
    matches = [
        {
            "pGroupId": "0.0", "pId": f"t{i:02}", "qGroupId": "0.0", "qId": f"t{j:02}",
            "matches": {
                "p": points.p[e - n : e].T.tolist(), "q": points.q[e - n : e].T.tolist(),
                "w": [1.0] * int(n),
            },
        }
        for i, j, n, e in zip(points.first, points.second, points.counts, ends, strict=True)
    ]  # fmt: skip
    renderapi.pointmatch.import_matches("matches", matches, render=render)
    renderapi.pointmatch.set_collection_metadata("matches", {"local_transforms": 0}, render=render)


def lens_error(spec):
    """Median distance in pixels between a shared transform and the true lens, but for an affine."""
    lens = renderapi.transform.load_transform_json(spec)
    x = np.linspace(0, SIDE - 1, 20)
    grid = np.stack(np.meshgrid(x, x), -1).reshape(-1, 2)
    off = lens.tform(grid) - radial(grid)
    design = np.column_stack([np.ones(len(grid)), grid])
    off = off - design @ np.linalg.lstsq(design, off, rcond=None)[0]
    return float(np.median(np.linalg.norm(off, axis=1)))


def test_the_lens_comes_first_is_shared_and_makes_the_montage_fit(render, tmp_path):
    store_montage(render)
    picture = tmp_path / "lens.png"
    module = EstimateLens(input_data=arguments(render, residual_map=str(picture)), args=[])
    module.run()
    section = renderapi.resolvedtiles.get_resolved_tiles_from_z("corrected", 0.0, render=render)
    (lens,) = section.transforms
    assert lens.transformId == "lens_corrected"
    assert all(tile.tforms[0].refId == "lens_corrected" for tile in section.tilespecs)
    assert all(len(tile.tforms) == 2 for tile in section.tilespecs)
    assert lens_error(lens.to_dict()) <= 0.3
    result = module.result
    assert result["residual_after"] < 0.2 * result["residual_before"]
    assert result["rejected_pairs"] == []
    with Image.open(picture) as drawn:
        assert drawn.size[0] > 1000
    solved = {}
    for stack in ("acquired", "corrected"):
        solve = Solve(
            input_data={
                "render": arguments(render)["render"],
                "input_stack": stack,
                "output_stack": f"{stack}_solved",
                "matchCollections": ["matches"],
                "pool_size": 1,
            },
            args=[],
        )
        solve.run()
        solved[stack] = solve.result["sections"][0]["whole"]["scatter"]["median"]
    assert solved["corrected"] < 0.2 * solved["acquired"]
    after = renderapi.resolvedtiles.get_resolved_tiles_from_z(
        "corrected_solved", 0.0, render=render
    )
    assert all(tile.tforms[0].refId == "lens_corrected" for tile in after.tilespecs)


def test_what_cannot_be_estimated_is_refused_with_a_reason(render):
    store_montage(render, 1, 4)
    for more, reason in (
        ({}, "3 pairs of tiles have matches"),
        ({"minimum_pairs": 1}, "uncertain by|leave terms"),
        ({"minimum_pairs": 1, "model": "thin_plate_spline"}, "cells of the spline's grid"),
        ({"minimum_pairs": 1, "tile_model": "affine", "order": 2}, "second order"),
        ({"local_transforms": 1}, "stored after 0 transforms"),
    ):
        with pytest.raises(RenderModuleException, match=reason):
            EstimateLens(input_data=arguments(render, **more), args=[]).run()
    assert "corrected" not in renderapi.render.get_stacks_by_owner_project(render=render)


def test_a_second_lens_is_refused(render):
    store_montage(render, 3, 3)
    EstimateLens(input_data=arguments(render), args=[]).run()
    again = arguments(render, input_stack="corrected", output_stack="twice")
    with pytest.raises(RenderModuleException, match="a lens already"):
        EstimateLens(input_data=again, args=[]).run()


def test_from_the_command_line(render, tmp_path):
    store_montage(render, 4, 4)
    given, out = tmp_path / "in.json", tmp_path / "out.json"
    given.write_text(json.dumps(arguments(render)))
    command = [sys.executable, "-m", "renderapps.alignment.estimate_lens"]
    done = subprocess.run(
        [*command, "--input_json", given, "--lens_id", "mine", "--output_json", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(out.read_text())
    assert report["lens"]["id"] == "mine" and report["standard_error"] < 0.5
    bad = subprocess.run([*command, "--order", "9"], capture_output=True, text=True)
    assert bad.returncode == 2 and "Traceback" not in bad.stderr
