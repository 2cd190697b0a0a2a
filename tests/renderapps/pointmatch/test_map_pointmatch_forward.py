"""Matches in coordinates after and before the lens of their tiles."""

import json

import numpy as np
import pytest
from layered_stacks import lens, put, tile
from match_collections import match, stored

import renderapi
from renderapi.pointmatch import get_collection_metadata, import_matches
from renderapps.module import ParameterError, RenderModuleException
from renderapps.pointmatch.map_pointmatch_forward import MapPointMatchForward

A, B, C = ("s1", "a"), ("s1", "b"), ("s2", "c")


@pytest.fixture
def stack(render):
    """Tiles behind the lens (x 1.01, y 0.99) and a translation; b has nothing but that."""
    tiles = [
        tile("a", 1.0, 100, 0, section="s1"),
        tile("b", 1.0, 500, 0, section="s1", lens_id=None),
    ]
    put(render, "raw", [tiles, [tile("c", 2.0, 7, 8, section="s2")]], shared=[lens()])
    import_matches(
        "local",
        [
            match(A, C, (100, 200, 10, 20, 1), (0, 0, 1, 1, 0.5)),
            match(A, ("s1", "gone"), (1, 2, 3, 4, 1)),
            match(A, B, (100, 0, 0, 0, 1)),
        ],
        render=render,
    )
    return "raw"


def parameters(render, **options):
    connection = {"host": render.DEFAULT_HOST, "owner": "test", "project": render.DEFAULT_PROJECT}
    given = {"render": connection, "stack": "raw", "pool_size": 1}
    return given | {"src_matchcollection": "local", "dst_matchcollection": "lens"} | options


def go(render, **options):
    module = MapPointMatchForward(input_data=parameters(render, **options), args=[])
    module.run()
    return module.result


def points(render, name, q):
    (found,) = [m for m in stored(render, name) if m["qId"] == q]
    return np.array([*found["matches"]["p"], *found["matches"]["q"]])


def test_points_go_through_the_lens_and_back(render, stack):
    report = go(render)
    expected = [[101, 0], [198, 0], [10.1, 1.01], [19.8, 0.99]]
    np.testing.assert_allclose(points(render, "lens", "c"), expected, atol=1e-9)
    # of tile b the first transform is its place
    np.testing.assert_allclose(points(render, "lens", "b"), [[101], [0], [500], [0]], atol=1e-9)
    assert [e["reason"] for e in report["dropped_pairs"]] == [
        "stack raw has no tile gone in section s1"
    ]
    assert report["local_transforms"] == 1
    assert get_collection_metadata("lens", render=render) == {"local_transforms": 1}
    back = {"src_matchcollection": "lens", "dst_matchcollection": "back", "inverse": True}
    assert go(render, **back)["local_transforms"] == 0
    for q in "bc":
        before = points(render, "local", q)
        np.testing.assert_allclose(points(render, "back", q), before, atol=1e-9)
    with pytest.raises(RenderModuleException, match="2 cannot be undone"):
        go(render, **back, num_transforms=2)


def test_the_second_step_begins_where_the_first_ended(render, stack):
    go(render)
    report = go(render, src_matchcollection="lens", dst_matchcollection="world")
    assert report["local_transforms"] == 2
    np.testing.assert_allclose(
        points(render, "world", "c"), [[201, 100], [198, 0], [17.1, 8.01], [27.8, 8.99]]
    )
    assert "tile b has 1 transforms" in str(report["dropped_pairs"])


def test_points_that_nothing_leads_to_are_left_out(render, stack):
    flat = renderapi.transform.AffineModel(M00=0.0)
    bare = tile("f", 3.0, section="s3", lens_id=None)
    bare.tforms = [flat]
    renderapi.stack.set_stack_state("raw", "LOADING", render=render)
    renderapi.resolvedtiles.put_tilespecs("raw", tilespecs=[bare], render=render)
    renderapi.stack.set_stack_state("raw", "COMPLETE", render=render)
    import_matches("flat", [match(A, ("s3", "f"), (1, 2, 3, 4, 1))], render=render)
    import_matches("flat", [match(A, C, (1, 2, 3, 4, 1))], render=render)
    given = {"src_matchcollection": "flat", "local_transforms": 1, "inverse": True}
    report = go(render, **given)
    assert report["pairs_written"] == 1
    assert "no point of it leads back" in report["dropped_pairs"][0]["reason"]


def test_the_command_line_and_bad_input(render, stack, tmp_path, capsys):
    path, out = tmp_path / "in.json", tmp_path / "out.json"
    path.write_text(json.dumps(parameters(render)))
    flags = ["--input_json", str(path), "--output_json", str(out)]
    assert MapPointMatchForward.exit_status(flags) == 0
    assert json.loads(out.read_text())["pairs_written"] == 2
    assert MapPointMatchForward.exit_status([*flags, "--stack", "none"]) == 1
    assert "no stack none" in capsys.readouterr().err
    assert MapPointMatchForward.exit_status([*flags, "--dst_matchcollection", "local"]) == 1
    with pytest.raises(ParameterError, match="num_transforms"):
        go(render, num_transforms=0)
