"""Matches filtered by the outline of each end's own section."""

import json

import numpy as np
import pytest
from layered_stacks import lens, put, run, tile
from match_collections import match, stored

from renderapi.pointmatch import (
    get_collection_metadata,
    get_matchcollections,
    import_matches,
    set_collection_metadata,
)
from renderapps.pointmatch.polygon_files import polygon_name, roi_of, write_polygon
from renderapps.section_polygons import filter_pointmatches_with_coordpolygon as coordinates
from renderapps.section_polygons import filter_pointmatches_with_polygons as polygons

A, B, C = ("s1", "a"), ("s2", "b"), ("s3", "c")
BOXES = {1.0: (100, 0, 120, 30), 2.0: (0, 0, 10, 30)}
"""World outlines: a (at 100, 0 in s1) left of its x = 20, b (at 0, 0 in s2) left of x = 10."""


@pytest.fixture
def folder(render, tmp_path):
    """Three sections of a tile each, s3 without a polygon; raw matches in `raw`."""
    tiles = [
        [tile("a", 1.0, 100, 0, section="s1", lens_id=None)],
        [tile("b", 2.0, 0, 0, section="s2", lens_id=None)],
        [tile("c", 3.0, 0, 0, section="s3", lens_id=None)],
    ]
    put(render, "stack", tiles)
    rows = [
        (5, 5, 5, 5, 0.25),  # inside both
        (15, 5, 15, 5, 0.5),  # q is outside of its own section, though inside that of p
        (25, 5, 5, 5, 1),  # p is outside
        (25, 5, 25, 5, 1),  # both are
        (20, 5, 5, 5, 1),  # p is on the outline
        (5, 5, 10, 5, 1),  # q is
        (19.999, 29.999, 9.999, 0.001, 2),  # just inside both
    ]
    documents = [match(A, B, *rows), match(B, A, (5, 5, 6, 6, 1))]
    import_matches("raw", documents[:1], render=render)
    import_matches("with_c", [documents[0], match(B, C, (5, 5, 6, 6, 1))], render=render)
    import_matches("lost", [match(A, ("s2", "gone"), (5, 5, 5, 5, 1)), documents[0]], render=render)
    outside = match(A, B, (25, 5, 5, 5, 1), (5, 5, 25, 5, 1))
    import_matches("outside", [outside, match(B, C, (5, 5, 6, 6, 1))], render=render)
    for z, (left, top, right, bottom) in BOXES.items():
        ring = roi_of([(left, top), (right, top), (right, bottom), (left, bottom)])
        write_polygon(tmp_path / "polygons" / polygon_name(z), {"z": z, "roi": ring})
    return tmp_path / "polygons"


def go(render, folder, **more):
    given = {
        "stack": "stack",
        "polygon_dir": str(folder),
        "matchcollection": "raw",
        "targetmatchcollection": "kept",
    }
    return run(polygons.FilterPointMatch, render, **(given | more))


def test_each_end_is_tested_against_its_own_section(render, folder):
    status, report = go(render, folder)
    assert status == 0
    (document,) = stored(render, "kept")
    np.testing.assert_allclose(document["matches"]["p"], [[5, 19.999], [5, 29.999]])
    np.testing.assert_allclose(document["matches"]["q"], [[5, 9.999], [5, 0.001]])
    assert document["matches"]["w"] == [0.25, 2]
    counts = {
        "points_read": 7,
        "points_inside": 2,
        "only_p_outside": 2,
        "only_q_outside": 2,
        "both_outside": 1,
    }
    assert report["totals"] == counts
    assert report["filtered"] == [{"pGroupId": "s1", "qGroupId": "s2"} | counts]
    assert (report["points_read"], report["points_written"]) == (7, 2)
    assert report["local_transforms_known"] is False
    (source,) = stored(render, "raw")
    assert len(source["matches"]["w"]) == 7


def test_weights_can_be_set_to_zero_instead(render, folder):
    status, report = go(render, folder, outside="zero_weight")
    assert status == 0
    (document,) = stored(render, "kept")
    (source,) = stored(render, "raw")
    assert document["matches"]["w"] == [0.25, 0, 0, 0, 0, 0, 2]
    assert document["matches"]["p"] == source["matches"]["p"]
    assert document["matches"]["q"] == source["matches"]["q"]
    assert report["totals"]["points_inside"] == 2


