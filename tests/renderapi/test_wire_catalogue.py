"""What each function sends: method, path, query and body, and what it makes of the answer."""

from __future__ import annotations

import numpy as np
import pytest

from renderapi import coordinate, image, pointmatch, render, resolvedtiles, stack, tilespec
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

S = "/owner/O/project/P/stack/S"
M = "/owner/O/matchCollection/C"
TILE = {
    "tileId": "t",
    "z": 3.0,
    "width": 10,
    "height": 8,
    "transforms": {"type": "list", "specList": []},
}
PARAMETERS = {"tileSpecs": [TILE], "x": 0.0}
RESOLVED = {"transformIdToSpecMap": {}, "tileIdToSpecMap": {"t": TILE}}
STAMP = "2024-01-02T03:04:05.00Z"

GETS = [
    (render.get_owners, (), {}, "/owners/", {}, ["a"], ["a"]),
    (render.get_stack_metadata_by_owner, (), {}, "/owner/O/stacks/", {}, [1], [1]),
    (
        render.get_projects_by_owner,
        (),
        {},
        "/owner/O/stacks/",
        {},
        [{"stackId": {"project": p, "stack": "s"}} for p in "bab"],
        ["a", "b"],
    ),
    (
        render.get_stacks_by_owner_project,
        (),
        {},
        "/owner/O/stacks/",
        {},
        [{"stackId": {"project": p, "stack": s}} for p, s in ("P1", "Q2", "P3")],
        ["1", "3"],
    ),
    (stack.get_full_stack_metadata, ("S",), {}, S, {}, {"state": "LOADING"}, {"state": "LOADING"}),
    (stack.get_z_values_for_stack, ("S",), {}, f"{S}/zValues/", {}, [1.5], [1.5]),
    (stack.get_bounds_from_z, ("S", 3), {}, f"{S}/z/3.000000/bounds", {}, {"minX": 1}, {"minX": 1}),
    (stack.get_bounds_from_z, ("S", 3.7), {}, f"{S}/z/3.700000/bounds", {}, {}, {}),
    (stack.get_bounds_from_z, ("S", 1 / 3), {}, f"{S}/z/0.3333333333333333/bounds", {}, {}, {}),
    (stack.get_stack_bounds, ("S",), {}, f"{S}/bounds", {}, {"minX": 1}, {"minX": 1}),
    (stack.get_tilebounds_for_z, ("S", 3.5), {}, f"{S}/z/3.5/tileBounds", {}, [], []),
    (
        stack.get_sectionId_for_z,
        ("S", 3),
        {},
        f"{S}/z/3/tileBounds",
        {},
        [{"sectionId": "3.0"}, {"sectionId": "4.0"}],
        "3.0",
    ),
    (stack.get_stack_sectionData, ("S",), {}, f"{S}/sectionData", {}, [], []),
    (stack.get_section_z_value, ("S", "a b"), {}, f"{S}/section/a%20b/z", {}, 3.5, 3.5),
    (stack.get_stack_tileIds, ("S",), {}, f"{S}/tileIds", {}, ["it's"], ["it's"]),
    (stack.get_stack_tileIds, ("S",), {}, f"{S}/tileIds", {}, b"['a', 'b\"c']", ["a", 'b"c']),
    (stack.get_stack_tileIds, ("S",), {}, f"{S}/tileIds", {}, b"['it's','b']", ["it's", "b"]),
    (stack.likelyUniqueId, (), {}, "/likelyUniqueId", {}, b"5f00", "5f00"),
    (
        tilespec.get_tile_spec_renderparameters,
        ("S", "t/1#?%"),
        {},
        f"{S}/tile/t%2F1%23%3F%25/render-parameters",
        {},
        PARAMETERS,
        PARAMETERS,
    ),
    (
        image.get_bb_renderparams,
        ("S", 3, 1, 2, 30, 40),
        {},
        f"{S}/z/3/box/1,2,30,40,1.000000/render-parameters",
        {},
        {},
        {},
    ),
    (
        image.get_bb_renderparams,
        ("S", 3.5, 1.9, 2, 30, 40, 0.5, "DAPI"),
        {
            "minIntensity": 1,
            "maxIntensity": 2,
            "binaryMask": True,
            "filter": False,
            "filterListName": "F",
            "convertToGray": True,
            "excludeMask": False,
        },
        f"{S}/z/3.5/box/1,2,30,40,0.500000/render-parameters",
        {
            "minIntensity": "1",
            "maxIntensity": "2",
            "binaryMask": "True",
            "filter": "False",
            "filterListName": "F",
            "convertToGray": "True",
            "excludeMask": "False",
            "channels": "DAPI",
        },
        PARAMETERS,
        PARAMETERS,
    ),
    (image.get_tile_renderparams, ("S", "t"), {}, f"{S}/tile/t/render-parameters", {}, {}, {}),
    (
        image.get_tile_renderparams,
        ("S", "t"),
        {
            "channel": "A",
            "normalizeForMatching": True,
            "excludeAllTransforms": False,
            "excludeTransformsAfterLast": "lens",
            "excludeFirstTransformAndAllAfter": "x",
            "scale": 0.5,
            "width": 10,
            "height": 12,
        },
        f"{S}/tile/t/render-parameters",
        {
            "channels": "A",
            "normalizeForMatching": "True",
            "excludeAllTransforms": "False",
            "excludeTransformsAfterLast": "lens",
            "excludeFirstTransformAndAllAfter": "x",
            "scale": "0.5",
            "width": "10",
            "height": "12",
        },
        {},
        {},
    ),
    (
        image.get_section_renderparams,
        ("S", 3.5),
        {"scale": 0.1, "channel": "A"},
        f"{S}/z/3.5/render-parameters",
        {"scale": "0.1", "channels": "A"},
        {},
        {},
    ),
    (
        coordinate.world_to_local_coordinates,
        ("S", 3, 1.5, 2),
        {},
        f"{S}/z/3/world-to-local-coordinates/1.500000,2.000000",
        {},
        [],
        [],
    ),
    (
        coordinate.world_to_local_coordinates,
        ("S", 3.25, 1.5, 2),
        {},
        f"{S}/z/3.25/world-to-local-coordinates/1.500000,2.000000",
        {},
        [],
        [],
    ),
    (
        coordinate.local_to_world_coordinates,
        ("S", "t", 1, 2),
        {},
        f"{S}/tile/t/local-to-world-coordinates/1.000000,2.000000",
        {},
        {},
        {},
    ),
    (pointmatch.get_matchcollection_owners, (), {}, "/matchCollectionOwners", {}, ["a"], ["a"]),
    (pointmatch.get_matchcollections, (), {}, "/owner/O/matchCollections", {}, [], []),
    (pointmatch.get_match_groupIds, ("C",), {}, f"{M}/groupIds", {}, ["1"], ["1"]),
    (
        pointmatch.get_matches_outside_group,
        ("C", "g"),
        {},
        f"{M}/group/g/matchesOutsideGroup",
        {},
        [],
        [],
    ),
    (
        pointmatch.get_matches_within_group,
        ("C", "g"),
        {},
        f"{M}/group/g/matchesWithinGroup",
        {},
        [],
        [],
    ),
    (
        pointmatch.get_matches_within_group,
        ("C", "g", ["D", "E"]),
        {},
        f"{M}/group/g/matchesWithinGroup",
        [("mergeCollection", "D"), ("mergeCollection", "E")],
        [],
        [],
    ),
    (
        pointmatch.get_matches_from_group_to_group,
        ("C", "g", "h"),
        {},
        f"{M}/group/g/matchesWith/h",
        {},
        [],
        [],
    ),
    (
        pointmatch.get_matches_from_tile_to_tile,
        ("C", "g", "a", "h", "b"),
        {},
        f"{M}/group/g/id/a/matchesWith/h/id/b",
        {},
        [],
        [],
    ),
    (pointmatch.get_matches_with_group, ("C", "g"), {}, f"{M}/pGroup/g/matches/", {}, [], []),
    (pointmatch.get_match_groupIds_from_only, ("C",), {}, f"{M}/pGroupIds", {}, [], []),
    (pointmatch.get_match_groupIds_to_only, ("C",), {}, f"{M}/qGroupIds", {}, [], []),
    (pointmatch.get_matches_involving_tile, ("C", "g", "a"), {}, f"{M}/group/g/id/a/", {}, [], []),
    (pointmatch.get_collection_metadata, ("C",), {}, f"{M}/metadata", {}, {"k": 1}, {"k": 1}),
]


