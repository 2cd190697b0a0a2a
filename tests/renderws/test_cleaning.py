"""Documents on the way in: types, unknown keys, nulls, time stamps."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderws.cleaning import (
    convert,
    parse,
    stack_version,
    texts_as_written,
    timestamp,
    without_nulls,
)
from renderws.documents import HierarchicalStack, Job, StackVersion, Tile
from renderws.routes.answers import HttpError


def test_unknown_keys_and_nulls_are_dropped_at_every_depth():
    body = {
        "tileId": "t",
        "z": 3407,
        "frameId": "x",
        "groupId": None,
        "layout": {"sectionId": "1.0", "temca": None, "other": 1},
        "mipmapLevels": {"0": {"imageUrl": "a", "maskUrl": None, "more": 2}},
        "transforms": {"type": "list", "specList": [{"className": "C", "id": None, "lambda": 0.5}]},
    }
    assert parse(json.dumps(body).encode(), Tile, "it") == {
        "tileId": "t",
        "z": 3407.0,
        "layout": {"sectionId": "1.0"},
        "mipmapLevels": {"0": {"imageUrl": "a"}},
        "transforms": {"type": "list", "specList": [{"className": "C", "lambda": 0.5}]},
    }


def test_scalars_of_another_type_are_converted():
    body = b'{"tileId": 5, "z": "3", "layout": {"imageRow": 5.0, "sectionId": 3407.0}}'
    assert parse(body, Tile, "it") == {
        "tileId": "5",
        "z": 3.0,
        "layout": {"imageRow": 5, "sectionId": "3407.0"},
    }


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"z": "low"}', "it.z must be a number, not 'low'"),
        (b'{"z": [1]}', "it.z must be a number"),
        (b'{"labels": "a"}', "it.labels must be a list"),
        (b'{"layout": {"imageRow": true}}', "it.layout.imageRow must be an integer"),
        (b"[]", "it must be an object"),
        (b'{"z": 1', "not valid JSON"),
        (b'{"z": NaN}', "not valid JSON"),
        (b"[" * 100_000, "it"),
        (b'{"tileId": "\xff"}', "not valid JSON"),
    ],
)
def test_what_cannot_be_converted_is_refused(body, text):
    with pytest.raises(HttpError, match=r"^it") as caught:
        parse(body, Tile, "it")
    assert caught.value.status == 400
    assert text in str(caught.value)


def test_empty_bodies_are_nothing():
    assert parse(b"", Tile, "it") is None
    assert parse(b" null ", Tile, "it") is None


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "tileId": st.text(),
            "z": st.floats(allow_nan=False, allow_infinity=False) | st.none(),
            "labels": st.lists(st.text()),
            "layout": st.fixed_dictionaries({}, optional={"stageX": st.integers(-9, 9)}),
            "unknown": st.text(),
        },
    )
)
def test_the_fast_way_gives_what_the_lenient_way_gives(document):
    fast = parse(json.dumps(document).encode(), Tile, "it")
    assert fast == convert(document, Tile, "it")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2024-01-01T10:20:30.00Z", "2024-01-01T10:20:30.000Z"),
        ("2024-01-01T10:20:30Z", "2024-01-01T10:20:30.000Z"),
        ("2024-01-01T10:20:30.5Z", "2024-01-01T10:20:30.500Z"),
        ("2024-01-01T10:20:30.123456789Z", "2024-01-01T10:20:30.123Z"),
        ("2024-01-01T10:20:30+02:00", "2024-01-01T08:20:30.000Z"),
        ("2024-40-01T10:20:30Z", "2027-04-01T10:20:30.000Z"),
        ("2024-01-32T25:61:61.5Z", "2024-02-02T02:02:01.500Z"),
        ("2024-00-00T00:00:00Z", "2023-11-30T00:00:00.000Z"),
        (1714979289010, "2024-05-06T07:08:09.010Z"),
        ("1714979289010", "2024-05-06T07:08:09.010Z"),
    ],
)
def test_time_stamps(given, expected):
    assert timestamp(given) == expected


@pytest.mark.parametrize("given", ["yesterday", 1e300, "9" * 40])
def test_bad_time_stamps(given):
    with pytest.raises(HttpError, match="createTimestamp"):
        timestamp(given)


def test_stack_versions_are_stored_as_sent():
    body = {"stackResolutionX": 4, "cycleNumber": 1, "mipmapPathBuilder": {"rootPath": "/a"}}
    assert stack_version(json.dumps({**body, "x": 1}).encode()) == body
    assert parse(b'{"createTimestamp": 5}', StackVersion, "it") == {"createTimestamp": 5.0}


def test_ids_are_texts_as_they_are_written_and_nulls_are_none():
    body = b'["a", null, 7, 7.50, -1e3, 12345678901234567890123, true, "null"]'
    expected = ["a", "7", "7.50", "-1e3", "12345678901234567890123", "true", "null"]
    assert texts_as_written(body) == expected


def test_nulls_among_group_ids_are_left_out():
    body = b'{"splitGroupIds": [null, "1.0", 2, null]}'
    assert parse(body, HierarchicalStack, "it") == {"splitGroupIds": ["1.0", "2"]}


def test_nulls_stay_in_lists():
    assert without_nulls([None, {"a": None, "b": [None]}]) == [None, {"b": [None]}]


def test_scalars_are_taken_as_the_java_reader_takes_them():
    body = b'{"z": "", "width": "12", "tileId": true, "groupId": 5, "layout": {"imageRow": 7.9}}'
    assert parse(body, Tile, "it") == {
        "width": 12.0,
        "tileId": "true",
        "groupId": "5",
        "layout": {"imageRow": 7},
    }


@pytest.mark.parametrize("given", [2**63, 2**63 + 5, 2**64 - 1, -(2**63) - 2**12, str(2**63)])
def test_whole_numbers_that_no_store_holds_are_refused(given):
    for shape, document, place in (
        (Job, {"number": given}, "the record of a run.number"),
        (Tile, {"mipmapLevels": {"0": {"imageSliceNumber": given}}}, "imageSliceNumber"),
    ):
        with pytest.raises(HttpError) as refused:
            parse(json.dumps(document).encode(), shape, "the record of a run")
        assert refused.value.status == 400 and f"{place} must be an integer" in str(refused.value)


@pytest.mark.parametrize("given", [2**63 - 1, 2**53 + 1, -(2**63), str(2**53 + 1)])
def test_whole_numbers_keep_their_last_digit_on_every_way(given):
    body = json.dumps({"number": given, "elapsed": "1"})  # the text takes the document the long way
    assert parse(body.encode(), Job, "run") == {"number": int(given), "elapsed": 1.0}
