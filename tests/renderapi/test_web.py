"""URLs and numbers in them."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderapi import web
from renderapi.errors import RenderError

NAMES = st.text(st.characters(codec="utf-8"), min_size=1).filter(lambda n: n not in {".", ".."})


@given(NAMES)
def test_any_name_is_one_part_of_the_path(name):
    url = web.join("http://h/render-ws/v1", "tile", name, "z")
    assert [unquote(part) for part in urlsplit(url).path.split("/")[3:]] == ["tile", name, "z"]


def test_names_arrive_as_they_are(wire, render):
    name = "a/b #1?x=2&%41 é."
    web.request(render.session, "GET", web.join(f"{wire.host}:{wire.port}", "x", name))
    assert unquote(wire.asked[0].path) == f"/x/{name}"
    assert wire.asked[0].path.count("/") == 2


@pytest.mark.parametrize("name", [None, "", ".", ".."])
def test_a_name_that_would_address_something_else_is_refused(name):
    with pytest.raises(RenderError, match="cannot name"):
        web.join("http://h/stack/s/tile", name)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["%d", "%f", "%3.2f"]))
def test_numbers_are_exact_and_in_the_given_format_where_that_is_exact(value, template):
    text = web.number(template, value)
    assert float(text) == value
    assert text in {template % value, repr(value)}


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [("%d", 3, "3"), ("%d", "3.0", "3"), ("%f", 3, "3.000000"), ("%3.2f", 0.0625, "0.0625")],
)
def test_texts_of_numbers(template, value, text):
    assert web.number(template, value) == text


def test_boxes_are_whole_pixels():
    assert web.box_text(1.9, -2.9, 3.5, 4, 0.25) == "1,-2,3,4,0.250000"


def test_queries_are_extended():
    assert web.with_query("http://h/x", "a", []) == "http://h/x"
    assert web.with_query("http://h/x", "a", ["1", "b c"]) == "http://h/x?a=1&a=b%20c"
    assert web.with_query("http://h/x?q=1", "a", ["&"]) == "http://h/x?q=1&a=%26"
