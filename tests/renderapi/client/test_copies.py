"""Stacks and match collections copied, made and removed."""

import json

import numpy as np
import pytest
from example_stacks import STACK
from picture_stacks import make_picture_stack, texture

import renderapi
from renderapi.client import call_run_ws_client
from renderapi.errors import ClientScriptError, NotFoundError

CLIENT = "org.janelia.render.client."


def base(render):
    return ["--baseDataUrl", f"{render.DEFAULT_HOST}/render-ws/v1", "--owner", "test"]


def copy(render, *words, source=STACK):
    stacks = ["--project", "project", "--fromStack", source, "--toStack", "copy"]
    call_run_ws_client(CLIENT + "CopyStackClient", [*base(render), *stacks, *words])


def tile_ids(render, stack="copy"):
    return sorted(renderapi.stack.get_stack_tileIds(stack, render=render))


def zs(render, stack="copy"):
    return renderapi.stack.get_z_values_for_stack(stack, render=render)


def test_a_copy_is_equal(render, example):
    copy(render, "--completeToStackAfterCopy")
    for z in (3407, 3408):
        one, other = (
            renderapi.resolvedtiles.get_resolved_tiles_from_z(name, z, render=render).to_dict()
            for name in (STACK, "copy")
        )
        assert one == other
    metadata = renderapi.stack.get_full_stack_metadata("copy", render=render)
    assert metadata["state"] == "COMPLETE"
    assert metadata["currentVersion"]["stackResolutionZ"] == 35


def test_layers_and_tiles_are_chosen(render, example, tmp_path):
    copy(render, "--z", "3407", "--excludedTileIds", "3407.0.0", "3407.1.1")
    assert tile_ids(render) == ["3407.0.1", "3407.1.0"]
    (tmp_path / "ids.json").write_text('["3407.0.0"]')
    copy(render, "--z", "3407", "--includedTileIdsJson", tmp_path / "ids.json", "--keepExisting")
    assert tile_ids(render) == ["3407.0.0", "3407.0.1", "3407.1.0"]
    box = ["--minX", "0", "--maxX", "300", "--minY", "0", "--maxY", "300"]
    copy(render, "--z", "3407", *box)
    assert tile_ids(render) == ["3407.0.0"]
    renderapi.stack.clone_stack(STACK, "fewer", close_stack=False, render=render)
    renderapi.stack.delete_tile("fewer", "3407.0.0", render=render)
    copy(render, "--z", "3407", "--excludeTileIdsMissingFromStacks", "fewer")
    assert tile_ids(render) == ["3407.0.1", "3407.1.0", "3407.1.1"]


def test_cells_of_the_grid_are_left_out(render, example, tmp_path):
    path = tmp_path / "cells.json"
    path.write_text('[{"row": 0, "column": 1}, {"row": 1, "column": 1, "minZ": 3408}]')
    copy(render, "--excludedCellsJson", path)
    tiles = renderapi.tilespec.get_tile_specs_from_stack(STACK, render=render)
    kept = {
        tile.tileId
        for tile in tiles
        if (tile.layout.imageRow, tile.layout.imageCol) != (0, 1)
        and (tile.layout.imageRow, tile.layout.imageCol, tile.z) != (1, 1, 3408)
    }
    assert 0 < len(kept) < len(tiles) - 2
    assert set(tile_ids(render)) == kept
    for wrong in (
        '[{"row": 0}]',
        '[{"row": 0, "column": 1, "z": 3}]',
        '[{"row": "a", "column": 1}]',
    ):
        path.write_text(wrong)
        with pytest.raises(ClientScriptError, match="cell 0 must have row and column"):
            copy(render, "--excludedCellsJson", path)


def test_the_copy_is_moved(render, example):
    copy(render, "--moveToOrigin", "--addToZ", "0.5", "--completeToStackAfterCopy")
    bounds = renderapi.stack.get_stack_bounds("copy", render=render)
    assert (bounds["minX"], bounds["minY"], bounds["minZ"]) == (10, 10, 3407.5)
    copy(render, "--z", "3407", "--replaceLastTransformWithStage", "--keepExisting")
    tile = renderapi.tilespec.get_tile_spec_raw("copy", "3407.1.1", render=render)
    assert abs(tile.minX) < 20


def test_a_second_copy_leaves_what_the_first_one_moved(render):
    def put(tile_id, x, y):
        place = renderapi.transform.AffineModel(B0=x, B1=y)
        tile = renderapi.tilespec.TileSpec(tileId=tile_id, z=1.0, width=50, height=50)
        tile.tforms = [place]
        renderapi.client.import_tilespecs("source", [tile], use_rest=True, render=render)

    def tiles():
        return renderapi.resolvedtiles.get_resolved_tiles_from_z("copy", 1.0, render=render)

    renderapi.stack.create_stack("source", render=render)
    put("first", 40.0, 30.0)
    copy(render, "--moveToOrigin", source="source")
    before = tiles()
    # the source changes, and is copied again beside what is there
    renderapi.stack.delete_tile("source", "first", render=render)
    put("second", 500.0, 700.0)
    copy(render, "--moveToOrigin", "--keepExisting", source="source")
    both = tiles()
    assert len({tile.tforms[-1].refId for tile in both.tilespecs}) == 2
    shifts = {t.transformId: t for t in both.transforms}
    assert {t.transformId for t in before.transforms} < set(shifts)
    for tile in both.tilespecs:
        moved = tile.tforms[0].tform(np.zeros((1, 2)))
        assert shifts[tile.tforms[-1].refId].tform(moved).tolist() == [[10.0, 10.0]]
        assert (tile.minX, tile.minY) == (10.0, 10.0)
    copy(render, "--moveToOrigin", "--keepExisting", source="source")
    assert tiles().to_dict() == both.to_dict()


