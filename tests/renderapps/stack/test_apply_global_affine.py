"""One affine for one stack, or for several."""

import numpy as np
import pytest
from layered_stacks import documents, layers, read, run, shared, version, zs_of

import renderapi
from renderapps.stack.affine import append_reference
from renderapps.stack.apply_global_affine_to_stack import ApplyAffine
from renderapps.stack.apply_global_affine_to_stacks import ApplyAffineMultiple

# a quarter turn, twice as large, and a shift: x' = -2 y + 7, y' = 2 x - 3
TURN = {"M00": 0, "M01": -2, "M10": 2, "M11": 0, "B0": 7, "B1": -3}


def test_every_tile_refers_to_one_new_shared_transform(render):
    layers(render, "raw", zs=(1.0, 2.0), levels=(0, 1))
    parameters = {"input_stack": "raw", "output_stack": "out", "transformId": "turn", **TURN}
    status, report = run(ApplyAffine, render, **parameters)
    assert status == 0 and report["transform"]["id"] == "turn" and report["warnings"] == []
    for z in (1.0, 2.0):
        transforms = shared(render, "out", z)
        assert sorted(transforms) == ["lens", "turn"]
        points = np.array([[0.0, 0.0], [1.0, 10.0]])
        np.testing.assert_array_equal(transforms["turn"].tform(points), [[7, -3], [-13, -1]])
    assert version(render, "out") == version(render, "raw")
    before, after = documents(render, "raw"), documents(render, "out")
    for key, tile in after.items():
        *rest, last = tile["transforms"]["specList"]
        assert last == {"type": "ref", "refId": "turn"}
        assert rest == before[key]["transforms"]["specList"]
    # tile a: lens to 40.4 x 29.7, to y = 100..129.7, so x' = -252.4..-193, y' = -3..77.8
    assert read(render, "out")["a_1"].bbox == (-252, -3, -252 + 60, -3 + 81)


def test_only_the_range_asked_for_in_place(render):
    layers(render, "raw")
    given = {"input_stack": "raw", "in_place": True, "transformId": "shift", "B0": 5}
    assert run(ApplyAffine, render, **given, zmin=1, zmax=2)[0] == 0
    assert {k: len(t.tforms) for k, t in read(render, "raw").items()} == {
        "a_0": 2, "b_0": 2, "a_1": 3, "b_1": 3, "a_2.5": 2, "b_2.5": 2,
    }  # fmt: skip


def test_a_mirror_is_told(render):
    layers(render, "raw", zs=(1.0,))
    given = {"input_stack": "raw", "output_stack": "out", "transformId": "m", "M11": -1}
    assert "mirrors" in run(ApplyAffine, render, **given)[1]["warnings"][0]


def test_an_id_in_use_is_refused(render, capsys):
    layers(render, "raw")
    before = documents(render, "raw")
    status, _ = run(ApplyAffine, render, input_stack="raw", in_place=True, transformId="lens")
    assert status == 1 and "another transformId" in capsys.readouterr().err
    assert documents(render, "raw") == before


def test_numbers_are_exact(render):
    layers(render, "raw", zs=(1.0,), names="a")
    third = 1 / 3
    given = {"transformId": "t", "M00": third, "B1": 1e-7, "output_stack": "out"}
    assert run(ApplyAffine, render, input_stack="raw", **given)[0] == 0
    model = shared(render, "out", 1.0)["t"]
    assert pytest.approx((third, 1e-7), rel=1e-12) == (model.M00, model.B1)


def test_a_matrix_without_inverse_is_refused(render, capsys):
    status, _ = run(ApplyAffine, render, input_stack="raw", transformId="t", M00=0, in_place=True)
    assert status == 2 and "inverted" in capsys.readouterr().err


def test_a_single_transform_becomes_a_list():
    tile = {"transforms": {"className": "c", "dataString": "d"}}
    append_reference(tile, "t")
    assert tile["transforms"] == {
        "type": "list",
        "specList": [{"className": "c", "dataString": "d"}, {"type": "ref", "refId": "t"}],
    }


def test_several_stacks_with_a_prefix_or_in_place(render):
    for stack in ("one", "two"):
        layers(render, stack, zs=(1.0,), names="a")
    given = {"input_stacks": ["one", "two"], "transformId": "t", "B0": 1000}
    status, report = run(ApplyAffineMultiple, render, **given, output_prefix="far_")
    assert status == 0
    assert [s["output_stack"] for s in report["stacks"]] == ["far_one", "far_two"]
    assert read(render, "far_two")["a_1"].minX == 1000 and read(render, "two")["a_1"].minX == 0
    assert run(ApplyAffineMultiple, render, **given)[0] == 0
    assert read(render, "one")["a_1"].minX == read(render, "two")["a_1"].minX == 1000


def test_nothing_is_done_when_one_of_several_cannot_be(render, capsys):
    layers(render, "one", zs=(1.0,))
    given = {"input_stacks": ["one", "none"], "transformId": "t", "output_prefix": "far_"}
    assert run(ApplyAffineMultiple, render, **given)[0] == 1
    assert "no stack none" in capsys.readouterr().err
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["one"]
    assert zs_of(render, "one") == [1.0]
