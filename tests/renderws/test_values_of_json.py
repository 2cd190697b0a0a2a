"""The number of values of a JSON text, beside a count over the parsed value."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderws.routes.answers import HttpError
from renderws.values_of_json import check_values, weight

PLAIN = st.text("abc", max_size=3)
VALUES = st.recursive(
    st.none() | st.integers() | PLAIN,
    lambda inner: st.lists(inner) | st.dictionaries(PLAIN, inner),
)


def counted(value):
    """Commas and twice the brackets of a value."""
    if not isinstance(value, list | dict):
        return 0
    inner = list(value.values()) if isinstance(value, dict) else value
    return 2 + max(0, len(inner) - 1) + sum(map(counted, inner))


def test_from_a_quarter_of_the_values_on_they_are_counted():
    text = b"[" + b",".join([b"[]"] * 100) + b"]"
    assert check_values(text, 4 * len(text) + 1) == 0
    assert check_values(text, 4 * len(text)) == weight(text) == 302


@given(VALUES)
def test_the_weight_is_that_of_the_parsed_value(value):
    assert weight(json.dumps(value).encode()) == 1 + counted(value)


@given(VALUES)
def test_no_text_weighs_more_than_its_bytes_and_one(value):
    text = json.dumps(value, separators=(",", ":")).encode()
    assert weight(text) <= len(text) + 1


@pytest.mark.parametrize("text", [b"[[],[]]", b"[1,2,3,4]", b'{"a":{},"b":{}}', b"[" * 9])
def test_nothing_slips_through_for_being_short(text):
    many = text * 100
    assert check_values(many, 10 * len(many)) == 0
    assert weight(many) <= 1.5 * len(many) + 1 or text[:2] == b"[["
    with pytest.raises(HttpError, match="more than 10 JSON values") as caught:
        check_values(many, 10)
    assert caught.value.status == 413
