"""Point matches."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from renderapi import pointmatch
from renderapi.errors import NotFoundError, RequestError, SpecError

MATCHES = {"p": [[0.5, 1], [2, 3]], "q": [[4, 5], [6, 7.25]], "w": [1, 0.5]}


def match(p_group="1", p="a", q_group="2", q="b", matches=MATCHES):
    return {"pGroupId": p_group, "pId": p, "qGroupId": q_group, "qId": q, "matches": matches}


def test_a_copy_can_be_changed_independently():
    original = {**match(), "extra": 1, "matches": {**MATCHES, "kept": 2}}
    before = copy.deepcopy(original)
    (copied,) = pointmatch.copy_matches_explicit([original])
    assert copied == original
    for part in ("p", "q"):
        copied["matches"][part][0][0] = 99
    copied["matches"]["w"][0] = 99
    copied["pId"] = "changed"
    assert original == before


def test_swapping_exchanges_p_and_q():
    original = {**match(), "extra": 1}
    swapped = pointmatch.swap_matchpair(original)
    assert swapped == {
        **match("2", "b", "1", "a", {"p": MATCHES["q"], "q": MATCHES["p"], "w": MATCHES["w"]}),
        "extra": 1,
    }
    assert pointmatch.swap_matchpair(swapped) == original
    assert swapped["matches"]["q"] is not MATCHES["p"]
    shared = pointmatch.swap_matchpair(original, copy=False)
    assert shared["matches"]["q"] is MATCHES["p"]
    assert original["pId"] == "a"


@pytest.mark.parametrize(
    ("names", "query"),
    [
        (None, ""),
        ([], ""),
        (["a", "b"], "?mergeCollection=a&mergeCollection=b"),
        (("a",), "?mergeCollection=a"),
        ("ab", "?mergeCollection=ab"),
    ],
)
def test_collections_to_merge(names, query):
    assert pointmatch.add_merge_collections("http://h/m", names) == f"http://h/m{query}"


def plain(matches):
    return [{key: value for key, value in m.items() if key != "matchCount"} for m in matches]


@pytest.fixture
def stored(render):
    """Collection "c": a-b between groups 1 and 2, a-d within 1, b-e from 2 to 3."""
    matches = [match(), match("1", "a", "1", "d"), match("2", "b", "3", "e")]
    pointmatch.import_matches("c", matches, render=render)
    return matches


def test_matches_come_back_by_every_question(render, stored):
    across, within, onward = stored

    def ask(function, *args):
        return plain(function("c", *args, render=render))

    assert ask(pointmatch.get_matches_within_group, "1") == [within]
    assert ask(pointmatch.get_matches_outside_group, "2") == [across, onward]
    assert ask(pointmatch.get_matches_from_group_to_group, "2", "1") == [across]
    assert ask(pointmatch.get_matches_from_tile_to_tile, "1", "a", "2", "b") == [across]
    assert ask(pointmatch.get_matches_with_group, "1") == [within, across]
    assert ask(pointmatch.get_matches_involving_tile, "2", "b") == [across, onward]
    assert pointmatch.get_match_groupIds("c", render=render) == ["1", "2", "3"]
    assert pointmatch.get_match_groupIds_from_only("c", render=render) == ["1", "2"]
    assert pointmatch.get_match_groupIds_to_only("c", render=render) == ["1", "2", "3"]


def test_collections_are_listed_merged_and_deleted(render, stored):
    pointmatch.import_matches("d", [match()], render=render)
    merged = pointmatch.get_matches_from_tile_to_tile(
        "c", "1", "a", "2", "b", mergeCollections=["d"], render=render
    )
    assert merged[0]["matches"]["w"] == MATCHES["w"] * 2
    assert pointmatch.get_matchcollection_owners(render=render) == ["test"]
    names = [c["collectionId"]["name"] for c in pointmatch.get_matchcollections(render=render)]
    assert names == ["c", "d"]
    assert pointmatch.delete_collection("d", render=render) is None
    pointmatch.delete_point_matches_between_groups("c", "1", "2", render=render)
    assert pointmatch.get_match_groupIds("c", render=render) == ["1", "2", "3"]
    assert pointmatch.get_matches_outside_group("c", "1", render=render) == []
    with pytest.raises(NotFoundError, match="d"):
        pointmatch.get_match_groupIds("d", render=render)


def test_arrays_are_stored(render):
    rng = np.random.default_rng(1)
    p, q = rng.random((2, 2, 7)).astype(np.float32), rng.random((2, 7))
    w = np.ones(7, int)
    arrays = match(matches={"p": np.asfortranarray(p[0]), "q": q, "w": w})
    pointmatch.import_matches("c", [arrays], render=render)
    (back,) = pointmatch.get_matches_with_group("c", "1", render=render)
    np.testing.assert_array_equal(back["matches"]["p"], p[0])
    np.testing.assert_array_equal(back["matches"]["q"], q)
    assert back["matches"]["w"] == [1] * 7


def test_what_is_recorded_with_a_collection(render):
    assert pointmatch.get_collection_metadata("c", render=render) == {}
    pointmatch.set_collection_metadata("c", {"local_transforms": 1}, render=render)
    assert pointmatch.get_collection_metadata("c", render=render) == {"local_transforms": 1}
    pointmatch.import_matches("c", [match()], render=render)
    assert pointmatch.get_collection_metadata("c", render=render) == {"local_transforms": 1}


def test_a_service_that_records_nothing(wire):
    wire.answers = [(404, b"no such page")] * 2
    assert pointmatch.get_collection_metadata("C", render=wire.render) == {}
    with pytest.raises(NotFoundError):
        pointmatch.set_collection_metadata("C", {}, render=wire.render)
    wire.answers = [(400, b"bad name")]
    with pytest.raises(RequestError):
        pointmatch.get_collection_metadata("C", render=wire.render)


def by_point(count):
    p = np.arange(2.0 * count).reshape(count, 2)
    ids = {"pGroupId": "1", "pId": "a", "qGroupId": "2", "qId": "b", "further": [1]}
    points = {"p": p.tolist(), "q": (p + 0.5).tolist(), "w": [1.0] * count, "v": 7}
    return {**ids, "matches": points}, p


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_rows_are_made_of_points(count):
    match, p = by_point(count)
    before = copy.deepcopy(match)
    rows = pointmatch.with_rows(match)
    assert match == before
    assert (rows["further"], rows["matches"]["v"]) == ([1], 7)
    for document in (rows, pointmatch.with_rows(rows)):  # twice is once
        first, second, weights = pointmatch.match_points(document)
        np.testing.assert_array_equal(first, p)
        np.testing.assert_array_equal(second, p + 0.5)
        assert weights.tolist() == [1.0] * count
    if count:
        assert pointmatch.is_point_by_point(match) and not pointmatch.is_point_by_point(rows)
        assert rows["matches"]["p"] == p.T.tolist()
        with pytest.raises(SpecError, match="tiles a and b is stored point by point"):
            pointmatch.match_points(match)


def test_two_points_are_rows_whatever_was_meant():
    match, p = by_point(2)
    assert not pointmatch.is_point_by_point(match)
    assert pointmatch.with_rows(match) == match
    np.testing.assert_array_equal(pointmatch.match_points(match)[0], p.T)
    assert pointmatch.point_rows(p) == p.T.tolist()


@pytest.mark.parametrize("points", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[1.0], [2.0]]])
def test_what_is_no_list_of_points_makes_no_rows(points):
    with pytest.raises(SpecError, match="N x 2"):
        pointmatch.point_rows(points)


@pytest.mark.parametrize(
    "change", [{"w": [1.0]}, {"p": [[1.0, 2.0]]}, {"q": [[1.0], [2.0, 3.0]]}, {"w": None}]
)
def test_matches_that_do_not_fit_are_named(change):
    match, _ = by_point(2)
    match["matches"].update(change)
    with pytest.raises(SpecError, match="tiles a and b"):
        pointmatch.match_points(match)
