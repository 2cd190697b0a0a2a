"""Annotation files of all generations."""

import json

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapps.TrakEM2.AnnotationJsonSchema import AnnotationFile as FileSchema
from renderapps.TrakEM2.annotations import (
    AnnotationFile,
    Area,
    AreaList,
    parse_annotations,
    read_annotations,
    write_annotations,
)

SQUARE = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]
INNER = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]


def lists(*areas, **more):
    return {"area_lists": [{"oid": "44", "id": 0, "areas": list(areas), **more}]}


def only(document):
    return parse_annotations(document).area_lists[0].areas


def test_newest_generation_is_written_and_read_equal(tmp_path):
    area = {"tileIds": list("aabba"), "local_path": SQUARE, "global_path": SQUARE, "z": 3.5}
    document = lists(area, {**area, "hole": True}, {"frame_path": INNER})
    path = tmp_path / "a.json"
    write_annotations(path, parse_annotations(document))
    assert json.loads(path.read_bytes()) == document
    assert json.loads(path.read_bytes()) == read_annotations(path).to_dict()


def test_middle_generation_has_one_tile_for_all_points():
    (area,) = only(lists({"tileId": "t", "local_path": SQUARE}))
    assert area.tileIds == ["t"] * 5
    np.testing.assert_array_equal(area.local_path, SQUARE)


def test_oldest_generation_whole_path_on_one_tile():
    whole = {"tileId": "t", "z": 7, "path": SQUARE}
    frame = [[x + 100, y, 3] for x, y in SQUARE]
    path = {"z": 3, "orig_path": frame, "tile_paths": [{"tileId": "s", "path": SQUARE[:2]}, whole]}
    (area,) = only({"area_lists": [{"oid": 9, "fill": "x", "areas": [{"paths": [path]}]}]})
    assert (area.tileIds, area.z) == (["t"] * 5, 7.0)
    np.testing.assert_array_equal(area.frame_path, np.add(SQUARE, [100, 0]))


def test_oldest_generation_pieces_follow_each_other():
    pieces = [{"tileId": "s", "path": SQUARE[:2]}, {"tileId": "t", "path": SQUARE[2:]}]
    frame = [[x, y, 3] for x, y in SQUARE] + [[1, 1, 3]]
    path = {"z": 3, "orig_path": frame, "tile_paths": pieces}
    (area,) = only({"area_lists": [{"areas": [{"paths": [path]}]}]})
    assert area.tileIds == ["s", "s", "t", "t", "t"]
    np.testing.assert_array_equal(area.local_path, SQUARE)


def test_oldest_generation_without_id_is_numbered():
    file = parse_annotations({"area_lists": [{"oid": "5", "areas": []}, {"areas": []}]})
    assert [(areas.oid, areas.id) for areas in file.area_lists] == [("5", 0), ("1", 1)]


def test_holes_are_taken_out_whatever_their_order():
    ring, hole = np.array(SQUARE, float), np.array(INNER, float)
    areas = [Area(global_path=hole, z=1, hole=True), Area(global_path=ring, z=1)]
    shape = AreaList("1", 0, [*areas, Area(global_path=ring, z=2)]).shape_at(1)
    assert shape.area == 100 - 4


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "object with a list area_lists"),
        ({"area_lists": [3]}, "object 0"),
        (lists({"local_path": [[1, 2], [3]]}), r"object 0 \(oid 44\), area 0: local_path"),
        (lists({"local_path": [[1, float("nan")]]}), "area 0: local_path"),
        (lists({"tileIds": ["a"], "local_path": SQUARE}), "1 tileIds for 5 points"),
        (lists({"z": "7"}), "area 0: z must be a number"),
        (lists(id="x"), "id must be a whole number"),
    ],
)
def test_wrong_files_are_refused_with_the_place(document, message):
    with pytest.raises(SpecError, match=message):
        parse_annotations(document)


def test_what_is_not_json_names_the_file(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{")
    with pytest.raises(SpecError, match=r"a\.json is not JSON"):
        read_annotations(path)


def test_documented_schemas_make_arrays_and_lists():
    document = lists({"tileIds": ["a"], "local_path": [[1.0, 2.0]], "z": 3.0})
    loaded = FileSchema().load(document)
    (area,) = loaded["area_lists"][0]["areas"]
    np.testing.assert_array_equal(area["local_path"], [[1, 2]])
    assert FileSchema().dump(loaded) == document
    assert FileSchema().validate({"area_lists": [{"areas": []}]})
    assert FileSchema().dump({"area_lists": [{"id": 1, "areas": [{"local_path": None}]}]}) == {
        "area_lists": [{"id": 1, "areas": [{"local_path": None}]}]
    }


def test_empty_file(tmp_path):
    write_annotations(tmp_path / "e.json", AnnotationFile())
    assert read_annotations(tmp_path / "e.json") == AnnotationFile()
