"""Tiles of two stacks that are the same, by every rule, and those that are not."""

import pytest
from marshmallow import ValidationError

from renderapps.module import RenderModuleException
from renderapps.module.correspondence import (
    CorrespondenceParameters,
    Rule,
    correspond,
    frame_of,
    id_offset,
)


def tile(name, file=None, row=None, column=None, **more):
    layout = {"imageRow": row, "imageCol": column} if row is not None else {}
    levels = {"0": {"imageUrl": f"file:///data/{file}"}} if file else {}
    return {"tileId": name, "layout": layout, "mipmapLevels": levels} | more


def partners(tiles, others, **rule):
    found = correspond(tiles, others, Rule(**rule))
    return {name: other["tileId"] for name, other in found.partners.items()}


HERE = [tile("a", "S_F0001_Z3.tif", 0, 0), tile("b", "S_F0002_Z3.tif", 0, 1), tile("e")]
THERE = [tile("b", "T_F0001_Z3.tif", 0, 1), tile("c", "T_F0009_Z3.tif", 5, 5)]


def test_each_rule_finds_its_partners():
    assert partners(HERE, THERE, by="tileId") == {"b": "b"}
    assert partners(HERE, THERE, by="frame") == {"a": "b"}
    assert partners(HERE, THERE, by="row_column") == {"b": "b"}
    assert partners(HERE, THERE, by="file_name", file_pattern=r"F(\d+)_(Z\d)") == {"a": "b"}
    assert partners(HERE, THERE, by="file_name", file_pattern=r"^(.)_") == {}
    assert partners(HERE, THERE, by="auto") == {"a": "b"}


def test_tiles_without_a_partner_are_named_on_both_sides():
    found = correspond(HERE, THERE, Rule("frame"))
    assert found.missing == {
        "b": "the other stack has no tile with frame 2",
        "e": "it has no frame",
    }
    assert found.unused == {"c": "the other stack has no tile with frame 9"}
    assert found.by == "frame"


def test_two_tiles_of_one_frame_are_no_guess():
    twice = [tile("x", frameId="7"), tile("y", frameId="7")]
    one = [tile("z", frameId="7")]
    found = correspond(twice, one, Rule("frame"))
    assert found.partners == {}
    assert set(found.missing) == {"x", "y"} and set(found.unused) == {"z"}
    assert all("tiles x and y of its stack both" in reason for reason in found.missing.values())
    assert "of the other stack both have frame 7" in found.unused["z"]


def test_numbers_differ_by_one_offset_even_where_another_tile_is_nearer():
    channel = [tile(str(n)) for n in (106, 116, 126)]
    reference = [tile(str(n)) for n in (100, 110, 120)]
    expected = {"106": "100", "116": "110", "126": "120"}
    assert partners(channel, reference, by="numeric_id") == expected
    assert partners(reference, channel, by="auto") == {v: k for k, v in expected.items()}
    assert id_offset(channel, reference[:1], 7) == -6
    # by a smaller tolerance only 106 -> 110 and 116 -> 120 are near enough
    assert partners(channel, reference, by="numeric_id", tolerance=5) == {
        "106": "110",
        "116": "120",
    }
    with pytest.raises(RenderModuleException, match="offsets -6, 4 alike"):
        correspond([tile("106")], reference, Rule("numeric_id"))
    assert partners([tile("106")], reference, by="numeric_id", offset=-6) == {"106": "100"}
    assert partners([tile("x1")], reference, by="numeric_id") == {}


def test_where_frames_are_read_from():
    assert frame_of(tile("t", "s_S0001_F0012_Z01.tif")) == 12
    assert frame_of(tile("t", "s_A0012_Z01.tif")) == 12  # the last part but one, without its first
    assert frame_of(tile("t", "s_A0012_Z01.tif", frameId="5")) == 5
    assert frame_of(tile("t", "s_A0012_Z01.tif", frameId="x5")) == 12
    assert frame_of(tile("t", "plain.tif")) is None and frame_of(tile("t")) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"frame_pattern": "F"}, "one group"),
        ({"frame_pattern": "F(\\d)(\\d)"}, "one group"),
        ({"file_pattern": "("}, "not a regular expression"),
        ({"file_pattern": "(a)"}, "goes with match_by file_name"),
        ({"match_by": "file_name"}, "goes with match_by file_name"),
        ({"match_by": "colour"}, "Must be one of"),
    ],
)
def test_parameters_that_make_no_rule_are_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        CorrespondenceParameters().load(given)