@pytest.mark.parametrize(("call", "args", "keywords", "path", "query", "answer", "result"), GETS)
def test_get(wire, call, args, keywords, path, query, answer, result):
    wire.answers = [(200, answer)]
    assert call(*args, render=wire.render, **keywords) == result
    (asked,) = wire.asked
    assert (asked.method, asked.path) == ("GET", path)
    assert sorted(asked.query) == sorted(query.items() if isinstance(query, dict) else query)


TILE_READS = [
    (tilespec.get_tile_spec, ("S", "t"), "tile/t/render-parameters", PARAMETERS),
    (tilespec.get_tile_spec_raw, ("S", "t"), "tile/t/", TILE),
    (tilespec.get_tile_specs_from_z, ("S", 3.7), "z/3.700000/tile-specs", [TILE]),
    (
        tilespec.get_tile_specs_from_box,
        ("S", 3, 1, 2, 30.9, 40),
        "z/3/box/1,2,30,40,1.00/render-parameters",
        PARAMETERS,
    ),
    (
        tilespec.get_tile_specs_from_box,
        ("S", 3.5, 1, 2, 30, 40, 0.123),
        "z/3.5/box/1,2,30,40,0.123/render-parameters",
        PARAMETERS,
    ),
    (
        tilespec.get_tile_specs_from_minmax_box,
        ("S", 3, 1, 31, 2, 42, 0.5),
        "z/3/box/1,2,30,40,0.50/render-parameters",
        PARAMETERS,
    ),
    (resolvedtiles.get_resolved_tiles_from_z, ("S", 3), "z/3.000000/resolvedTiles", RESOLVED),
]


