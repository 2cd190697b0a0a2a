"""Pairs of neighbouring tiles: what the client takes from the service and what it writes."""

import gzip
import json

import pytest

import renderapi
from renderapi.client import call_run_ws_client, tilePairClient
from renderapi.errors import ClientScriptError

CLIENT = "org.janelia.render.client.TilePairClient"


def ids(document):
    return [(pair["p"]["id"], pair["q"]["id"]) for pair in document["neighborPairs"]]


def run(render, out, *words, stack="example"):
    where = renderapi.stack.make_stack_params(render.DEFAULT_HOST, None, "test", "project", stack)
    call_run_ws_client(CLIENT, [*where, "--toJson", out, *words])
    return json.loads(out.read_bytes())


def test_the_example_has_twenty_pairs(render, example, temporary):
    document = tilePairClient("example", 3407, 3408, render=render)
    pairs = document["neighborPairs"]
    same = [pair for pair in pairs if pair["p"]["groupId"] == pair["q"]["groupId"]]
    across = [pair for pair in pairs if pair["p"]["groupId"] != pair["q"]["groupId"]]
    assert (len(same), len(across)) == (8, 12)
    assert same[:2] == [
        {
            "p": {"groupId": "3407.0", "id": "3407.0.0", "relativePosition": "TOP"},
            "q": {"groupId": "3407.0", "id": "3407.1.0", "relativePosition": "BOTTOM"},
        },
        {
            "p": {"groupId": "3407.0", "id": "3407.0.0", "relativePosition": "LEFT"},
            "q": {"groupId": "3407.0", "id": "3407.0.1", "relativePosition": "RIGHT"},
        },
    ]
    assert all(set(pair) == {"p", "q", "absoluteDeltaZ"} for pair in across)
    assert all(pair["absoluteDeltaZ"] == 1.0 for pair in across)
    ranks = {"TOP": 0, "BOTTOM": 1, "LEFT": 2, "RIGHT": 3, None: 4}
    order = [
        (p["groupId"], p["id"], ranks[p.get("relativePosition")], q["groupId"], q["id"])
        for p, q in ((pair["p"], pair["q"]) for pair in pairs)
    ]
    assert order == sorted(order)
    assert document["renderParametersUrlTemplate"] == (
        "{baseDataUrl}/owner/test/project/project/stack/example/tile/{id}/render-parameters"
    )
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("given", [False, True])
def test_many_pairs_are_in_numbered_files(render, example, tmp_path, given):
    whole = tilePairClient("example", 3407, 3408, render=render)
    document, files = tilePairClient(
        "example", 3407, 3408, outjson=str(tmp_path / "out.json") if given else None,
        maxPairsPerFile=2, return_jsonfiles=True, render=render,
    )  # fmt: skip
    assert [name.rpartition("_")[2] for name in files] == [f"p{n:03d}.json" for n in range(10)]
    assert document == whole


@pytest.mark.parametrize("most", [None, 2])
def test_a_relative_file_lies_in_the_folder_to_work_in(render, example, tmp_path, most):
    (tmp_path / "in").mkdir()
    document, files = tilePairClient(
        "example", 3407, 3408, outjson="in/rel.json", cwd=str(tmp_path), maxPairsPerFile=most,
        return_jsonfiles=True, render=render,
    )  # fmt: skip
    assert len(document["neighborPairs"]) == 20
    assert sorted(files) == sorted(map(str, (tmp_path / "in").iterdir()))
    assert len(files) == (1 if most is None else 10)


def test_exactly_as_many_pairs_as_fit_are_one_file(render, example, tmp_path):
    files = tilePairClient(
        "example", 3407, 3408, str(tmp_path / "out.json"), maxPairsPerFile=20,
        return_jsondata=False, return_jsonfiles=True, render=render,
    )  # fmt: skip
    assert files == [str(tmp_path / "out.json")]


def test_files_are_deleted_where_asked(render, example, tmp_path):
    out = tmp_path / "out.json"
    document = tilePairClient("example", 3407, 3408, str(out), delete_json=True, render=render)
    assert len(document["neighborPairs"]) == 20
    assert not out.exists()


def test_no_pairs_are_an_error_and_write_nothing(render, example, tmp_path):
    out = tmp_path / "out.json"
    with pytest.raises(ValueError, match="there are none"):
        tilePairClient(
            "example", 3407, 3407, str(out), excludeSameLayerNeighbors=True, render=render
        )
    assert not out.exists()


def test_a_z_range_without_layers_is_an_error(render, example):
    with pytest.raises(ClientScriptError, match="no layers"):
        tilePairClient("example", 1, 2, render=render)


def test_layers_beyond_the_range_are_no_neighbours(render, example):
    assert len(tilePairClient("example", 3407, 3407, render=render)["neighborPairs"]) == 4


