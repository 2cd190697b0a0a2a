"""Matches of several channels pooled under the tiles of one."""

import pytest
from layered_stacks import put, run, tile
from match_collections import match, stored

import renderapi
from renderapi.pointmatch import import_matches, set_collection_metadata
from renderapps.module import ParameterError
from renderapps.pointmatch.consolidate_pointmatches_across_channels import (
    ConsolidatePointMatchesAcrossChannels,
)

D1, D2 = "1-DAPI_1", "2-DAPI_1"
A0, B0, C0 = (D1, "a0"), (D1, "b0"), (D2, "c0")


@pytest.fixture
def channels(render):
    import_matches(
        "dapi", [match(A0, B0, (1, 2, 3, 4, 1)), match(A0, C0, (9, 9, 8, 8, 0.5))], render=render
    )
    gfp = [
        match(("1-GFP", "a1"), ("1-GFP", "b1"), (10, 20, 30, 40, 0.25), (1, 2, 3, 4, 0.75)),
        match(("1-GFP", "a1"), ("2-GFP", "c1"), (5, 6, 7, 8, 1)),
    ]
    import_matches("gfp", gfp, render=render)
    # only here: a pair that the others lack, and a group of the reference's own name
    psd = [
        match(("1-PSD", "a2"), ("1-PSD", "b2"), (0, 0, 1, 1, 1)),
        match(("2-PSD", "c2"), ("2-PSD", "d2"), (2, 2, 3, 3, 1)),
    ]
    import_matches("psd", psd, render=render)
    return ["dapi", "gfp", "psd"]


EXPECTED = [
    match(A0, B0, (1, 2, 3, 4, 1), (10, 20, 30, 40, 0.25), (1, 2, 3, 4, 0.75), (0, 0, 1, 1, 1)),
    match(A0, C0, (9, 9, 8, 8, 0.5), (5, 6, 7, 8, 1)),
    match(C0, (D2, "d0"), (2, 2, 3, 3, 1)),
]


def go(render, collections, **options):
    given = {"input_collection_list": collections, "output_collection": "pooled"}
    channel = {} if "input_stacks" in options else {"reference_channel": "DAPI_1"}
    cls = ConsolidatePointMatchesAcrossChannels
    return run(cls, render, **given | channel | options)


@pytest.mark.parametrize("as_text", [False, True])
def test_the_points_of_all_channels_are_joined(render, channels, as_text):
    status, report = go(render, ", ".join(channels) if as_text else channels)
    assert status == 0
    assert stored(render, "pooled") == EXPECTED
    counts = ("pairs_read", "pairs_written", "points_read", "points_written")
    assert [report[key] for key in counts] == [6, 3, 7, 7]
    assert report["dropped_pairs"] == []
    assert go(render, channels)[0] == 0 and stored(render, "pooled") == EXPECTED
    for name in channels:  # inputs stay
        assert stored(render, name)


def test_points_can_be_thinned(render, channels):
    assert go(render, channels, distinct_points=True, max_points=2)[0] == 0
    first = stored(render, "pooled")[0]
    assert first == match(A0, B0, (1, 2, 3, 4, 1), (0, 0, 1, 1, 1))


def test_pairs_that_change_places_take_their_points_along(render):
    import_matches("dapi", [match((D1, "a"), (D2, "b"), (1, 2, 3, 4, 1))], render=render)
    # of this channel the section ids run the other way, and so do the tile ids
    other = [match(("9_1", "zz_b"), ("9_2", "y_a"), (30, 40, 10, 20, 1))]
    import_matches("gfp", other, render=render)
    patterns = {"tile_pattern": "^[yz]+_", "tile_replacement": ""}
    tiles = [tile("zz_b", 2.0, section="9_1"), tile("y_a", 1.0, section="9_2")]
    put(render, "gfp_stack", [[tiles[1]], [tiles[0]]])
    put(render, "dapi_stack", [[tile("a", 1.0, section=D1)], [tile("b", 2.0, section=D2)]])
    expected = [match((D1, "a"), (D2, "b"), (1, 2, 3, 4, 1), (10, 20, 30, 40, 1))]
    stacks = {"input_stacks": ["dapi_stack", "gfp_stack"], "match_by": "file_name"}
    status, report = go(render, ["dapi", "gfp"], **stacks, file_pattern=r"_?([ab])_0\.tif$")
    assert status == 0, report
    assert stored(render, "pooled") == expected
    # by patterns alone groups keep their names where nothing is found in them
    status, report = go(render, ["dapi", "gfp"], **patterns)
    assert status == 0 and report["pairs_written"] == 2
    assert stored(render, "pooled")[1] == match(("9_1", "b"), ("9_2", "a"), (30, 40, 10, 20, 1))


