"""Tiles that take over the transforms of corresponding tiles, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import lens, put, read, run, shared, tile, version, zs_of

from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.registration.apply_transforms_by_frame import ApplyTransforms as ByFrame
from renderapps.registration.apply_transforms_by_tileId import ApplyTransforms as ByTileId

POINTS = np.array([[0.0, 0.0], [39.0, 0.0], [13.0, 29.0]])
STACKS = {"alignedStack": "aligned", "inputStack": "raw", "outputStack": "out"}


def world(spec, transforms):
    """Where three pixels of a tile lie."""
    known = [transforms[t.refId] if isinstance(t, ReferenceTransform) else t for t in spec.tforms]
    return estimate_dstpts(known, POINTS)


def moved(name, z, x, y, **more):
    """A tile that was aligned: turned by a quarter, after its place."""
    spec = tile(name, z, x, y, **more)
    spec.tforms.append(AffineModel(M00=0, M01=-1, M10=1, M11=0, B0=900))
    return spec


@pytest.fixture
def stacks(render):
    """Tiles a, b and c as acquired at z=1; a aligned at z=1, b at z=5; d is aligned only."""
    put(render, "raw", [[tile(name, 1.0, 35 * i, 7) for i, name in enumerate("abc")]])
    aligned = [[moved("a", 1.0, 3, 4), moved("d", 1.0, 50, 4)], [moved("b", 5.0, 30, 40)]]
    put(render, "aligned", aligned, stackResolutionZ=99.0)


def test_tiles_of_the_same_id_are_found_wherever_they_are(render, stacks):
    status, report = run(ByTileId, render, **STACKS)
    assert status == 0
    out, aligned = read(render, "out"), read(render, "aligned")
    assert {name: spec.z for name, spec in out.items()} == {"a": 1.0, "b": 5.0}
    for name, spec in out.items():
        expected = world(aligned[name], {"lens": lens()})
        there = shared(render, "out", spec.z)
        np.testing.assert_allclose(world(spec, there), expected, atol=1e-9)
    assert version(render, "out") == version(render, "raw")
    (section,) = report["sections"]
    assert section["dropped_tiles"] == ["c"]
    (missing,) = section["without_aligned_tile"]
    assert missing == {"tileId": "c", "reason": "stack aligned has no tile of this id"}
    assert [entry["tileId"] for entry in report["unused_aligned_tiles"]] == ["d"]


def test_z_may_stay_and_running_again_gives_the_same(render, stacks):
    for _ in range(2):
        assert run(ByTileId, render, **STACKS, copy_z=False)[0] == 0
        assert zs_of(render, "out") == [1.0]
        assert sorted(read(render, "out")) == ["a", "b"]


def test_in_place_is_asked_for(render, stacks, capsys):
    same = STACKS | {"outputStack": "raw"}
    assert run(ByTileId, render, **same)[0] == 1
    assert "raw is also inputStack" in capsys.readouterr().err
    assert sorted(read(render, "raw")) == ["a", "b", "c"]
    assert run(ByTileId, render, **same, in_place=True)[0] == 0
    assert {name: spec.z for name, spec in read(render, "raw").items()} == {"a": 1.0, "b": 5.0}
    over = STACKS | {"outputStack": "aligned"}
    assert run(ByTileId, render, **over)[0] == 1


def test_own_lens_and_the_rest_of_the_aligned_tile(render, stacks):
    """The lens of the aligned stack is another one under the same id."""
    put(render, "aligned2", [[moved("a", 1.0, 3, 4)]], shared=[lens(M00=2.0)])
    given = STACKS | {"alignedStack": "aligned2", "keep_local_transforms": 1, "zs": [1]}
    assert run(ByTileId, render, **given)[0] == 0
    found = read(render, "out")["a"]
    expected = estimate_dstpts([lens(), *moved("a", 1.0, 3, 4).tforms[1:]], POINTS)
    there = shared(render, "out", 1.0)
    np.testing.assert_allclose(world(found, there), expected, atol=1e-9)
    assert len(found.tforms) == 3
    too_many = given | {"keep_local_transforms": 4}
    assert run(ByTileId, render, **too_many)[0] == 1


def channel(channel, frame, z, maker=tile, x=0):
    url = f"file:///data/{channel}_S{z:04.0f}_F{frame:04d}_Z00.tif"
    return maker(f"{channel}{z:g}_{frame}", z, x, 0, url=url)


def test_frames_belong_together_within_a_section(render):
    put(render, "raw", [[channel("gfp", f, z, x=9) for f in (0, 12, 3)] for z in (1.0, 2.0)])
    aligned = [[channel("dapi", f, z, moved, 10 * f + z) for f in (12, 0, 7)] for z in (1.0, 4.0)]
    put(render, "aligned", aligned)
    status, report = run(ByFrame, render, **STACKS)
    assert status == 0
    out, there = read(render, "out"), read(render, "aligned")
    assert sorted(out) == ["gfp1_0", "gfp1_12"]
    for name, partner in (("gfp1_0", "dapi1_0"), ("gfp1_12", "dapi1_12")):
        expected = world(there[partner], {"lens": lens()})
        np.testing.assert_allclose(world(out[name], {"lens": lens()}), expected, atol=1e-9)
    first, second = report["sections"]
    assert first["dropped_tiles"] == ["gfp1_3"]
    assert [entry["tileId"] for entry in first["unused_aligned_tiles"]] == ["dapi1_7"]
    assert second["dropped_tiles"] == ["gfp2_0", "gfp2_12", "gfp2_3"]
    assert report["aligned_zs_without_input"] == [4.0]


def test_from_the_command_line_and_bad_input(render, stacks, tmp_path):
    path = tmp_path / "in.json"
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path.write_text(json.dumps({"render": connection, "pool_size": 1} | STACKS))
    command = [sys.executable, "-m", "renderapps.registration.apply_transforms_by_tileId"]

    def go(*flags):
        whole = [*command, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    assert go().returncode == 0
    assert sorted(read(render, "out")) == ["a", "b"]
    missing = go("--alignedStack", "none", "--outputStack", "other")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert "no stack none" in missing.stderr
    wrong = go("--match_by", "colour")
    assert wrong.returncode == 2 and "match_by" in wrong.stderr
