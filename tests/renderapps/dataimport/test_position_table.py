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
    (tmp_path / "image.csv").write_bytes(b"II*\0\x08\0\0\0\x81")
    with pytest.raises(RenderModuleException, match="it is not text"):
        read_position_table(tmp_path / "image.csv", tmp_path)


def places(images):
    return [(image.file.name, image.x, image.y) for image in images]


TWO = [("a.tif", 1.5, -2.0), ("b.tif", 10.0, 0.25)]


@pytest.mark.parametrize(
    "text",
    [
        "file;x;y\na.tif;1,5;-2\nb.tif;10;0,25\n",
        "file\tx\ty\na.tif\t1,5\t-2,0\nb.tif\t1,0E+01\t0,25\n",
        'file,x,y\na.tif,"1,5","-2"\nb.tif,"10","0,25"\n',
        "file|x|y\na.tif|1.5|-2\nb.tif|10|.25\n",
        "sep=;\nfile;x;y\na.tif;1.5;-2\nb.tif;10;0.25\n",
        "file,x,y,\na.tif,1.5,-2,\nb.tif,10,0.25,\n",
        "file,x,y\na.tif,1.5,-2,\nb.tif,10,0.25,,\n",
        ",file,x,y\n0,a.tif,1.5,-2\n1,b.tif,10,0.25\n",
        "File,X,Y\na.tif,1.5,-2\nb.tif,10,0.25\n",
        "Filename;X (px);Y [pixels]\na.tif;1.5;-2\nb.tif;10;0.25\n",
        "file;x (stage, px);y (stage, px)\na.tif;1.5;-2\nb.tif;10;0.25\n",
        "file;x (stage, px);y (stage, px)\na.tif;1,5;-2,0\nb.tif;10,0;0,25\n",
        "file,x,y\r\na.tif,1.5,\u22122\r\nb.tif,10,0.25\r\n\x1a",
        "file,x,y\ra.tif,1.5,-2\rb.tif,10,0.25\r",
    ],
)
def test_tables_as_spreadsheets_and_microscopes_write_them(tmp_path, text):
    path = tmp_path / "p.csv"
    path.write_bytes(text.encode())
    assert places(read_position_table(path, tmp_path)) == TWO


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_encodings_are_told_apart(tmp_path, encoding):
    path = tmp_path / "p.csv"
    path.write_bytes("file,x,y\nPräparat 1.tif,1.5,2\n".encode(encoding))
    assert places(read_position_table(path, tmp_path)) == [("Präparat 1.tif", 1.5, 2.0)]


def test_a_column_that_is_named_may_hold_separators(tmp_path):
    path = written(tmp_path, "name;x (stage, um);y (stage, um)\na.tif;1,5;2,5\n")
    columns = {"file": "name", "x": "x (stage, um)", "y": "y (stage, um)"}
    assert places(read_position_table(path, tmp_path, columns)) == [("a.tif", 1.5, 2.5)]
    with pytest.raises(RenderModuleException, match=r"no column for file, x, y; .*x \(stage, um\)"):
        read_position_table(path, tmp_path)


def test_the_position_file_of_mist_is_a_table(tmp_path):
    path = written(
        tmp_path,
        "file: t 01.tif; corr: -1.0000000000; position: (18, 0); grid: (0, 0);\n"
        "file: t 06.tif; corr: 0.1001881698; position: (248, -3); grid: (1, 2);\n",
        "img-global-positions-0.txt",
    )
    images = read_position_table(path, tmp_path)
    assert places(images) == [("t 01.tif", 18.0, 0.0), ("t 06.tif", 248.0, -3.0)]
    assert [(image.row, image.column) for image in images] == [(0, 0), (2, 1)]
    bad = written(tmp_path, path.read_text() + "file: t.tif; corr: 1; position: (x, 0);\n")
    with pytest.raises(RenderModuleException, match=r"line 3: expected 'file: .*as MIST writes it"):
        read_position_table(bad, tmp_path)


def test_backslashes_and_paths_of_the_microscope(tmp_path):
    (tmp_path / "s1" / "t").mkdir(parents=True)
    (tmp_path / "s1" / "t" / "a.tif").write_bytes(b"")
    names = ["s1\\t\\a.tif", "D:\\scan 7\\s1\\t\\a.tif", "D:/scan/s1/t/a.tif", "\\\\pc\\d\\b.tif"]
    path = written(tmp_path, "file,x,y\n" + "".join(f"{name},0,0\n" for name in names))
    found = [
        image.file.relative_to(tmp_path).as_posix() for image in read_position_table(path, tmp_path)
    ]
    assert found == ["s1/t/a.tif", "s1/t/a.tif", "s1/t/a.tif", "b.tif"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,x,y,x,y\na.tif,1,2,3,4\n", r"columns 2 and 4 are both called 'x'.*say in columns"),
        ("file,x,y,X\na.tif,1,2,3\n", "columns 'x' and 'X' may both be x"),
        ("file,x,y\na.tif,1_0,2\n", "line 2: x is '1_0', not a number; digits are not grouped"),
        ("file,x,y\na.tif,\u0661,2\n", "not a number"),
        ("file;x;y\na.tif;1,234;2,500\n", "'1,234' may be 1.234 or 1234"),
        ("file;x;y\na.tif;1,234.5;2\n", "'1,234.5', not a number; write numbers with a decimal"),
        ("file,x,y\na.tif,1,5,2,5\n", "5 values where the header has 3; decimal commas need"),
        ("a.tif,1,2\nb.tif,3,4\n", "no column for file.*is a text_list"),
        ("<?xml version='1.0'?>\n<TeraStitcher2/>\n", "no table of positions but XML"),
        ("[ZValue = 0]\nPieceCoordinates = 0 0 0\n", "a SerialEM .mdoc file"),
    ],
)
def test_what_may_mean_two_things_is_refused_with_what_to_give(tmp_path, text, message):
    with pytest.raises(RenderModuleException, match=message) as raised:
        read_position_table(written(tmp_path, text), tmp_path)
    assert "\n" not in str(raised.value)


def test_a_name_that_is_there_twice_in_json_is_refused(tmp_path):
    path = written(tmp_path, '[{"file": "a.tif", "x": 1, "y": 2, "x": 3}]', "p.json")
    with pytest.raises(RenderModuleException, match="an object has a name twice: file, x, y, x"):
        read_position_table(path, tmp_path)


def test_repeated_columns_that_are_not_read_do_no_harm(tmp_path):
    path = written(tmp_path, "file,x,y,note,note\na.tif,1,2,u,v\n")
    assert places(read_position_table(path, tmp_path)) == [("a.tif", 1.0, 2.0)]


def test_a_tile_configuration_is_taken_for_what_it_is(tmp_path):
    path = written(tmp_path, "# Define\ndim = 2\na.tif; ; (1.0, 2.0)\n", "TileConfiguration.txt")
    assert places(read_position_table(path, tmp_path)) == [("a.tif", 1.0, 2.0)]