def test_merged_sections_are_split(render, example):
    copy(render)
    renderapi.stack.set_stack_state("copy", "LOADING", render=render)
    tiles = renderapi.tilespec.get_tile_specs_from_z("copy", 3408, render=render)
    for tile in tiles:
        tile.z = 3407.0
    renderapi.resolvedtiles.put_tilespecs("copy", tilespecs=tiles, render=render)
    stacks = ["--project", "project", "--fromStack", "copy", "--toStack", "split"]
    words = [*base(render), *stacks, "--splitMergedSections"]
    call_run_ws_client(CLIENT + "CopyStackClient", words)
    assert zs(render, "split") == [3407.0, 3407.025]
    with pytest.raises(ClientScriptError, match="2 sections, more than 1"):
        call_run_ws_client(CLIENT + "CopyStackClient", [*words, "--maxSectionsPerOriginalZ", "1"])


def test_a_failure_leaves_the_copy_loading(render, tmp_path):
    make_picture_stack(render, tmp_path, "pictures", {1: texture(1)})
    with pytest.raises(ClientScriptError, match="stageX"):
        copy(render, "--replaceLastTransformWithStage", source="pictures")
    assert renderapi.stack.get_full_stack_metadata("copy", render=render)["state"] == "LOADING"
    with pytest.raises(ClientScriptError, match="onto itself"):
        copy(render, "--toStack", "pictures", source="pictures")


def stack_client(render, stack, action, *words):
    where = renderapi.stack.make_stack_params(render.DEFAULT_HOST, None, "test", "project", stack)
    call_run_ws_client(CLIENT + "StackClient", [*where, "--action", action, *words])


def test_stacks_are_made_cloned_renamed_completed_and_deleted(render, example):
    stack_client(render, "new", "CREATE", "--versionNotes", "mine", "--stackResolutionX", "4")
    version = renderapi.stack.get_stack_metadata("new", render=render)
    assert (version.versionNotes, version.stackResolutionX) == ("mine", 4)
    stack_client(render, STACK, "CLONE", "--cloneResultStack", "clone", "--zValues", "3407")
    assert zs(render, "clone") == [3407.0]
    stack_client(render, "clone", "SET_STATE", "--stackState", "COMPLETE")
    stack_client(render, "clone", "RENAME", "--renamedStack", "renamed")
    assert len(tile_ids(render, "renamed")) == 4
    stack_client(render, "renamed", "SET_STATE", "--stackState", "LOADING")
    stack_client(render, "renamed", "DELETE", "--sectionId", "3407.0")
    assert zs(render, "renamed") == []
    stack_client(render, "renamed", "DELETE")
    with pytest.raises(NotFoundError):
        renderapi.stack.get_stack_metadata("renamed", render=render)
    for action in ("CLONE", "SET_STATE"):
        with pytest.raises(ClientScriptError, match=f"{action} needs"):
            stack_client(render, STACK, action)


def match(p, q, group="1", number=2):
    values = [float(n) for n in range(number)]
    points = {"p": [values, values], "q": [values, values], "w": [1.0] * number}
    return {"pGroupId": group, "pId": p, "qGroupId": group, "qId": q, "matches": points}


def matches(render, collection, group="1"):
    return renderapi.pointmatch.get_matches_with_group(collection, group, render=render)


def test_matches_are_imported_in_batches_copied_and_counted(render, tmp_path):
    path = tmp_path / "matches.json"
    path.write_text(json.dumps([match("a", "b"), match("a", "c"), match("x", "y", "2", 5)]))
    words = [*base(render), "--collection", "C"]
    call_run_ws_client(CLIENT + "ImportMatchClient", [*words, "--batchSize", "2", path])
    assert [len(matches(render, "C", group)) for group in "12"] == [2, 1]
    call_run_ws_client(CLIENT + "CopyMatchClient", [*words, "--toCollection", "D"])
    assert matches(render, "D") == matches(render, "C")
    renderapi.pointmatch.import_matches("D", [match("a", "extra")], render=render)
    more = ["--toCollection", "D", "--removeExisting", "--pGroupId", "1"]
    call_run_ws_client(CLIENT + "CopyMatchClient", [*words, *more])
    assert matches(render, "D") == matches(render, "C")
    jobs = ["--totalNumberOfJobs", "2", "--jobIndex"]
    for job in "01":
        call_run_ws_client(CLIENT + "UpdateMatchCountsClient", [*words, *jobs, job])
    assert matches(render, "C", "2")[0]["matchCount"] == 5
    for wrong, text in (("ImportMatchClient", "not found"), ("CopyMatchClient", "onto itself")):
        with pytest.raises(ClientScriptError, match=text):
            extra = ["/nowhere"] if wrong == "ImportMatchClient" else ["--toCollection", "C"]
            call_run_ws_client(CLIENT + wrong, [*words, *extra])
    with pytest.raises(ClientScriptError, match="jobIndex"):
        call_run_ws_client(CLIENT + "UpdateMatchCountsClient", [*words, *jobs, "2"])