def test_tiles_without_a_partner_are_named(render, channels):
    put(render, "d", [[tile(n, 1.0, section=D1, x=50 * i) for i, n in enumerate(("a0", "b0"))]])
    lone = [tile(n, 1.0, section="1-GFP", x=50 * i) for i, n in enumerate(("a1", "b1"))]
    put(render, "g", [lone, [tile("c1", 2.0, section="2-GFP")]])
    other = [tile(n, 1.0, section="1-PSD", x=50 * i) for i, n in enumerate(("a2", "b2"))]
    put(render, "p", [other])
    options = {"match_by": "file_name", "file_pattern": r"(\w)\d_0.tif"}
    status, report = go(render, channels, input_stacks=["d", "g", "p"], **options)
    assert status == 0
    dropped = {entry["collection"]: entry for entry in report["dropped_pairs"]}
    assert len(report["dropped_pairs"]) == 2 and set(dropped) == {"gfp", "psd"}
    assert dropped["gfp"]["qId"] == "c1"
    assert "tile c1 of stack g: the other stack has no tile" in dropped["gfp"]["reason"]
    assert "stack p has no tile c2 in 2-PSD" in dropped["psd"]["reason"]
    assert report["pairs_read"] == 6
    assert stored(render, "pooled") == [EXPECTED[0], match(A0, C0, (9, 9, 8, 8, 0.5))]


def test_tiles_that_would_become_one_are_refused(render, channels, capsys):
    import_matches("gfp", [match(("1-GFP", "a1"), ("1-GFP", "b3"), (1, 1, 1, 1, 1))], render=render)
    status, _ = go(render, channels)
    assert status == 1 and "tiles b1 and b3 of collection gfp" in capsys.readouterr().err
    names = renderapi.pointmatch.get_matchcollections(render=render)
    assert "pooled" not in {entry["collectionId"]["name"] for entry in names}


def test_both_tiles_of_a_pair_that_become_one_are_told(render, channels):
    import_matches("psd", [match(("1-PSD", "a2"), ("1-PSD", "a3"), (1, 1, 1, 1, 1))], render=render)
    options = {"tile_pattern": r"\d$"}
    status, report = go(render, ["dapi", "psd"], **options)
    assert status == 0 and "both its tiles become a0" in report["dropped_pairs"][0]["reason"]


def test_coordinates_have_to_agree(render, channels, capsys):
    set_collection_metadata("gfp", {"local_transforms": 1}, render=render)
    set_collection_metadata("dapi", {"local_transforms": 0}, render=render)
    assert go(render, channels)[0] == 1
    assert "after 1 transforms of each tile, not 0" in capsys.readouterr().err


def test_bad_input(render, channels, capsys):
    assert go(render, ["dapi", "none"])[0] == 1
    assert "no match collection none" in capsys.readouterr().err
    assert go(render, channels, output_collection="gfp")[0] == 1
    base = {"render": {"host": render.DEFAULT_HOST, "owner": "t", "project": "p"}}
    base |= {"input_collection_list": channels, "output_collection": "o"}
    for wrong, message in (
        ({}, "reference_channel"),
        ({"reference_channel": "D", "input_stacks": ["a", "b", "c"]}, "not with reference_channel"),
        ({"input_stacks": ["a"]}, "are 1, input_collection_list has 3"),
        ({"reference_channel": "D", "input_collection_list": "a,a"}, "twice"),
        ({"reference_channel": "D", "input_collection_list": []}, "input_collection_list"),
        ({"reference_channel": "D", "tile_pattern": "("}, "not a regular expression"),
        ({"reference_channel": "D", "tile_replacement": "\\1"}, "tile_replacement"),
    ):
        with pytest.raises(ParameterError, match=message):
            ConsolidatePointMatchesAcrossChannels(input_data=base | wrong, args=[])
