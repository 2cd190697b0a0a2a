"""Malformed requests: refused with 4xx in one line, never with a traceback or a 5xx."""

from __future__ import annotations

import json
import logging
import random
import re
from contextlib import closing

import pytest

from renderws.request import Request
from renderws.routes.router import Route
from renderws.routes.table import routes
from renderws.service import Service
from renderws.settings import Settings
from renderws.store.sqlite import SqliteStore

VALUES = [
    "a", "acq", "open", "1", "1.0", "-1", "0", "1e308", "-1e308", "2147483647", "x", "%2F", "%00",
    "LOADING", "COMPLETE", "%F0%9F%99%82", "m", "2.0", "c", "99999999999999999999", "1e-300", "nan",
    "a%2Fb", "lens", "png", "100",
]  # fmt: skip
STACKS = ["open", "empty", "acq", "locked", "off", "missing"]
NESTED = b'{"type":"list","specList":[' * 300 + b"]}" * 300
BODIES = [
    b"", b"{}", b"[]", b"null", b"[null]", b'{"a":1}', b"[1,2,3]", b'["a","b"]', b'"x"', b"5",
    b"{", b"\xff\xfe", b'{"a":' * 5000, b"[" * 1000 + b"]" * 1000,
    b'{"tileIdToSpecMap":{"a":{"transforms":' + NESTED + b"}}}",
    *(json.dumps(body).encode() for body in (
        [{"world": [1, 2, 1]}],
        [{"world": [1e308, -1e308, 1]}],
        [{"world": [None, "x"]}, {"tileId": "a", "local": [1e308, 1]}],
        {"tileIdToSpecMap": {"q": None}},
        {"tileIdToSpecMap": {"q": {"transforms": {"type": "zzz"}}}},
        {"tileIdToSpecMap": {"q": {"minX": 9e307, "minY": 0, "maxX": -1, "maxY": 0,
                                   "transforms": {"specList": [{"type": "ref"}]}}}},
        {"tileIdToSpecMap": {"q": {"z": 1e300, "width": 1e9, "height": 1e9, "transforms": {
            "specList": [{"className": "mpicbg.trakem2.transform.AffineModel2D",
                          "dataString": "1e308 0 0 1e308 0 0"}]}}}},
        {"tileSpecs": [{"tileId": 1}], "width": "a"},
        {"tileSpecs": [{"tileId": "t", "transforms": 5, "mipmapLevels": {"x": {}}}]},
        {"tileSpecs": [{"tileId": "t", "mipmapLevels": {"0": {"imageUrl": 5}}}]},
        {"x": "a", "tileSpecUrl": 5},
        [{"pGroupId": "a", "pId": "b", "qGroupId": "c", "qId": "d",
          "matches": {"p": [1], "q": [2], "w": "x"}}],
        [{"pGroupId": 5, "pId": "b", "qGroupId": "c", "qId": "d",
          "matches": {"p": [[1], [2, 3]], "q": [[]], "w": []}}],
        {"owner": "test", "project": "p", "stack": "z", "name": "zz"},
        {"cycleNumber": 1e30, "createTimestamp": -1e20},
        {"tier": 1.5, "alignedStackId": {"owner": "x"}, "matchCollectionId": {}},
    )),
]  # fmt: skip


def random_request(route, rng):
    def value(found):
        known = {"owner": ["test"], "project": ["p"], "stack": STACKS}
        return rng.choice(known.get(found[1], VALUES))

    path = re.sub(r"\{(\w+)\}", value, route.path)
    query = [f"{p.name}={rng.choice(VALUES)}" for p in route.query if rng.random() < 0.3]
    return path + ("?" + "&".join(query) if query else "")


@pytest.mark.parametrize("seed", range(3))
def test_no_request_is_answered_with_a_server_error(service, seed):
    rng = random.Random(seed)
    table = [route for route in routes() if route.path.startswith("/render-ws/v1")]
    for _ in range(1000):
        route = rng.choice(table)
        path = random_request(route, rng)
        body = None if route.method == "GET" else rng.choice(BODIES)
        response = service.session.request(route.method, service.base + path, data=body)
        assert response.status_code < 500, (route.method, path, body, response.text)
        if response.status_code >= 400:
            assert response.headers["Content-Type"].startswith("text/plain")
            assert "Traceback" not in response.text


JUNK = [
    None, True, 0, -1, 1.5, 1e308, -1e308, 2**70, "", "x", "1", "NaN", "\0", "\ud83d\ude42", [], {},
    [[]], [None], {"a": None}, "a" * 5000, "1 0 0 1 0 0", "1 0 0 1 0", "@x", "mask://outside-box",
    {"type": "ref", "refId": "lens"}, {"type": "interpolated"},
    {"type": "list", "specList": [None]},
]  # fmt: skip


