"""Matches sent point by point: kept as sent whatever their number, with a warning."""

from __future__ import annotations

import logging

import pytest

IDS = {"pGroupId": "1.0", "pId": "a", "qGroupId": "1.0", "qId": "b"}
ROWS = {**IDS, "matches": {"p": [[1, 2, 3], [4, 5, 6]], "q": [[1, 2, 3], [4, 5, 6]], "w": [1] * 3}}


def by_point(count, **ids):
    p = [[float(n), n + 0.5] for n in range(count)]
    q = [[n + 10.25, float(-n)] for n in range(count)]
    return {**IDS, **ids, "matches": {"p": p, "q": q, "w": [1.0] * count}}


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_points_come_back_as_they_were_sent(service, count):
    document = by_point(count)
    service.must("PUT C:new/matches", [document])
    (back,) = service.must("GET C:new/pGroup/1.0/matches").json()
    assert back == {**document, "matchCount": count}
    (bare,) = service.must("GET C:new/pGroup/1.0/matches?excludeMatchDetails=true").json()
    assert bare == {**IDS, "matchCount": count}
    service.must("PUT C:new/pGroup/1.0/matchCounts", None)
    service.must("PUT C:new/matches", [back])
    assert service.must("GET C:new/pGroup/1.0/matches").json() == [back]


def test_the_answer_and_the_log_warn(service, caplog):
    with caplog.at_level(logging.WARNING, "renderws"):
        answer = service.must("PUT C:new/matches", [by_point(3, pId='é"'), ROWS])
    assert answer.headers["Warning"].startswith('299 - "1 of 2 matches are stored in new as they')
    assert "point by point" in answer.headers["Warning"]
    assert answer.headers["Warning"].count('"') == 2
    (record,) = [r for r in caplog.records if "point by point" in r.getMessage()]
    assert 'é"' in record.getMessage()


@pytest.mark.parametrize("documents", [[ROWS], [], [by_point(2)], [by_point(0)]])
def test_rows_and_what_may_be_rows_are_no_reason_to_warn(service, documents, caplog):
    with caplog.at_level(logging.WARNING, "renderws"):
        answer = service.must("PUT C:new/matches", documents)
    assert "Warning" not in answer.headers
    assert not [r for r in caplog.records if "point by point" in r.getMessage()]


def test_points_change_sides_with_their_tiles(service):
    document = by_point(3, pId="b", qId="a")
    service.must("PUT C:new/matches", [document])
    (back,) = service.must("GET C:new/pGroup/1.0/matches").json()
    assert (back["pId"], back["qId"]) == ("a", "b")
    assert back["matches"]["p"] == document["matches"]["q"]
    assert back["matches"]["q"] == document["matches"]["p"]


def test_merged_collections_join_points_of_one_form(service):
    service.must("PUT C:one/matches", [by_point(3)])
    service.must("PUT C:two/matches", [by_point(4)])
    service.must("PUT C:rows/matches", [ROWS])
    url = "GET C:one/pGroup/1.0/matches?mergeCollection="
    (joined,) = service.must(url + "two").json()
    one, two = by_point(3)["matches"], by_point(4)["matches"]
    assert joined["matches"] == {key: one[key] + two[key] for key in "pqw"}
    assert joined["matchCount"] == 7
    (counted,) = service.must(url + "rows&excludeMatchDetails=true").json()
    assert counted["matchCount"] == 6
    refused = service(url + "rows")
    assert refused.status_code == 400
    assert "'a' and 'b' cannot be merged" in refused.text


@pytest.mark.parametrize(
    ("p", "q", "w"),
    [
        ([[1, 2], [3, 4], [5, 6]], [[1, 3, 5], [2, 4, 6]], [1, 1, 1]),
        ([[1, 2], [3, 4], [5, 6]], [[1, 2], [3, 4], [5, 6]], [1, 1]),
        ([[1, 2, 3], [3, 4, 5], [5, 6, 7]], [[1, 2, 3], [3, 4, 5], [5, 6, 7]], [1, 1, 1]),
        ([[1, 2], [3]], [[1, 2], [3]], [1, 1]),
    ],
)
def test_points_that_do_not_fit_each_other_are_refused(service, p, q, w):
    answer = service("PUT C:new/matches", [{**IDS, "matches": {"p": p, "q": q, "w": w}}])
    assert answer.status_code == 400
    assert "'a' and 'b'" in answer.text


def test_residuals_refuse_them_by_name(service):
    service.must("PUT C:new/matches", [by_point(3)])
    query = {
        "matchCollectionId": {"owner": "test", "name": "new"},
        "pTileId": "a",
        "qTileId": "b",
        "localTransforms": 0,
    }
    answer = service("POST S/pairResidualCalculation", query)
    assert answer.status_code == 400
    assert "'a' and 'b' are stored in new point by point" in answer.text
    service.must("PUT C:new/matches", [ROWS])
    assert service("POST S/pairResidualCalculation", query).status_code == 200