@pytest.mark.parametrize(("call", "args", "path", "answer"), TILE_READS)
def test_tiles_are_read(wire, call, args, path, answer):
    wire.answers = [(200, answer)]
    result = call(*args, render=wire.render)
    assert (wire.asked[0].method, wire.asked[0].path) == ("GET", f"{S}/{path}")
    tiles = getattr(result, "tilespecs", result)
    assert [
        tile.to_dict()["tileId"] for tile in (tiles if isinstance(tiles, list) else [tiles])
    ] == ["t"]


def test_tiles_of_a_stack_are_read_by_z(wire):
    other = {**TILE, "tileId": "u"}
    wire.answers = [(200, [1.0])]
    wire.answers += [(200, [TILE, other])]
    tiles = tilespec.get_tile_specs_from_stack("S", render=wire.render)
    assert [tile.tileId for tile in tiles] == ["t", "u"]
    assert [asked.path for asked in wire.asked] == [f"{S}/zValues/", f"{S}/z/1.000000/tile-specs"]


WRITES = [
    (
        stack.create_stack,
        ("S", 1, 2, 3.0, 4.0),
        {},
        "POST",
        S,
        {},
        {
            "cycleNumber": 1,
            "cycleStepNumber": 2,
            "stackResolutionX": 3.0,
            "stackResolutionY": 4.0,
            "stackResolutionZ": 1.0,
        },
    ),
    (stack.create_stack, ("S",), {"force_resolution": False}, "POST", S, {}, {}),
    (
        stack.set_stack_metadata,
        ("S", stack.StackVersion(versionNotes="n", createTimestamp=STAMP)),
        {},
        "POST",
        S,
        {},
        {"versionNotes": "n", "createTimestamp": STAMP},
    ),
    (
        stack.rename_stack,
        ("S", "T"),
        {"to_owner": "Q"},
        "PUT",
        f"{S}/stackId",
        {},
        {"owner": "Q", "project": "P", "stack": "T"},
    ),
    (
        stack.clone_stack,
        ("S", "T"),
        {"zs": [1, 2.5], "toProject": "R", "versionNotes": "n", "close_stack": False},
        "PUT",
        f"{S}/cloneTo/T",
        [("z", "1.0"), ("z", "2.5"), ("skipTransforms", "false"), ("toProject", "R")],
        {"versionNotes": "n"},
    ),
    (stack.set_stack_state, ("S", "COMPLETE"), {}, "PUT", f"{S}/state/COMPLETE", {}, None),
    (stack.delete_stack, ("S",), {}, "DELETE", S, {}, None),
    (stack.delete_section, ("S", 3.7), {}, "DELETE", f"{S}/z/3.7", {}, None),
    (stack.delete_tile, ("S", "a/b"), {}, "DELETE", f"{S}/tile/a%2Fb", {}, None),
    (
        coordinate.world_to_local_coordinates_batch,
        ("S", [{"world": [1, 2]}], 3.5),
        {},
        "PUT",
        f"{S}/z/3.5/world-to-local-coordinates",
        {},
        [{"world": [1, 2]}],
    ),
    (
        coordinate.local_to_world_coordinates_batch,
        ("S", [{"tileId": "t", "local": [1, 2]}], 3),
        {},
        "PUT",
        f"{S}/z/3/local-to-world-coordinates",
        {},
        [{"tileId": "t", "local": [1, 2]}],
    ),
    (
        pointmatch.import_matches,
        ("C", [{"pId": "a", "matches": {"p": np.eye(2), "q": [[1], [2]], "w": np.float32([0.5])}}]),
        {},
        "PUT",
        f"{M}/matches",
        {},
        [{"pId": "a", "matches": {"p": [[1, 0], [0, 1]], "q": [[1], [2]], "w": [0.5]}}],
    ),
    (
        pointmatch.set_collection_metadata,
        ("C", {"local_transforms": np.int64(1)}),
        {},
        "PUT",
        f"{M}/metadata",
        {},
        {"local_transforms": 1},
    ),
    (
        pointmatch.delete_point_matches_between_groups,
        ("C", "g", "h"),
        {},
        "DELETE",
        f"{M}/group/g/matchesWith/h",
        {},
        None,
    ),
    (pointmatch.delete_collection, ("C",), {}, "DELETE", M, {}, None),
]