def test_pairs_of_a_section_of_a_layer_or_at_a_position_are_left_out(render, example, tmp_path):
    out = tmp_path / "out.json"
    assert len(ids(run(render, out, "--excludeSameSectionNeighbors", "true"))) == 12
    assert len(ids(run(render, out, "--excludeSameLayerNeighbors", "TRUE"))) == 12
    left = run(render, out, "--excludeSameLayerPairsWithPosition", "LEFT")
    assert len(ids(left)) == 16
    assert len(ids(run(render, out, "--excludeCornerNeighbors", "false"))) == 28


def test_only_given_layers(render, example, tmp_path):
    out = tmp_path / "out.json"
    found = run(render, out, "--z", "3408", "--zNeighborDistance", "0")
    assert {tile[:4] for pair in ids(found) for tile in pair} == {"3408"}
    with pytest.raises(ClientScriptError, match="--z needs"):
        run(render, out, "--z", "3408")


def test_tiles_are_restricted_to_a_box(render, example):
    # touches the two upper tiles of layer 3407 and no tile of 3408, which begins at y 1011
    box = {"minx": 149, "maxx": 4900, "miny": 130, "maxy": 500}
    found = tilePairClient("example", 3407, 3408, render=render, **box)
    assert ids(found) == [("3407.0.0", "3407.0.1")]
    with pytest.raises(ClientScriptError, match="given together"):
        tilePairClient("example", 3407, 3408, minx=1, render=render)


def test_rows_and_columns_stand_for_boxes(render, example):
    found = tilePairClient(
        "example", 3407, 3408, zNeighborDistance=0, useRowColPositions=True, render=render
    )
    assert len(ids(found)) == 8


def test_rows_and_columns_must_be_there(render):
    tile = renderapi.tilespec.TileSpec(
        tileId="a", z=1, width=9, height=9, imageUrl="file:///a.tif", sectionId="1",
        tforms=[renderapi.transform.AffineModel()],
    )  # fmt: skip
    renderapi.stack.create_stack("plain", render=render)
    renderapi.resolvedtiles.put_tilespecs("plain", tilespecs=[tile], render=render)
    with pytest.raises(ClientScriptError, match=r"tile a .*imageRow"):
        tilePairClient("plain", 1, 1, zNeighborDistance=0, useRowColPositions=True, render=render)


def test_tiles_are_restricted_to_those_of_another_stack(render, example, tmp_path):
    renderapi.stack.clone_stack("example", "fewer", close_stack=False, render=render)
    renderapi.stack.delete_tile("fewer", "3407.1.1", render=render)
    out = tmp_path / "out.json"
    for name in ("fewer", "test__project__fewer"):
        found = run(render, out, "--onlyIncludeTilesFromStack", name)
        assert "3407.1.1" not in {tile for pair in ids(found) for tile in pair}
        assert len(ids(found)) == 15


def test_only_listed_tiles_are_sources(render, example, tmp_path):
    (tmp_path / "ids.json").write_text('["3407.0.0"]')
    out = tmp_path / "out.json"
    found = run(render, out, "--onlyIncludeTilesNearTileIdsJson", tmp_path / "ids.json")
    assert all("3407.0.0" in pair for pair in ids(found))
    assert len(ids(found)) == 5


def test_pairs_that_have_matches_are_left_out(render, example, tmp_path):
    def match(q, number):
        points = [[1.0] * number, [2.0] * number]
        return {
            "pGroupId": "3407.0",
            "pId": "3407.0.0",
            "qGroupId": "3407.0",
            "qId": q,
            "matches": {"p": points, "q": points, "w": [1.0] * number},
        }

    out = tmp_path / "out.json"
    words = ("--excludePairsInMatchCollection", "known")
    assert len(ids(run(render, out, *words))) == 20
    matches = [match("3407.0.1", 3), match("3407.1.0", 9)]
    renderapi.pointmatch.import_matches("known", matches, render=render)
    assert len(ids(run(render, out, *words))) == 18
    found = ids(run(render, out, *words, "--minExistingMatchCount", "5"))
    assert len(found) == 19
    assert ("3407.0.0", "3407.0.1") in found
    assert len(ids(run(render, out, *words, "--existingMatchOwner", "somebody"))) == 20


def test_the_template_may_name_another_stack(render, example):
    found = tilePairClient(
        "example", 3407, 3408, baseowner="bo", baseproject="bp", basestack="bs", render=render
    )
    assert found["renderParametersUrlTemplate"].startswith(
        "{baseDataUrl}/owner/bo/project/bp/stack/bs/tile/"
    )


def test_packed_files_are_written_and_read(render, example, tmp_path):
    out = tmp_path / "out.json.gz"
    document, files = tilePairClient(
        "example", 3407, 3408, str(out), maxPairsPerFile=8, return_jsonfiles=True, render=render
    )
    assert len(document["neighborPairs"]) == 20
    assert [name.rpartition("/")[2] for name in files] == [f"out_p00{n}.json.gz" for n in range(3)]
    assert len(json.loads(gzip.decompress((tmp_path / "out_p002.json.gz").read_bytes()))) == 2
