"""The chain: which tile covers which, matches of their present places, and tiles that follow."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import lens, put, read, run, shared, tile
from match_collections import stored

from renderapi.matching.cross_stack_pairs import CrossStackPair, write_cross_stack_pairs
from renderapi.pointmatch import get_collection_metadata
from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.module import RenderModuleException
from renderapps.registration import find_principal_tile_overlaps as overlaps
from renderapps.registration import make_synthetic_cross_stack_point_matches as synthetic
from renderapps.registration.find_principal_tile_overlaps import FindPrincipalTileOverlap
from renderapps.registration.fit_transforms_by_point_match import FitTransformsByPointMatch

Make = synthetic.MakeSyntheticCrossStackPointMatches
TURN = AffineModel(M00=0.0, M01=-1.0, M10=1.0, M11=0.0, B0=700.0, B1=50.0)
WIDER = lens("wider", M00=1.5, M11=1.5)


def world(spec, there, points):
    known = [there[t.refId] if isinstance(t, ReferenceTransform) else t for t in spec.tforms]
    return estimate_dstpts(known, points)


@pytest.fixture
def stacks(render):
    """Tiles A, B of the reference side by side; a on A, b mostly on B, far on none; z=2: none."""
    put(render, "ref", [[tile("A", 1.0, 0, 0), tile("B", 1.0, 40.4, 0)]])
    tiles = [tile("a", 1.0, 2, 1), tile("b", 1.0, 28, -3), tile("far", 1.0, 5000, 0)]
    put(render, "src", [tiles, [tile("alone", 2.0)]])


def find(render, path, **more):
    given = {"stack": "src", "ref_stack": "ref", "tilepair_output": str(path)} | more
    return run(FindPrincipalTileOverlap, render, **given)


def test_each_tile_is_paired_with_the_one_that_covers_most_of_it(render, stacks, tmp_path):
    path = tmp_path / "pairs.json"
    status, report = find(render, path)
    assert status == 0
    document = json.loads(path.read_text())
    assert (document["pstack"], document["qstack"]) == ("src", "ref")
    found = {pair["p"]["id"]: pair["q"] for pair in document["neighborPairs"]}
    assert found == {"a": {"groupId": "1.0", "id": "A"}, "b": {"groupId": "1.0", "id": "B"}}
    lacking = {e["tileId"] for section in report["sections"] for e in section["uncovered_tiles"]}
    assert lacking == {"far", "alone"} and report["uncovered_tiles"] == 2


def test_all_tiles_that_cover_enough(render, stacks, tmp_path):
    """b covers x 28 to 68.4, of which 12.4 of 40.4 lie on A: 0.31, times 26.7 of 29.7 in y."""
    path = tmp_path / "pairs.json"
    share = 12.4 / 40.4 * 26.7 / 29.7
    for least, count in ((share - 1e-3, 3), (share + 1e-3, 2)):
        _, report = find(render, path, all_overlaps=True, min_overlap=least)
        assert report["pairs"] == count
    status, report = find(render, path, min_overlap=0.95)
    assert status == 1 and path.exists()
    assert "covers more than" in report["sections"][0]["uncovered_tiles"][0]["reason"]


def test_the_functions(render, stacks):
    tiles, there = read(render, "src"), read(render, "ref")
    for spec in (*tiles.values(), *there.values()):
        spec.tforms = spec.tforms[1:]
    assert overlaps.find_principal_overlapping_tile(tiles["b"], there.values()).tileId == "B"
    pair = overlaps.find_tile_pair(render, "src", tiles["a"], "ref")
    assert pair["q"] == {"groupId": "1.0", "id": "A"}
    with pytest.raises(RenderModuleException, match="no tile overlaps tile far"):
        overlaps.get_principal_overlapping_pair(tiles["far"], there.values())
    content = overlaps.create_principal_overlap_tile_pair(render, "src", "ref", pool_size=1)
    assert [p["p"]["id"] for p in content["neighborPairs"]] == ["a", "b"]
    assert content["qstack"] == "ref"
    document = synthetic.define_synthetic_point_matches(tiles["a"], there["A"], 3)
    there = synthetic.define_local_grid(tiles["a"], 3) + np.array([2, 1])
    expected = there[(there < [40, 30]).all(axis=1)]
    np.testing.assert_allclose(np.transpose(document["matches"]["q"]), expected, atol=1e-9)


def pair_file(tmp_path, *pairs):
    path = tmp_path / "pairs.json"
    write_cross_stack_pairs(path, "src", "ref", [CrossStackPair(*pair) for pair in pairs])
    return str(path)


@pytest.mark.parametrize("local", [0, 1, 2])
def test_matches_are_of_the_same_place_of_the_world(render, tmp_path, local):
    """Behind a wide lens of q the image reaches beyond its raw size: its pixels decide."""
    put(render, "src", [[tile("a", 1.0, 42, 31)]])
    put(render, "ref", [[tile("A", 1.0, 3, 2, lens_id="wider")]], shared=[WIDER])
    path = pair_file(tmp_path, ("1.0", "a", "1.0", "A"))
    given = {"tile_pair_file": path, "matchcollection": "m", "local_transforms": local}
    status, report = run(Make, render, **given, grid_size=5)
    assert status == 0
    (found,) = stored(render, "m")
    assert (found["pId"], found["qId"]) == ("A", "a")  # in string order
    on_q, on_p = (np.transpose(found["matches"][side]) for side in "pq")
    assert set(found["matches"]["w"]) == {1.0} and len(on_p) == report["points"]
    p_rest = [lens(), AffineModel(B0=42, B1=31)][local:]
    q_rest = [WIDER, AffineModel(B0=3, B1=2)][local:]
    np.testing.assert_allclose(
        estimate_dstpts(p_rest, on_p), estimate_dstpts(q_rest, on_q), atol=1e-6
    )
    raw = np.array([(x, y) for y in np.linspace(0, 29, 5) for x in np.linspace(0, 39, 5)])
    there = (raw * [1.01, 0.99] + [39, 29]) / 1.5
    inside = (there < [40, 30]).all(axis=1)
    assert 0 < inside.sum() < 25
    expected = estimate_dstpts([lens(), AffineModel(B0=42, B1=31)][:local], raw[inside])
    np.testing.assert_allclose(on_p, expected, atol=1e-6)
    assert get_collection_metadata("m", render=render) == {"local_transforms": local}


def test_pairs_without_matches_are_named_and_others_stay(render, stacks, tmp_path):
    pairs = [("1.0", "a", "1.0", "A"), ("1.0", "far", "1.0", "A"), ("1.0", "b", "1.0", "gone")]
    path = pair_file(tmp_path, *pairs)
    status, report = run(Make, render, tile_pair_file=path, matchCollection="m")
    assert status == 0 and report["pairs"] == 1
    reasons = {entry["pId"]: entry["reason"] for entry in report["dropped_pairs"]}
    assert "no point of the grid" in reasons["far"]
    assert "stack ref has no tile gone in section 1.0" in reasons["b"]
    other = pair_file(tmp_path, ("1.0", "b", "1.0", "B"))
    for _ in range(2):
        assert run(Make, render, tile_pair_file=other, matchCollection="m")[0] == 0
        assert len(stored(render, "m")) == 2
    given = {"tile_pair_file": other, "matchCollection": "m"}
    assert run(Make, render, **given, local_transforms=1)[0] == 1  # other coordinates
    assert run(Make, render, **given, existing="replace", local_transforms=1)[0] == 0
    assert len(stored(render, "m")) == 1


def test_the_chain_carries_tiles_along(render, stacks, tmp_path):
    path = tmp_path / "pairs.json"
    assert find(render, path)[0] == 0
    made = {"tile_pair_file": str(path), "matchcollection": "m", "local_transforms": 1}
    assert run(Make, render, **made)[0] == 0
    aligned = [tile("A", 4.0, 0, 0), tile("B", 4.0, 40.4, 0)]
    for spec in aligned:
        spec.tforms.append(TURN)
    put(render, "aligned", [aligned])
    given = {"src_stack": "src", "dst_stack": "aligned", "output_stack": "out"}
    given |= {"matchcollection": "m", "num_local_transforms": 1}
    assert run(FitTransformsByPointMatch, render, **given)[0] == 0
    before, after = read(render, "src"), read(render, "out")
    assert {name: spec.z for name, spec in after.items()} == {"a": 4.0, "b": 4.0}
    points = np.array([[0.0, 0.0], [39.0, 0.0], [13.0, 29.0]])
    for name, spec in after.items():
        expected = TURN.tform(world(before[name], {"lens": lens()}, points))
        there = shared(render, "out", 4.0)
        np.testing.assert_allclose(world(spec, there, points), expected, atol=1e-6)


def test_from_the_command_line_and_bad_input(render, stacks, tmp_path):
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"render": connection, "pool_size": 1}))
    pairs = str(tmp_path / "pairs.json.gz")

    def go(module, *flags):
        command = [sys.executable, "-m", f"renderapps.registration.{module}"]
        whole = [*command, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    finder, maker = "find_principal_tile_overlaps", "make_synthetic_cross_stack_point_matches"
    stacks = ("--stack", "src", "--ref_stack", "ref", "--tilepair_output", pairs)
    assert go(finder, *stacks).returncode == 0
    assert go(maker, "--tile_pair_file", pairs, "--matchcollection", "m").returncode == 0
    assert len(stored(render, "m")) == 2
    wrong = go(maker, "--tile_pair_file", str(path), "--matchcollection", "m")
    assert wrong.returncode == 1 and "is not a cross-stack pair file" in wrong.stderr
    assert wrong.stderr.count("\n") == 1
    absent = go(finder, *stacks[:2], "--ref_stack", "none", *stacks[4:])
    assert absent.returncode == 1 and "no stack none" in absent.stderr
    assert go(finder, *stacks, "--min_overlap", "1.5").returncode == 2
