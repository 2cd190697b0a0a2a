"""Edits of transforms: listed tiles, and whole sections."""

import json

import numpy as np
import pytest
from example_stacks import STACK

import renderapi
from renderapi.client import (
    call_run_ws_client,
    importTransformChangesClient,
    transformSectionClient,
)
from renderapi.errors import ClientScriptError
from renderapi.transform import AffineModel

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
SHIFT = {"type": "leaf", "className": AFFINE, "dataString": "1.0 0.0 0.0 1.00 100 -7e0"}


def changes(tmp_path, tile_ids, transform=SHIFT):
    path = tmp_path / "changes.json"
    entries = [{"tileId": tile_id, "transform": transform} for tile_id in tile_ids]
    path.write_text(json.dumps(entries))
    return str(path)


def raw(render, stack, tile_id):
    return renderapi.tilespec.get_tile_spec_raw(stack, tile_id, render=render)


def last(render, stack, tile_id):
    url = f"{render.DEFAULT_HOST}/render-ws/v1/owner/test/project/project/stack/{stack}"
    tile = render.session.get(f"{url}/tile/{tile_id}/render-parameters").json()["tileSpecs"][0]
    return tile["transforms"]["specList"][-1]


def state(render, stack):
    return renderapi.stack.get_full_stack_metadata(stack, render=render)["state"]


def run(render, name, *words):
    where = renderapi.stack.make_stack_params(render.DEFAULT_HOST, None, "test", "project", STACK)
    call_run_ws_client(f"org.janelia.render.client.{name}", [*where, *words])


def test_appended_transforms_are_stored_verbatim_in_a_new_stack(render, example, tmp_path):
    path = changes(tmp_path, ["3407.0.0", "3408.1.1"])
    importTransformChangesClient(STACK, "changed", path, changeMode="APPEND", render=render)
    assert sorted(renderapi.stack.get_stack_tileIds("changed", render=render)) == [
        "3407.0.0",
        "3408.1.1",
    ]
    assert last(render, "changed", "3407.0.0") == SHIFT
    before, after = (raw(render, stack, "3407.0.0") for stack in (STACK, "changed"))
    assert (after.minX, after.minY) == (before.minX + 100, before.minY - 7)
    assert len(after.tforms) == 3
    assert state(render, "changed") == "COMPLETE"
    assert state(render, STACK) == "COMPLETE"
    version = renderapi.stack.get_full_stack_metadata("changed", render=render)["currentVersion"]
    assert version["stackResolutionZ"] == 35
    assert version["versionNotes"] == "derived from test__project__example"


def test_last_or_all_transforms_are_replaced(render, example, tmp_path):
    path = changes(tmp_path, ["3407.0.0"])
    importTransformChangesClient(STACK, "l", path, changeMode="REPLACE_LAST", render=render)
    importTransformChangesClient(STACK, "a", path, changeMode="REPLACE_ALL", render=render)
    assert len(raw(render, "l", "3407.0.0").tforms) == 2
    assert len(raw(render, "a", "3407.0.0").tforms) == 1
    assert raw(render, "a", "3407.0.0").bbox == (100.0, -7.0, 2660.0, 2153.0)


def test_the_last_transform_is_multiplied(render, example, tmp_path):
    path = changes(tmp_path, ["3407.0.0"])
    words = ["--targetStack", "c", "--transformFile", path, "--changeMode", "CONCATENATE_TO_LAST"]
    run(render, "ImportTransformChangesClient", *words)
    old, new = (raw(render, stack, "3407.0.0").tforms[-1] for stack in (STACK, "c"))
    assert np.allclose(new.M, AffineModel(B0=100, B1=-7).M @ old.M, atol=1e-9)
    assert state(render, "c") == "LOADING"


@pytest.mark.parametrize(
    ("tile_ids", "text"),
    [
        ([], "lists no tiles"),
        (["3407.0.0", "nowhere"], "has no tiles nowhere"),
        (["3407.0.0", "3407.0.0"], "more than once"),
    ],
)
def test_a_failure_stores_nothing_and_leaves_the_target_loading(
    render, example, tmp_path, tile_ids, text
):
    path = changes(tmp_path, tile_ids)
    with pytest.raises(ClientScriptError, match=text):
        importTransformChangesClient(STACK, "failed", path, changeMode="APPEND", render=render)
    assert state(render, "failed") == "LOADING"
    assert renderapi.stack.get_z_values_for_stack("failed", render=render) == []


def test_a_broken_transform_stores_nothing(render, example, tmp_path):
    path = changes(tmp_path, ["3407.0.0"], {"className": "org.Nonsense", "dataString": ""})
    with pytest.raises(ClientScriptError, match=r"3407\.0\.0.*org\.Nonsense"):
        importTransformChangesClient(STACK, "failed", path, changeMode="APPEND", render=render)
    assert renderapi.stack.get_z_values_for_stack("failed", render=render) == []