@pytest.mark.parametrize(("call", "args", "keywords", "method", "path", "query", "body"), WRITES)
def test_write(wire, call, args, keywords, method, path, query, body):
    wire.answers = [(201 if method != "DELETE" else 200, [])]
    call(*args, render=wire.render, **keywords)
    (asked,) = wire.asked
    assert (asked.method, asked.path) == (method, path)
    assert asked.query == list(query.items() if isinstance(query, dict) else query)
    if isinstance(asked.body, dict) and "createTimestamp" not in (body or {}):
        asked.body.pop("createTimestamp", None)
    assert asked.body == body
    if method != "DELETE":
        assert asked.headers["content-type"] == "application/json"


def test_put_tilespecs_sends_tiles_and_transforms_by_id(wire):
    tile = TileSpec(tileId="t", z=1.5, width=4, height=3, imageUrl="file:///a", sectionId="s")
    wire.answers = [(201, b"")]
    resolvedtiles.put_tilespecs(
        "S", tilespecs=[tile], shared_transforms=[AffineModel(transformId="a")], render=wire.render
    )
    asked = wire.asked[0]
    assert (asked.method, asked.path) == ("PUT", f"{S}/resolvedTiles")
    assert asked.query == [("deriveData", "true")]
    assert asked.body["tileIdToSpecMap"] == {"t": tile.to_dict()}
    assert asked.body["transformIdToSpecMap"]["a"]["id"] == "a"


def test_put_tilespecs_sends_stored_boxes_when_nothing_is_derived(wire):
    boxed = TileSpec(json={**TILE, "minX": 1, "minY": 2, "maxX": 3, "maxY": 4, "meshCellSize": 32})
    wire.answers = [(201, b"")] * 2
    for derive in (False, True):
        resolvedtiles.put_tilespecs(
            "S", resolvedtiles.ResolvedTiles([boxed]), derive, render=wire.render
        )
    without, derived = (asked.body["tileIdToSpecMap"]["t"] for asked in wire.asked)
    assert [without[key] for key in ("minX", "minY", "maxX", "maxY", "meshCellSize")] == [
        1,
        2,
        3,
        4,
        32,
    ]
    assert "minX" not in derived
    assert derived["meshCellSize"] == 32


def test_clone_closes_the_copy_through_the_same_connection(wire):
    wire.answers = [(201, b""), (201, b"")]
    response = stack.clone_stack("S", "T", toProject="R", render=wire.render)
    assert [asked.path for asked in wire.asked] == [
        f"{S}/cloneTo/T",
        "/owner/O/project/R/stack/T/state/COMPLETE",
    ]
    assert response.url.endswith("toProject=R")
    assert len(wire.connections) == 1


def test_all_calls_of_a_connection_share_one_tcp_connection(wire):
    render_object = wire.render
    wire.answers = [(200, [])] * 5
    for _ in range(5):
        render.get_owners(render=render_object)
    assert len(wire.connections) == 1
