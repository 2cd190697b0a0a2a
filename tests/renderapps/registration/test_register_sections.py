"""A section registered to another one by one transform: known places, on a live service."""

import json

import numpy as np
import pytest
from layered_stacks import lens, put, read, run, shared, tile, zs_of
from match_collections import match

from renderapi.pointmatch import import_matches
from renderapi.transform import AffineModel, ReferenceTransform, estimate_dstpts
from renderapps.registration.register_sections import RegisterSections

GIVEN = {
    "reference_stack": "ref",
    "moving_stack": "mov",
    "output_stack": "out",
    "match_collection": "m",
    "reference_z": 1,
    "moving_z": 2,
}
TRUTH = {
    "affine": AffineModel(M00=1.1, M01=-0.2, M10=0.15, M11=0.9, B0=50, B1=-70),
    "rigid": AffineModel(M00=0.6, M01=-0.8, M10=0.8, M11=0.6, B0=-20, B1=33),
    "similarity": AffineModel(M00=1.2, M01=-1.6, M10=1.6, M11=1.2, B0=-20, B1=33),
}
GRID = np.array([(x, y) for y in (2.0, 27.0) for x in (1.0, 25.0, 38.0)])
PLACES = {"a": (100.0, 5.0), "b": (160.0, 5.0), "c": (220.0, 5.0)}


def world(spec, there, points=GRID):
    known = [there[t.refId] if isinstance(t, ReferenceTransform) else t for t in spec.tforms]
    return estimate_dstpts(known, points)


@pytest.fixture
def stacks(render):
    """Tiles a, b, c move; a lies on r, b on both r and s (two documents), c has no match."""
    put(render, "mov", [[tile(n, 2.0, *PLACES[n], section="mov") for n in "abc"]])
    references = [tile("r", 1.0, 10, 20, section="ref"), tile("s", 1.0, 40, 20, section="ref")]
    put(render, "ref", [references, [tile("far", 3.0, 0, 0, section="far")]])

    def matches(truth):
        documents = []
        for name, there, points in (("a", 10, GRID), ("b", 10, GRID[:2]), ("b", 40, GRID[2:])):
            moved = truth.tform(lens().tform(points) + PLACES[name])
            q = lens().inverse_tform(moved - [there, 20])
            rows = np.column_stack([points, q, np.ones(len(points))]).tolist()
            documents.append(match(("mov", name), ("ref", "r" if there == 10 else "s"), *rows))
        documents.append(
            match(("mov", "a"), ("far", "far"), *[(i, i * i, 5, i, 1) for i in (1, 2)])
        )
        import_matches("m", documents, render=render)

    return matches


@pytest.mark.parametrize("model", TRUTH)
def test_all_tiles_follow_the_fit(render, stacks, model):
    stacks(TRUTH[model])
    given = GIVEN | {"registration_model": model.capitalize()}
    status, report = run(RegisterSections, render, **given)
    assert status == 0
    assert (report["out_stack"], report["registered_z"]) == ("out", 2)
    before, after = read(render, "mov"), read(render, "out")
    assert sorted(after) == ["a", "b", "c"] and zs_of(render, "out") == [2.0]
    there = shared(render, "out", 2.0)
    for name, spec in after.items():
        assert len(spec.tforms) == 3
        expected = TRUTH[model].tform(world(before[name], there))
        np.testing.assert_allclose(world(spec, there), expected, atol=1e-6)
    (section,) = report["sections"]
    assert section["tiles_with_matches"] == 2 and section["fit"]["points"] == 12
    assert section["fit"]["largest"] < 1e-6 and section["without_reference_tile"] == []


def test_only_the_section_is_replaced_and_lists_may_be_shortened(render, stacks):
    stacks(TRUTH["affine"])
    put(render, "out", [[tile("old", 2.0)], [tile("kept", 5.0)]])
    status, _ = run(RegisterSections, render, **GIVEN, consolidate_transforms=True)
    assert status == 0
    after = read(render, "out")
    assert sorted(after) == ["a", "b", "c", "kept"]
    for name in "abc":
        assert len(after[name].tforms) == 1
        expected = TRUTH["affine"].tform(lens().tform(GRID) + PLACES[name])
        np.testing.assert_allclose(world(after[name], {}), expected, atol=1e-6)


def test_bad_input(render, stacks, tmp_path, capsys):
    stacks(TRUTH["affine"])
    assert run(RegisterSections, render, **GIVEN | {"moving_z": 9})[0] == 1
    assert "no section at z=9" in capsys.readouterr().err
    assert run(RegisterSections, render, **GIVEN | {"reference_z": 3})[0] == 1
    assert "2 points, 3 are needed" in capsys.readouterr().err
    assert run(RegisterSections, render, **GIVEN | {"registration_model": "Bent"})[0] == 2
    assert run(RegisterSections, render, **GIVEN | {"match_collection": "none"})[0] == 1
    same = GIVEN | {"reference_stack": "mov", "reference_z": 2}
    assert run(RegisterSections, render, **same)[0] == 1
    assert "is also the reference" in capsys.readouterr().err
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": "project"}
    path = tmp_path / "in.json"
    path.write_text(json.dumps({"render": connection} | GIVEN))
    assert RegisterSections.exit_status(["--input_json", str(path), "--max_epsilon", "3"]) == 0
