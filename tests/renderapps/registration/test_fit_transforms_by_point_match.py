"""Tiles placed by their matches with another stack: known transforms, on a live service."""

import json
import subprocess
import sys

import numpy as np
import pytest
from layered_stacks import lens, put, read, run, shared, tile, version
from match_collections import match

from renderapi.pointmatch import import_matches, set_collection_metadata
from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.registration.fit_transforms_by_point_match import FitTransformsByPointMatch

STACKS = {"src_stack": "src", "dst_stack": "dst", "output_stack": "out", "matchcollection": "m"}
GRID = np.array([(x, y) for y in (2.0, 14.0, 27.0) for x in (1.0, 13.0, 25.0, 38.0)])
TRUTH = {
    "a": AffineModel(M00=1.1, M01=-0.2, M10=0.15, M11=0.9, B0=500, B1=-70),
    "b": AffineModel(M00=0.6, M01=-0.8, M10=0.8, M11=0.6, B0=-20, B1=33),  # a rotation
}
PLACES = {"t": (0.0, 0.0, 1.0), "u": (600.0, 90.0, 7.0)}
OTHER_LENS = lens("other", M00=1.2)


def tiles_of(names, z, section):
    return [tile(name, z, 111.0 * i, 5.0, section=section) for i, name in enumerate(names)]


def world(spec, lens_transforms, points):
    known = [
        lens_transforms[t.refId] if isinstance(t, ReferenceTransform) else t for t in spec.tforms
    ]
    return estimate_dstpts(known, points)


def wanted(name, points):
    """World places that tile `name` shall have for its raw pixels."""
    return TRUTH[name].tform(lens().tform(points))


def pixels_of(there, points):
    """Stored (post-lens) points of a tile of dst that lie at world places."""
    x, y, _ = PLACES[there]
    return points - [x, y]


def matched(name, there, raw=GRID, weights=None, off=0.0, groups=("s_src", "s_dst")):
    p = lens().tform(raw)
    q = pixels_of(there, wanted(name, raw)) + off
    weights = np.ones(len(raw)) if weights is None else weights
    rows = np.column_stack([p, q, weights]).tolist()
    group = groups[1] if PLACES[there][2] == 1.0 else "t_dst7"
    return match((groups[0], name), (group, there), *rows)


@pytest.fixture
def stacks(render):
    put(render, "src", [tiles_of("abc", 1.0, "s_src")])
    dst = [[tile("t", 1.0, 0, 0, section="s_dst", lens_id="other")]]
    dst += [[tile("u", 7.0, 600, 90, section="t_dst7", lens_id="other")]]
    put(render, "dst", dst, shared=[OTHER_LENS], stackResolutionZ=35.0)


def check(render, names, stack="out"):
    found = read(render, stack)
    assert sorted(found) == sorted(names)
    for name in names:
        spec = found[name]
        assert len(spec.tforms) == 2 and spec.tforms[0].refId == "lens"
        there = shared(render, stack, spec.z)
        np.testing.assert_allclose(world(spec, there, GRID), wanted(name, GRID), atol=1e-6)
    return found


def test_tiles_come_to_lie_where_their_matches_say(render, stacks):
    """Services store the destination of a as p, that of b as q: tiles are told by id."""
    import_matches("m", [matched("a", "t"), matched("b", "u")], render=render)
    status, report = run(FitTransformsByPointMatch, render, **STACKS, num_local_transforms=1)
    assert status == 0
    found = check(render, "ab")
    assert (found["a"].z, found["b"].z) == (1.0, 7.0)
    assert version(render, "out") == version(render, "dst")
    (section,) = report["sections"]
    assert [(fit["tileId"], fit["points"]) for fit in section["fits"]] == [("a", 12), ("b", 12)]
    assert max(fit["largest"] for fit in section["fits"]) < 1e-6
    (lost,) = section["not_fitted"]
    assert lost["tileId"] == "c" and "0 points, 3 are needed" in lost["reason"]
    assert section["dropped_tiles"] == ["c"]


def test_z_is_that_of_most_points_or_stays(render, stacks):
    some = matched("a", "t", GRID[:4]), matched("a", "u", GRID[4:])
    import_matches("m", some, render=render)
    assert run(FitTransformsByPointMatch, render, **STACKS, num_local_transforms=1)[0] == 0
    assert check(render, "a")["a"].z == 7.0
    given = STACKS | {"num_local_transforms": 1, "setz": False, "existing": "replace"}
    assert run(FitTransformsByPointMatch, render, **given)[0] == 0
    assert check(render, "a")["a"].z == 1.0


