"""What a match review decided holds, also when tiles were matched again."""

import json

import pytest
from layered_stacks import run
from match_collections import match, stored

import renderapi
from renderapi.pointmatch import import_matches, set_collection_metadata
from renderapps.module import ParameterError
from renderapps.pointmatch.apply_match_edits import REJECTED, ApplyMatchEdits

A, B, C, D = ("1", "a"), ("1", "b"), ("1", "c"), ("2", "d")
MATCHED = [
    match(A, B, (1, 2, 3, 4, 1), (5, 6, 7, 8, 1)),
    match(A, C, (1, 1, 2, 2, 1)),
    match(B, D, (9, 9, 8, 8, 0.5)),
]
# one point of the first pair is rejected and one added; the second is rejected, another pair added
EDITS = [
    match(A, B, (1, 2, 3, 4, 1), (5, 6, 7, 8, 0), (10, 11, 12, 13, 1)),
    match(A, C, (1, 1, 2, 2, 0)),
    match(C, D, (4, 5, 6, 7, 1)),
]
REVIEWED = [
    match(A, B, (1, 2, 3, 4, 1), (10, 11, 12, 13, 1)),
    match(B, D, (9, 9, 8, 8, 0.5)),
    match(C, D, (4, 5, 6, 7, 1)),
]


@pytest.fixture
def review(render):
    import_matches("m", MATCHED, render=render)
    import_matches("m_edits", EDITS, render=render)


def go(render, **options):
    given = {"input_collection": "m", "output_collection": "out"} | options
    return run(ApplyMatchEdits, render, **given)


def test_edited_pairs_are_as_the_review_left_them_and_all_others_as_matched(render, review):
    status, report = go(render)
    assert status == 0
    assert stored(render, "out") == REVIEWED
    ids = {"pGroupId": "1", "pId": "a", "qGroupId": "1", "qId": "c"}
    assert report["dropped_pairs"] == [ids | {"reason": REJECTED}]
    keys = ("pairs_written", "edited_pairs", "added_pairs", "rejected_points")
    assert [report[key] for key in keys] == [3, 3, 1, 2]
    assert (stored(render, "m"), stored(render, "m_edits")) == (MATCHED, EDITS)


def test_the_review_holds_when_tiles_were_matched_again(render, review):
    again = [match(A, B, (50, 50, 60, 60, 1)), match(A, C, (7, 7, 7, 7, 1)), MATCHED[2]]
    import_matches("m", again, render=render)
    assert go(render)[0] == 0
    assert stored(render, "out") == REVIEWED
    assert go(render)[0] == 0
    assert stored(render, "out") == REVIEWED


def test_points_in_other_coordinates_are_refused(render, review, capsys):
    for name, transforms in (("m", 0), ("m_edits", 1)):
        set_collection_metadata(name, {"local_transforms": transforms}, render=render)
    assert go(render)[0] == 1
    assert "holds points after 1 transforms" in capsys.readouterr().err
    with pytest.raises(renderapi.errors.NotFoundError):
        stored(render, "out")


def test_a_review_that_is_not_there_and_parameters_that_lack(render, capsys):
    import_matches("m", MATCHED, render=render)
    assert go(render)[0] == 1
    assert "m_edits" in capsys.readouterr().err
    with pytest.raises(ParameterError, match="output_collection"):
        ApplyMatchEdits(input_data={"render": {}, "input_collection": "m"}, args=[])


def test_from_the_command_line(render, review, tmp_path):
    given, report = tmp_path / "in.json", tmp_path / "out.json"
    group = {"host": render.DEFAULT_HOST, "port": render.DEFAULT_PORT}
    group |= {"owner": render.DEFAULT_OWNER, "project": render.DEFAULT_PROJECT}
    given.write_text(json.dumps({"render": {k: v for k, v in group.items() if v is not None}}))
    flags = ["--input_json", str(given), "--output_json", str(report), "--quiet"]
    flags += ["--input_collection", "m", "--output_collection", "cl", "--pool_size", "1"]
    assert ApplyMatchEdits.exit_status(flags) == 0
    assert stored(render, "cl") == REVIEWED
    assert json.loads(report.read_text())["edited_pairs"] == 3
