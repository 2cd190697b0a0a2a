"""Statetables are read exactly, and what is wrong with them is said with file and line."""

import numpy as np
import pytest
from statetable_project import rows_of, write_table

from renderapps.dataimport.statetable import read_statetable
from renderapps.dataimport.statetable_tiles import per_session
from renderapps.module import RenderModuleException


@pytest.fixture
def lines(tmp_path):
    return list(rows_of(tmp_path / "M33", np.uint8, sections=1, frames=1))


def test_one_focal_plane_is_read_with_exact_tile_ids(lines, tmp_path):
    rows = read_statetable(write_table(tmp_path / "table", lines))
    assert len(rows) == len(lines) / 2
    assert {row.zstack for row in rows} == {0}
    assert rows[0].tile_id == "104000000000000"
    assert rows[0].folders.parts == ("Ribbon0004", "session01", "DAPI_1")
    planes = read_statetable(tmp_path / "table", zstack=1)
    assert planes[0].tile_id == "100104000000000000"


def test_float_columns_and_exponents_are_whole_numbers(lines, tmp_path):
    first = lines[0] | {"section": "0.0", "tileID": "1.04E+14", "z": "400.5"}
    (row,) = read_statetable(write_table(tmp_path / "table", [first]))
    assert (row.section, row.tile_id, row.z) == (0, "104000000000000", 400.5)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"section": "1.5"}, "line 2: section is '1.5', not a whole number"),
        ({"a02": "nan"}, "line 2: a02 is 'nan', not a number"),
        ({"ch_name": " "}, "line 2: ch_name is empty"),
        ({"full_path": "a.tif"}, "line 2: full_path a.tif is not an absolute path"),
        ({"scale_x": 0}, "line 2: scale_x is 0, not positive"),
        ({"zstack": 7}, "no rows of zstack 0; it has 7"),
    ],
)
def test_bad_lines_are_named(lines, tmp_path, change, reason):
    table = write_table(tmp_path / "table", [lines[0] | change])
    with pytest.raises(RenderModuleException, match=reason):
        read_statetable(table)


def test_missing_columns_and_doubles_are_named(lines, tmp_path):
    short = {key: value for key, value in lines[0].items() if key not in ("z", "a02")}
    with pytest.raises(RenderModuleException, match="has no column z, a02"):
        read_statetable(write_table(tmp_path / "table", [short]))
    with pytest.raises(RenderModuleException, match=r"line 3: .*is also in .*line 2"):
        read_statetable(write_table(tmp_path / "table", [lines[0], lines[0] | {"tileID": 5}]))
    with pytest.raises(RenderModuleException, match="cannot read the statetable"):
        read_statetable(tmp_path / "none")


def test_the_reference_channel_is_unique_and_comes_first(lines, tmp_path):
    rows = read_statetable(write_table(tmp_path / "table", lines))
    tiles = per_session(reversed(rows), "ACQ_", "GFP")
    assert {tile.stack for tile in tiles} == {"ACQ_Session1", "ACQ_Session2"}
    assert {tile.rows[0].channel for tile in tiles} == {"GFP"}
    for wrong, reason in (("YFP", "no channel"), ("P", "several channels")):
        with pytest.raises(RenderModuleException, match=reason):
            per_session(rows, "ACQ_", wrong)


def test_tables_of_other_programs_are_read_alike(lines, tmp_path):
    """The same rows with semicolons and decimal commas, in UTF-16."""
    plain = write_table(tmp_path / "table", [lines[0] | {"z": "400.5"}])
    text = plain.read_text().replace(",", ";").replace("400.5", "400,5").replace("0.", "0,")
    text = text.replace("1.0", "1,0").replace(",tif", ".tif")
    (tmp_path / "german").write_bytes(text.encode("utf-16"))
    (expected,), (found,) = read_statetable(plain), read_statetable(tmp_path / "german")
    assert (found.z, found.affine, found.path) == (400.5, expected.affine, expected.path)
    with pytest.raises(RenderModuleException, match="'1_0', not a whole number"):
        read_statetable(write_table(tmp_path / "table", [lines[0] | {"section": "1_0"}]))