def test_points_without_weight_have_no_say_in_z(render, stacks):
    some = matched("a", "t", GRID[[0, 3, 8]]), matched("a", "u", GRID, np.zeros(12))
    import_matches("m", some, render=render)
    assert run(FitTransformsByPointMatch, render, **STACKS, num_local_transforms=1)[0] == 0
    assert check(render, "a")["a"].z == 1.0


def test_points_without_weight_and_outliers_take_no_part(render, stacks):
    wrong = np.zeros((12, 1))
    wrong[[2, 7]] = 400.0
    weights = np.where(wrong[:, 0] > 0, 0.0, 0.5)
    import_matches("m", [matched("a", "t", weights=weights, off=wrong)], render=render)
    import_matches("m", [matched("b", "u", off=wrong)], render=render)
    given = STACKS | {"num_local_transforms": 1, "max_epsilon": 2.0}
    status, report = run(FitTransformsByPointMatch, render, **given)
    assert status == 0
    check(render, "ab")
    fits = {fit["tileId"]: fit for fit in report["sections"][0]["fits"]}
    assert (fits["a"]["points"], fits["a"]["outliers"]) == (10, 0)
    assert (fits["b"]["points"], fits["b"]["outliers"]) == (10, 2)


def test_heavier_points_count_more(render, stacks):
    """A translation lies at the weighted mean of what its points say."""
    p, q = GRID[:2], pixels_of("t", np.array([[10.0, 0], [10.0, 0]]) + GRID[:2])
    q[1] += [4.0, 0]
    rows = np.column_stack([p, q, [3.0, 1.0]]).tolist()
    import_matches("m", [match(("s_src", "a"), ("s_dst", "t"), *rows)], render=render)
    given = STACKS | {"num_local_transforms": 1, "transform_type": "translation"}
    assert run(FitTransformsByPointMatch, render, **given)[0] == 0
    np.testing.assert_allclose(read(render, "out")["a"].tforms[-1].M[:2, 2], [11.0, 0], atol=1e-9)


def test_too_few_points_and_references_that_are_missing_are_named(render, stacks):
    gone = match(("s_src", "b"), ("s_dst", "gone"), (1, 2, 3, 4, 1))
    import_matches("m", [matched("a", "t"), gone], render=render)
    given = STACKS | {"num_local_transforms": 1, "min_points": 12}
    status, report = run(FitTransformsByPointMatch, render, **given)
    assert status == 0
    check(render, "a")
    (section,) = report["sections"]
    assert [entry["tileId"] for entry in section["not_fitted"]] == ["b", "c"]
    (missing,) = section["without_dst_tile"]
    assert missing == {"tileId": "gone", "reason": "stack dst has no tile of this id"}


def test_the_two_sides_may_have_other_numbers_of_local_transforms(render, stacks):
    """Points of dst are raw: they go through its lens, too."""
    raw = OTHER_LENS.inverse_tform(pixels_of("t", wanted("a", GRID)))
    rows = np.column_stack([lens().tform(GRID), raw, np.ones(12)]).tolist()
    import_matches("m", [match(("s_src", "a"), ("s_dst", "t"), *rows)], render=render)
    given = STACKS | {"num_local_transforms": 1, "dst_local_transforms": 0}
    assert run(FitTransformsByPointMatch, render, **given)[0] == 0
    check(render, "a")


def test_other_coordinates_than_those_recorded_are_refused(render, stacks, capsys):
    import_matches("m", [matched("a", "t")], render=render)
    set_collection_metadata("m", {"local_transforms": 1}, render=render)
    assert run(FitTransformsByPointMatch, render, **STACKS, num_local_transforms=0)[0] == 1
    assert "points after 1 transforms" in capsys.readouterr().err


def test_from_the_command_line_and_bad_input(render, stacks, tmp_path):
    import_matches("m", [matched("a", "t")], render=render)
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path = tmp_path / "in.json"
    given = {"render": connection, "num_local_transforms": 1, "pool_size": 1}
    path.write_text(json.dumps(given | STACKS))
    command = [sys.executable, "-m", "renderapps.registration.fit_transforms_by_point_match"]

    def go(*flags):
        whole = [*command, "--input_json", str(path), *flags]
        return subprocess.run(whole, capture_output=True, text=True)

    assert go().returncode == 0
    check(render, "a")
    missing = go("--matchcollection", "none")
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1
    assert "no match collection none" in missing.stderr
    assert go("--transform_type", "bent").returncode == 2
    same = go("--output_stack", "src")
    assert same.returncode == 1 and "src is also src_stack" in same.stderr
    check(render, "a")
