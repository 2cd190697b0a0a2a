"""Small things used everywhere."""

from __future__ import annotations

import base64
import logging
import sys
import types
import zlib

import numpy as np
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from renderapi import utils
from renderapi.base64arrays import MOST_BYTES, decoded
from renderapi.errors import RenderError, RequestError


@given(st.lists(st.floats(allow_nan=False)))
def test_base64_arrays_come_back(values):
    assert utils.decodeBase64(utils.encodeBase64(values)).tolist() == values


def test_long_base64_arrays_are_read_the_same_whether_their_size_is_known_or_not():
    numbers = np.random.default_rng(0).normal(size=5000)
    text, data = utils.encodeBase64(numbers), numbers.astype(">f8").tobytes()
    for known in (None, len(data), len(data) - 8, len(data) + 8, 1 << 60):
        assert decoded(text, known) == data
    assert decoded("@" + base64.b64encode(data).decode(), len(data)) == data
    # line breaks, as some writers of base 64 put in
    assert decoded(text[:76] + "\n" + text[76:], len(data)) == data


@pytest.mark.parametrize("known", [None, 40_000])
@pytest.mark.parametrize("damage", ["cut", "changed", "not zlib", "not base 64"])
def test_damaged_long_base64_arrays_are_refused(known, damage):
    raw = zlib.compress(np.random.default_rng(0).normal(size=5000).tobytes())
    text = {
        "cut": base64.b64encode(raw[:-40]),
        "changed": base64.b64encode(raw[:2000] + bytes([raw[2000] ^ 255]) + raw[2001:]),
        "not zlib": base64.b64encode(b"x" * 6000),
        "not base 64": base64.b64encode(raw)[:-1],
    }[damage]
    with pytest.raises(RenderError, match="is not a base 64 array"):
        decoded(text, known)


def test_arrays_are_bounded_whatever_size_is_claimed():
    text = utils.encodeBase64(np.zeros(MOST_BYTES // 8 + 8))
    for known in (None, MOST_BYTES, MOST_BYTES + 64, 1 << 60):
        with pytest.raises(RenderError, match="inflates to more"):
            decoded(text, known)


def test_base64_is_big_endian_zlib_6_or_marked_as_plain():
    data = np.array([1.5, -2.0]).astype(">f8").tobytes()
    assert utils.encodeBase64([1.5, -2]) == base64.b64encode(zlib.compress(data, 6)).decode()
    plain = "@" + base64.b64encode(data).decode()
    assert utils.decodeBase64(plain).tolist() == [1.5, -2.0]
    assert utils.decodeBase64(plain.encode()).tolist() == [1.5, -2.0]
    assert utils.decodeBase64(plain).dtype == np.float64


@pytest.mark.parametrize("text", ["", "@AAAA", "not base 64", "AAAA"])
def test_what_is_no_array_is_refused(text):
    with pytest.raises(RenderError):
        utils.decodeBase64(text)


def test_jbool_is_java_text(caplog):
    assert (utils.jbool(True), utils.jbool(np.False_)) == ("true", "false")
    assert caplog.records == []
    assert utils.jbool(1) == "true"
    assert "not a boolean" in caplog.text


def test_default_if_none():
    assert utils.defaultifNone(None, 3) == 3
    assert utils.defaultifNone(0, 3) == 0
    assert utils.default_ifNone is utils.defaultifNone


def test_strip_logger_removes_every_handler():
    logger = logging.getLogger("stripped")
    for _ in range(5):
        logger.addHandler(utils.NullHandler())
    utils.stripLogger(logger)
    assert logger.handlers == []


def test_fitargspec_turns_optional_positionals_into_keywords():
    def function(a, b, c=1, d=2, **kwargs):
        pass

    assert utils.fitargspec(function, (1, 2, 3), {"e": 4}) == ((1, 2), {"c": 3, "e": 4})
    assert utils.fitargspec(function, (1,), {"b": 2}) == ((1,), {"b": 2})
    assert utils.fitargspec(lambda a: a, (1,), {}) == ((1,), {})
    with pytest.raises(TypeError, match="'c'"):
        utils.fitargspec(function, (1, 2, 3), {"c": 4})


def test_requests_keeps_its_own_json_until_somebody_asks(monkeypatch):
    own = utils.requests.models.complexjson
    monkeypatch.setattr(utils.requests.models, "complexjson", own)  # put back at the end
    for name, module in (("ujson", types.ModuleType("ujson")), ("json", None)):
        monkeypatch.setitem(sys.modules, "ujson", module)
        found = utils.requests_json
        assert found.__name__ == name
        assert utils.requests.models.complexjson is found
    with pytest.raises(AttributeError, match="no_such"):
        utils.no_such  # noqa: B018


def test_accepted_answers(wire):
    url = f"{wire.host}:{wire.port}/render-ws/v1/x"
    calls = {
        "get": lambda s: utils.get_json(s, url),
        "put": lambda s: utils.put_json(s, url, {}),
        "post": lambda s: utils.post_json(s, url, {}),
        "delete": lambda s: utils.rest_delete(s, url),
    }
    accepted = {"get": {200}, "put": {200, 201, 204}, "post": {200, 201, 204}}
    accepted["delete"] = {200, 202, 204}
    with requests.Session() as session:
        for name, call in calls.items():
            for status in (200, 201, 202, 204, 400):
                wire.answers = [(status, b"1" if status != 204 else b"")]
                if status in accepted[name]:
                    call(session)
                else:
                    with pytest.raises(RequestError):
                        call(session)


def test_bodies_parameters_and_headers(wire):
    url = f"{wire.host}:{wire.port}/render-ws/v1/x"
    with requests.Session() as session:
        utils.post_json(session, url, {"a": np.int64(3)}, params={"q": 1})
        utils.put_json(session, url, None)
        utils.rest_delete(session, url, params={"q": 2})
    post, put, delete = wire.asked
    assert post.body == {"a": 3}
    assert post.query == [("q", "1")]
    assert post.headers["content-type"] == put.headers["content-type"] == "application/json"
    assert (put.body, put.headers["Accept"]) == (None, "application/json")
    assert delete.query == [("q", "2")]


def test_an_answer_that_is_not_json_is_an_error_with_its_text(wire):
    wire.answers = [(200, b"<html>Login</html>")]
    with requests.Session() as session, pytest.raises(RequestError, match="<html>Login"):
        utils.get_json(session, f"{wire.host}:{wire.port}/")
