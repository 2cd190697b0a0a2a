"""Matches that reproduce a montage: both ends at the same place of the world, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import lens, put, run, tile
from match_collections import stored

from renderapi.matching.tilepairs import read_tile_pairs
from renderapi.pointmatch import get_collection_metadata
from renderapi.transform import AffineModel, estimate_dstpts
from renderapps.stitching.create_montage_pointmatches_in_place import CreateMontagePointMatch

GIVEN = {"stack": "montage", "matchCollection": "m", "margin": 1.0}
TURN = AffineModel(M00=0.8, M01=-0.6, M10=0.6, M11=0.8, B0=200)


def placed(name, z, x, y):
    spec = tile(name, z, x, y, section=f"s{z:g}")
    spec.tforms.append(TURN)
    return spec


PLACES = {"00": (0, 0), "01": (35, 1), "10": (1, 24), "11": (36, 25)}


@pytest.fixture
def stack(render):
    """2 x 2 tiles, turned, in the first, a middle and the last section; z=5.5 has a far one."""
    zs = (1.0, 2.0, 5.5)
    sections = [[placed(f"{z:g}_{n}", z, *place) for n, place in PLACES.items()] for z in zs]
    sections[2].append(placed("far", 5.5, 900, 900))
    put(render, "montage", sections)


def world(name, points, local):
    place = PLACES[name.split("_")[1]]
    transforms = [lens(), AffineModel(B0=place[0], B1=place[1]), TURN]
    return estimate_dstpts(transforms[local:], points)


@pytest.mark.parametrize("local", [0, 1, 2])
def test_both_ends_are_at_the_same_place_and_on_the_images(render, stack, local):
    status, report = run(CreateMontagePointMatch, render, **GIVEN, local_transforms=local)
    assert status == 0
    found = stored(render, "m")
    for z in ("1", "2", "5.5"):
        pairs = {(m["pId"], m["qId"]) for m in found if m["pGroupId"] == f"s{z}"}
        names = [("00", "01"), ("00", "10"), ("01", "11"), ("10", "11")]
        assert pairs == {(f"{z}_{a}", f"{z}_{b}") for a, b in names}
    for m in found:
        assert m["pGroupId"] == m["qGroupId"]
        p, q = (np.transpose(m["matches"][side]) for side in "pq")
        assert len(p) >= 4 and m["matches"]["w"] == [1.0] * len(p)
        np.testing.assert_allclose(world(m["pId"], p, local), world(m["qId"], q, local), atol=1e-6)
        assert np.linalg.matrix_rank(p - p.mean(axis=0)) == 2
        if local == 0:
            for points in (p, q):
                assert (points > 0).all() and (points < [40, 30]).all()
    assert report["pairs"] == 12 and report["points"] == sum(len(m["matches"]["w"]) for m in found)
    assert report["sections"][2]["tiles_without_pairs"] == ["far"]
    assert get_collection_metadata("m", render=render) == {"local_transforms": local}


def test_corners_if_asked_for_and_z_limits_are_inclusive(render, stack):
    given = GIVEN | {"minZ": 1, "maxZ": 2, "exclude_corner_neighbors": False}
    assert run(CreateMontagePointMatch, render, **given)[0] == 0
    found = stored(render, "m")
    assert {m["pGroupId"] for m in found} == {"s1", "s2"} and len(found) == 2 * 6


def test_a_wide_margin_leaves_nothing_and_other_matches_stay(render, stack):
    assert run(CreateMontagePointMatch, render, **GIVEN, zs=[1])[0] == 0
    assert run(CreateMontagePointMatch, render, **GIVEN, zs=[2])[0] == 0
    assert len(stored(render, "m")) == 8
    wide = GIVEN | {"margin": 20.0}
    status, report = run(CreateMontagePointMatch, render, **wide)
    assert status == 1 and len(stored(render, "m")) == 8
    reasons = {e["reason"] for s in report["sections"] for e in s["dropped_pairs"]}
    assert reasons == {"their overlap is narrower than twice the margin"}


def test_a_large_delta_still_gives_points(render, stack):
    assert run(CreateMontagePointMatch, render, **GIVEN, delta=5000)[0] == 0
    assert all(len(m["matches"]["w"]) >= 4 for m in stored(render, "m"))


def test_pair_files_and_the_command_line(render, stack, tmp_path):
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"render": connection, "pool_size": 1} | GIVEN))
    command = [sys.executable, "-m", "renderapps.stitching.create_montage_pointmatches_in_place"]

    def go(*flags):
        whole = [*command, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    assert go("--dataRoot", str(tmp_path / "root")).returncode == 0
    folder = tmp_path / "root" / "project" / "processed" / "point_match_in_place"
    assert sorted(f.name for f in folder.iterdir()) == [
        "in_section_pairs_montage_z0001.json",
        "in_section_pairs_montage_z0002.json",
        "in_section_pairs_montage_z5.5.json",
    ]
    assert len(read_tile_pairs(folder / "in_section_pairs_montage_z0001.json").pairs) == 4
    missing = go("--stack", "none")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert go("--delta", "0").returncode == 2
    other = go("--local_transforms", "1")
    assert other.returncode == 1 and "holds points after 0 transforms" in other.stderr
