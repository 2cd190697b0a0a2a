"""Tables of positions: separators, columns, and one clear line for each way to be wrong."""

import json

import pytest

from renderapps.dataimport.position_table import read_position_table
from renderapps.module.errors import RenderModuleException


def written(tmp_path, text, name="positions.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("separator", [",", "\t", ";", "  "])
def test_the_separator_is_found_in_the_header(tmp_path, separator):
    rows = [["file", "x", "y"], ["a.tif", "1.5", "-2"], ["b.tif", "1e2", "0"]]
    path = written(tmp_path, "\n".join(separator.join(row) for row in rows))
    images = read_position_table(path, tmp_path / "tiles")
    assert [(i.file, i.x, i.y) for i in images] == [
        (tmp_path / "tiles/a.tif", 1.5, -2.0),
        (tmp_path / "tiles/b.tif", 100.0, 0.0),
    ]


def test_blank_lines_comments_a_byte_order_mark_and_quotes_are_understood(tmp_path):
    path = written(tmp_path, '\ufefffile,x,y\n\n# remark\n"a, b.tif",1,2\n')
    (image,) = read_position_table(path, tmp_path)
    assert image.file.name == "a, b.tif"
    assert image.source == f"{path}, line 4"


def test_columns_of_known_names_are_used_and_others_are_named(tmp_path):
    path = written(
        tmp_path,
        "Filename,stage_x,stage_y,section,channel,row,column,z,cutting\n"
        "a.tif,1,2,0007,DAPI,3,4.0,12.5,A\nb.tif,1,2,,,,,,B\n",
    )
    columns = {"file": "Filename", "x": "stage_x", "y": "stage_y", "section": "cutting"}
    full, empty = read_position_table(path, tmp_path, columns)
    assert (full.section, full.channel, full.row, full.column, full.z) == ("A", "DAPI", 3, 4, 12.5)
    assert (empty.section, empty.channel, empty.row, empty.z) == ("B", None, None, None)


def test_an_absolute_file_name_stays_absolute(tmp_path):
    path = written(tmp_path, "file,x,y\n/data/a.tif,0,0\n")
    assert str(read_position_table(path, tmp_path)[0].file) == "/data/a.tif"


def test_json_is_a_list_of_objects(tmp_path):
    rows = [{"file": "a.tif", "x": 1, "y": 2.5, "section": 3, "tile_id": "t"}]
    path = written(tmp_path, json.dumps(rows), "positions.json")
    (image,) = read_position_table(path, tmp_path)
    assert (image.x, image.y, image.section, image.tile_id) == (1.0, 2.5, "3", "t")
    assert image.source == f"{path}, entry 1"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "file,x,y\na.tif,1,2\nb.tif,one,2\n", "line 3: x is 'one', not a number"),
        ("p.csv", "file,x,y\na.tif,1,nan\n", "line 2: y is 'nan', not a number"),
        ("p.csv", "file,x,y\na.tif,1\n", "line 2: 2 values where the header has 3"),
        ("p.csv", "file,x,y\n,1,2\n", "line 2: the file name is empty"),
        ("p.csv", "file,x,y,row\na,1,2,1.5\n", "line 2: row is '1.5', not a whole number"),
        ("p.csv", "name,x,y\na.tif,1,2\n", "no column for file; name them in columns, .*name, x"),
        ("p.csv", "file,x,y\n", "has no rows"),
        ("p.csv", "", "has no rows"),
        ("p.json", "{", "is not JSON"),
        ("p.json", "{}", "must be a JSON list of objects"),
        ("p.json", '[{"file": "a", "x": 1, "y": 2}, 3]', "entry 2: not an object"),
        ("p.json", '[{"file": "a", "x": true, "y": 2}]', "entry 1: x is True, not a number"),
        ("p.json", '[{"file": "a", "x": null, "y": 2}]', "entry 1: x is None, not a number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_its_place(tmp_path, name, text, message):
    path = written(tmp_path, text, name)
    with pytest.raises(RenderModuleException, match=message) as raised:
        read_position_table(path, tmp_path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_named_column_that_is_not_there_is_refused(tmp_path):
    path = written(tmp_path, "file,x,y\na.tif,1,2\n")
    with pytest.raises(RenderModuleException, match=r"no column 'slice' \(for section\)"):
        read_position_table(path, tmp_path, {"section": "slice"})


def test_a_table_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(RenderModuleException, match="No such file"):
        read_position_table(tmp_path / "none.csv", tmp_path)
    (tmp_path / "image.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(RenderModuleException, match="not UTF-8 text"):
        read_position_table(tmp_path / "image.csv", tmp_path)