def test_a_section_is_transformed_by_one_shared_transform(render, example):
    transformSectionClient(
        STACK, "shift", AFFINE, "1.0,0.0,0.0,1.00,100,-7e0", [3407], targetStack="t", render=render
    )
    assert state(render, "t") == "LOADING"
    section = renderapi.resolvedtiles.get_resolved_tiles_from_z("t", 3407, render=render)
    assert sorted(transform.transformId for transform in section.transforms) == ["lens", "shift"]
    assert all(tile.tforms[-1].refId == "shift" for tile in section.tilespecs)
    assert last(render, "t", "3407.1.1") == {**SHIFT, "id": "shift"}
    assert renderapi.stack.get_z_values_for_stack("t", render=render) == [3407.0]
    before, after = (raw(render, stack, "3407.1.1") for stack in (STACK, "t"))
    assert after.minX == before.minX + 100


def test_the_last_transform_of_a_section_is_replaced(render, example):
    transformSectionClient(
        STACK, "shift", AFFINE, "1 0 0 1 100 -7", [3407, 3408], targetStack="t", replaceLast=True,
        render=render,
    )  # fmt: skip
    assert [t.refId for t in raw(render, "t", "3408.0.0").tforms] == ["lens", "shift"]


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("INSERT_AS_FIRST", ["shift", "lens", None]),
        ("INSERT_BEFORE_LAST", ["lens", "shift", None]),
        ("APPEND", ["lens", None, "shift"]),
    ],
)
def test_the_transform_goes_where_the_method_says(render, example, method, expected):
    words = ["--transformId", "shift", "--transformClass", AFFINE, "--transformData", "1,0,0,1,9,9"]
    words += ["--targetStack", "t", "--transformApplicationMethod", method, "3407"]
    run(render, "TransformSectionClient", *words)
    tforms = raw(render, "t", "3407.0.0").tforms
    assert [getattr(transform, "refId", None) for transform in tforms] == expected


WORDS = ["--transformId", "s", "--transformClass", AFFINE, "--transformData", "2,0,0,2,1,1"]


def test_the_last_transform_of_a_section_is_multiplied(render, example):
    words = [*WORDS, "--transformApplicationMethod", "PRE_CONCATENATE_LAST", "--targetStack", "t"]
    run(render, "TransformSectionClient", *words, "3407", "--completeTargetStack")
    old, new = (raw(render, stack, "3407.0.0").tforms for stack in (STACK, "t"))
    assert len(new) == 2
    assert np.allclose(new[-1].M, AffineModel(2, 0, 0, 2, 1, 1).M @ old[-1].M)
    assert state(render, "t") == "COMPLETE"


def test_layers_are_moved_to_a_minimum(render, example):
    words = [*WORDS, "--layerMinimumXAndYBound", "10", "--targetStack", "t", "3407", "3408"]
    run(render, "TransformSectionClient", *words)
    for z in (3407, 3408):
        bounds = renderapi.stack.get_bounds_from_z("t", z, render=render)
        assert (bounds["minX"], bounds["minY"]) == (10, 10)
    assert raw(render, "t", "3408.0.0").tforms[-1].refId == "s_3408.0"


def test_a_layer_is_moved_so_that_a_tile_lies_where_another_does(render, example):
    words = [*WORDS, "--fromTileId", "3408.0.0", "--toTileId", "3407.0.0", "--targetStack", "t"]
    run(render, "TransformSectionClient", *words)
    assert renderapi.stack.get_z_values_for_stack("t", render=render) == [3408.0]
    moved, there = raw(render, "t", "3408.0.0"), raw(render, STACK, "3407.0.0")
    assert (moved.minX, moved.minY) == (there.minX, there.minY)
    assert moved.tforms[-1].refId == "MOVE_3408.0_TO_3407.0"


def test_only_tiles_in_a_box_are_transformed(render, example):
    box = ["--minX", "0", "--maxX", "500", "--minY", "0", "--maxY", "500"]
    run(render, "TransformSectionClient", *WORDS, *box, "--targetStack", "t", "3407")
    assert renderapi.stack.get_stack_tileIds("t", render=render) == ["3407.0.0"]


def test_a_broken_transform_or_section_fails(render, example):
    def transform(class_name, data, zs):
        transformSectionClient(STACK, "s", class_name, data, zs, targetStack="t", render=render)

    with pytest.raises(ClientScriptError, match="unknown transform class"):
        transform("org.No", "1", [3407])
    assert renderapi.stack.get_z_values_for_stack("t", render=render) == []
    with pytest.raises(ClientScriptError, match="TransformSectionClient"):
        transform(AFFINE, "1 0 0 1 0 0", [9])
    with pytest.raises(ClientScriptError, match="no z values"):
        transform(AFFINE, "1 0 0 1 0 0", [])