def test_sections_without_a_polygon(render, folder, capsys):
    before = {c["collectionId"]["name"] for c in get_matchcollections(render=render)}
    assert go(render, folder, matchcollection="with_c")[0] == 1
    assert "has no polygon of 1 of 3 sections (z=3)" in capsys.readouterr().err
    assert {c["collectionId"]["name"] for c in get_matchcollections(render=render)} == before
    status, report = go(render, folder, matchcollection="with_c", missing_polygon="keep")
    assert status == 0
    assert report["missing_polygon_zs"] == [3.0]
    assert [m["qId"] for m in stored(render, "kept")] == ["b", "c"]
    status, report = go(render, folder, matchcollection="with_c", missing_polygon="drop")
    assert status == 0
    assert [m["qId"] for m in stored(render, "kept")] == ["b"]
    assert [e["reason"] for e in report["dropped_pairs"]] == ["section s3 (z=3) has no polygon"]
    # what is kept for want of a polygon at one end is still judged at the other
    status, _ = go(
        render, folder, matchcollection="with_c", missing_polygon="keep", outside="zero_weight"
    )
    weights = [m["matches"]["w"] for m in stored(render, "kept")]
    assert weights == [[0.25, 0, 0, 0, 0, 0, 2], [1]]


def test_pairs_without_a_point_left_and_unknown_tiles_are_named(render, folder):
    status, report = go(render, folder, matchcollection="outside", missing_polygon="keep")
    assert status == 0
    (dropped,) = report["dropped_pairs"]
    assert (dropped["pId"], dropped["qId"]) == ("a", "b")
    assert "none of 2 points is inside at both ends: 1 of p and 1 of q" in dropped["reason"]
    status, report = go(render, folder, matchcollection="lost")
    assert "has no tile gone in section s2" in report["dropped_pairs"][0]["reason"]


def test_points_behind_the_lens_are_taken_for_what_they_are(render, folder):
    put(
        render,
        "lens",
        [[tile("a", 1.0, 100, 0, section="s1")], [tile("b", 2.0, section="s2", lens_id=None)]],
        shared=[lens(M00=2.0)],
    )
    rows = match(A, B, (9, 5, 5, 5, 1), (11, 5, 5, 5, 1), (19, 5, 5, 5, 1))
    import_matches("behind", [rows], render=render)
    go(render, folder, stack="lens", matchcollection="behind")
    assert stored(render, "kept")[0]["matches"]["p"][0] == [9]  # raw: x doubles
    set_collection_metadata("behind", {"local_transforms": 1}, render=render)
    put(
        render,
        "lens",
        [[tile("a", 1.0, 100, 0, section="s1")], [tile("b", 2.0, section="s2")]],
        shared=[lens(M00=2.0)],
    )
    status, report = go(render, folder, stack="lens", matchcollection="behind")
    assert status == 0
    assert stored(render, "kept")[0]["matches"]["p"][0] == [9, 11, 19]
    assert get_collection_metadata("kept", render=render)["local_transforms"] == 1
    assert report["local_transforms_known"] is True


def rectangle(render, **more):
    given = {
        "stack": "stack",
        "matchcollection": "raw",
        "targetmatchcollection": "kept",
        "minX": 3,
        "minY": 0,
        "maxX": 120,
        "maxY": 30,
    }
    return run(coordinates.FilterPointMatch, render, **(given | more))


def test_a_rectangle_for_all_sections(render, folder):
    status, report = rectangle(render)
    assert status == 0
    (document,) = stored(render, "kept")
    assert document["matches"]["p"][0] == [5, 15, 5, 19.999]
    assert report["totals"]["only_p_outside"] == 3  # one of them on its side
    assert report["totals"]["both_outside"] == 0
    assert rectangle(render, maxX=119)[0] == 0
    assert stored(render, "kept")[0]["matches"]["p"][0] == [5, 15, 5]


def test_a_rectangle_within_polygons(render, folder):
    status, _ = rectangle(render, polygon_dir=str(folder), minX=6)
    assert status == 0
    assert stored(render, "kept")[0]["matches"]["p"][0] == [19.999]


def test_bad_input_is_told_in_one_line(render, folder, capsys):
    assert rectangle(render, maxX=3)[0] == 2
    assert "maxX: is not above minX (3)" in capsys.readouterr().err
    assert rectangle(render, matchcollection="none")[0] == 1
    assert "no match collection none" in capsys.readouterr().err
    assert rectangle(render, stack="none")[0] == 1
    assert "no stack none" in capsys.readouterr().err
    assert go(render, folder, targetmatchcollection="raw")[0] == 1
    assert go(render, folder / "none")[0] == 2
    assert go(render, folder, missing_polygon="guess")[0] == 2
    (folder / polygon_name(1)).write_text(json.dumps({"z": 1, "roi": None}))
    capsys.readouterr()
    assert go(render, folder)[0] == 1
    assert "its roi is not a Polygon" in capsys.readouterr().err
