"""Matches of one stack's tiles copied to those of another."""

import pytest
from layered_stacks import put, run, tile
from match_collections import match, stored

from renderapi.pointmatch import get_collection_metadata, import_matches, set_collection_metadata
from renderapps.module import ParameterError
from renderapps.pointmatch.copy_pointmatch_by_frame import (
    CopyPointMatchesByFrame,
    copy_point_matches_by_frame,
    find_corresponding_tile,
)

S1, S2 = "s1", "s2"


def numbered(render, stack, sections):
    """A stack of tiles with whole numbers as ids, by section."""
    layers = [
        [tile(str(n), z, 35.0 * i, section=name) for i, n in enumerate(numbers)]
        for z, (name, numbers) in enumerate(sections.items())
    ]
    put(render, stack, layers)


@pytest.fixture
def stacks(render):
    numbered(render, "dapi", {S1: (100, 110, 120), S2: (900, 910)})
    # ids of the other channel are 6 more in one section, 3 less in the other
    numbered(render, "gfp", {S1: (106, 116, 126), S2: (897, 907)})
    found = [
        match((S1, "100"), (S1, "110"), (1, 2, 3, 4, 1), (5, 6, 7, 8, 0.5)),
        match((S1, "120"), (S2, "910"), (9, 10, 11, 12, 1)),
        match((S2, "900"), (S2, "910"), (1, 1, 2, 2, 1)),
    ]
    import_matches("in", found, render=render)
    set_collection_metadata("in", {"local_transforms": 1}, render=render)


def go(render, **options):
    given = {"input_matchcollection": "in", "output_matchcollection": "out"}
    given |= {"input_stack": "dapi", "output_stack": "gfp"}
    return run(CopyPointMatchesByFrame, render, **given | options)


def test_each_end_is_translated_by_its_own_section(render, stacks):
    status, report = go(render)
    assert status == 0 and report["dropped_pairs"] == []
    assert stored(render, "out") == [
        match((S1, "106"), (S1, "116"), (1, 2, 3, 4, 1), (5, 6, 7, 8, 0.5)),
        match((S1, "126"), (S2, "907"), (9, 10, 11, 12, 1)),
        # "897" < "907" as "900" < "910"
        match((S2, "897"), (S2, "907"), (1, 1, 2, 2, 1)),
    ]
    assert get_collection_metadata("out", render=render) == {"local_transforms": 1}
    assert report["pairs_read"] == report["pairs_written"] == 3


def test_ids_that_change_their_order_take_their_points_along(render):
    numbered(render, "dapi", {S1: (95, 97)})
    numbered(render, "gfp", {S1: (98, 100)})
    import_matches("in", [match((S1, "95"), (S1, "97"), (1, 2, 3, 4, 1))], render=render)
    assert go(render)[0] == 0
    assert stored(render, "out") == [match((S1, "100"), (S1, "98"), (3, 4, 1, 2, 1))]


def test_what_has_no_partner_is_dropped_and_named(render, stacks, capsys):
    numbered(render, "some", {S1: (106, 116)})
    import_matches("in", [match((S1, "100"), ("s9", "x"), (1, 1, 1, 1, 1))], render=render)
    import_matches("in", [match(("s9", "x"), ("s9", "y"), (1, 1, 1, 1, 1))], render=render)
    assert go(render, output_stack="some")[0] == 1
    assert "offsets -4, 6 alike: give id_offset" in capsys.readouterr().err
    status, report = go(render, output_stack="some", id_offset=6)
    assert status == 0 and report["pairs_written"] == 1
    reasons = {(e["pId"], e["qId"]): e["reason"] for e in report["dropped_pairs"]}
    assert set(reasons) == {("120", "910"), ("900", "910"), ("100", "x"), ("x", "y")}
    assert "tile 120 of stack dapi" in reasons["120", "910"]
    assert "tile 910 of stack dapi" in reasons["120", "910"]  # both ends are told of
    assert "stack dapi has no tile x in s9" in reasons["100", "x"]
    assert report["pairs_read"] == 5


def test_frames_and_places_in_sections_of_other_names(render):
    def stack(name, letter, section):
        tiles = [
            tile(
                f"{letter}{i}", 1.0, 35.0 * i, section=section, url=f"file:///{letter}_F{i:04d}.tif"
            )
            for i in range(3)
        ]
        for column, spec in enumerate(tiles):
            spec.layout.imageCol = 2 - column if letter == "b" else column
        put(render, name, [tiles])

    stack("one", "a", "x")
    stack("two", "b", "y")
    import_matches("in", [match(("x", "a0"), ("x", "a1"), (1, 2, 3, 4, 1))], render=render)
    given = {"input_stack": "one", "output_stack": "two"}
    assert go(render, **given)[0] == 0  # auto: ids are no numbers, so by frame
    assert stored(render, "out") == [match(("y", "b0"), ("y", "b1"), (1, 2, 3, 4, 1))]
    assert go(render, **given, match_by="row_column")[0] == 0
    assert stored(render, "out") == [match(("y", "b1"), ("y", "b2"), (3, 4, 1, 2, 1))]


def test_the_functions_do_what_the_module_does(render, stacks):
    assert find_corresponding_tile(render, S2, "900", "dapi", "gfp") == "897"
    assert find_corresponding_tile(render, S2, "100", "dapi", "gfp") is None
    go(render)
    copy_point_matches_by_frame(render, "in", "copy", "dapi", "gfp", 1)
    assert stored(render, "copy") == stored(render, "out")


def test_bad_input(render, stacks, capsys):
    for wrong, message in (
        ({"input_stack": "none"}, "no stack none"),
        ({"output_stack": "none"}, "no stack none"),
        ({"input_matchcollection": "none"}, "no match collection none"),
        ({"match_by": "tileId"}, "no pair is left"),
        ({"output_matchcollection": "in"}, "is also an input"),
    ):
        assert go(render, **wrong)[0] == 1
        assert message in capsys.readouterr().err
    base = {"render": {"host": render.DEFAULT_HOST, "owner": "t", "project": "p"}}
    with pytest.raises(ParameterError, match="input_stack"):
        CopyPointMatchesByFrame(input_data=base, args=[])