def mutated(value, rng):
    """The JSON value with one part exchanged for something else, or taken away."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice(JUNK)
    if isinstance(value, dict):
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return {**value, key: mutated(value[key], rng)}
    place = rng.randrange(len(value))
    return [*value[:place], mutated(value[place], rng), *value[place + 1 :]]


@pytest.mark.parametrize("seed", range(2))
def test_no_damaged_body_is_answered_with_a_server_error(service, request, seed):
    rng = random.Random(seed)
    cases = [c for c in request.config._contract_cases if c.send is not None and c.status < 300]
    for _ in range(700):
        case = rng.choice(cases)
        body = mutated(case.send, rng)
        if rng.random() < 0.3:
            body = mutated(body, rng)
        response = service(case.request, body)
        assert response.status_code < 500, (case.request, body, response.text)
        assert "Traceback" not in response.text


def transforms(count, last):
    """Shared transforms t0 -> t1 -> ... -> `last`."""
    refs = [*(f"t{i + 1}" for i in range(count - 1)), last]
    return {
        f"t{i}": {
            "id": f"t{i}", "type": "list", "specList": [{"type": "ref", "refId": ref}]
        }
        for i, ref in enumerate(refs)
    }  # fmt: skip


LEAF = {
    "id": "leaf",
    "className": "mpicbg.trakem2.transform.TranslationModel2D",
    "dataString": "1 2",
}


def save(service, shared):
    tile = {
        "tileId": "n", "z": 1, "width": 10, "height": 10,
        "transforms": {"type": "list", "specList": [{"type": "ref", "refId": "t0"}]},
    }  # fmt: skip
    body = {"transformIdToSpecMap": shared, "tileIdToSpecMap": {"n": tile}}
    return service("PUT S:empty/resolvedTiles?deriveData=true", body)


def test_references_nested_ten_deep_are_fine(service):
    assert save(service, {**transforms(9, "leaf"), "leaf": LEAF}).status_code == 201
    assert service.must("GET S:empty/tile/n").json()["minX"] == 1.0


@pytest.mark.parametrize("last", ["t0", "t20"])
def test_circles_and_deep_nesting_are_refused(service, last):
    response = save(service, {**transforms(20, last), "t20": {**LEAF, "id": "t20"}})
    assert response.status_code == 400
    assert re.search(r"t\d+", response.text)
    assert service.must("GET S:empty/tileIds").json() == []


def test_an_import_is_all_or_nothing(service):
    good = {"tileId": "n", "z": 1, "minX": 0, "minY": 0, "maxX": 1, "maxY": 1}
    bad = {**good, "tileId": "m", "transforms": {"specList": [{"type": "ref", "refId": "none"}]}}
    response = service("PUT S:empty/resolvedTiles", {"tileIdToSpecMap": {"n": good, "m": bad}})
    assert response.status_code == 400
    assert "'m'" in response.text
    assert "none" in response.text
    assert service.must("GET S:empty/tileIds").json() == []


def test_transforms_that_the_stack_holds_need_not_be_sent_again(service):
    tile = {
        "tileId": "n", "z": 1, "width": 10, "height": 10,
        "transforms": {"type": "list", "specList": [{"type": "ref", "refId": "lens"}]},
    }  # fmt: skip
    body = {"tileIdToSpecMap": {"n": tile}}
    assert service("PUT S:open/resolvedTiles?deriveData=true", body).status_code == 201
    assert service.must("GET S:open/tile/n").json()["minX"] == 5.0
    moved = {"lens": {**LEAF, "id": "lens", "dataString": "50 0"}}
    body["transformIdToSpecMap"] = moved
    assert service("PUT S:open/resolvedTiles?deriveData=true", body).status_code == 201
    assert service.must("GET S:open/tile/n").json()["minX"] == 50.0
    assert service.must("GET S:open/tile/a").json()["minX"] == 50.0


def test_an_unexpected_error_is_logged_and_one_line(tmp_path, caplog):
    def broken(call):
        return 1 / 0

    with closing(SqliteStore(tmp_path / "a.db")) as store:
        service = Service(store, Settings())
        scope = {"method": "GET", "path": "/x", "query_string": b"", "headers": []}
        with caplog.at_level(logging.ERROR, "renderws"):
            answer = service.answer(Route(0, "GET", "//x", broken), {}, Request(scope))
    assert answer.status == 500
    assert answer.body == b"internal error: ZeroDivisionError: division by zero"
    assert "GET http://localhost/x failed" in caplog.text
