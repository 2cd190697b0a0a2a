"""Shared transforms that stand for far more than is sent are refused, without working them out."""

from __future__ import annotations

import time

import pytest
import requests
from server_process import limited_memory

from renderapi.errors import SpecError
from renderapi.transform.expansion import MAXIMUM_PARTS, Expansions
from renderapi.transform.specs import flatten

LEAF = {
    "type": "leaf",
    "className": "mpicbg.trakem2.transform.AffineModel2D",
    "dataString": "1 0 0 1 1 0",
}


def reference(name):
    return {"type": "ref", "refId": name}


def tower(levels, width, last=LEAF):
    """Shared transforms x0 ... of `width` references each to the next; width ** levels leaves."""
    shared = {f"x{levels}": {**last, "id": f"x{levels}"}}
    for level in range(levels):
        below = [reference(f"x{level + 1}")] * width
        shared[f"x{level}"] = {"id": f"x{level}", "type": "list", "specList": below}
    return shared


def tile(*specs):
    transforms = {"type": "list", "specList": list(specs)}
    return {"tileId": "t", "z": 1, "width": 9, "height": 9, "transforms": transforms}


def test_sizes_are_those_of_the_resolved_transforms():
    shared = tower(3, 5)
    found = Expansions(shared).of_shared("x0")
    assert len(flatten(reference("x0"), shared)) == 5**3
    lists, references = 1 + 5 + 25, 1 + 5 + 25 + 125
    assert found.parts == 125 + lists + references
    assert found.characters == 125 * len(LEAF["dataString"])
    assert found.levels == 4


def test_counting_takes_no_longer_for_more():
    started = time.process_time()
    with pytest.raises(SpecError, match="10,000 parts"):
        Expansions(tower(9, 1000)).of_shared("x0")
    assert time.process_time() - started < 5  # for ever, if each were counted
    with pytest.raises(SpecError, match="10,000 parts"):
        flatten(reference("x0"), tower(9, 1000))
    nothing = {"type": "list", "specList": []}
    with pytest.raises(SpecError, match="10,000 parts"):
        flatten(reference("x0"), tower(7, 10, nothing))


def test_interpolated_transforms_count_both_ways():
    both = {"type": "interpolated", "a": reference("x0"), "b": reference("x0"), "lambda": 0.5}
    shared = tower(3, 12)
    one = Expansions(shared).of_shared("x0").parts
    assert Expansions(shared).of(both).parts == 2 * one + 1
    with pytest.raises(SpecError, match="parts"):
        flatten({"type": "list", "specList": [both, both]}, shared)


@pytest.fixture
def stack(tmp_path, serve_process):
    server = serve_process(tmp_path, **limited_memory())
    made = f"{server.base}/render-ws/v1/owner/o/project/p/stack/s"
    assert requests.post(made, json={}, timeout=60).status_code == 201
    yield made
    assert server.end() == 0
    assert "Traceback" not in server.errors


def put(stack, shared, *tiles, derive=True):
    body = {"transformIdToSpecMap": shared, "tileIdToSpecMap": {t["tileId"]: t for t in tiles}}
    path = f"{stack}/resolvedTiles?deriveData={str(derive).lower()}"
    return requests.put(path, json=body, timeout=60)


BOX = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9}
MANY = [reference("x0")] * (MAXIMUM_PARTS // 2)


TOO_MUCH = [
    (tower(6, 10), [reference("x0")]),
    (tower(8, 10), [reference("x0")]),
    (tower(6, 10), [{"type": "list", "specList": [reference("x0")]}]),
    (tower(6, 10), [{"type": "interpolated", "a": reference("x0"), "b": LEAF, "lambda": 0.5}]),
    (tower(6, 10), [LEAF]),  # not used yet, but nothing could use it
    ({"x0": {"id": "x0", "type": "list", "specList": [LEAF] * 5}}, MANY),
    ({"x0": {**LEAF, "id": "x0", "dataString": "1 " * 300_000}}, [reference("x0")] * 200),
    ({}, [LEAF] * (MAXIMUM_PARTS + 1)),
]


def test_saving_is_refused_at_once(stack):
    for shared, specs in TOO_MUCH:
        for derive in (True, False):
            started = time.monotonic()
            answer = put(stack, shared, {**tile(*specs), **BOX}, derive=derive)
            assert answer.status_code == 400, answer.text
            assert "10,000 parts" in answer.text
            assert time.monotonic() - started < 30
    assert requests.get(f"{stack}/tileIds", timeout=60).json() == []
    assert put(stack, tower(2, 10), tile(reference("x0"))).status_code == 201
    tile_json = requests.get(f"{stack}/z/1/tile-specs", timeout=60).json()[0]
    assert len(tile_json["transforms"]["specList"]) == 100


def test_a_saved_transform_cannot_grow_below_its_tiles(stack):
    assert put(stack, tower(1, 10), tile(*[reference("x0")] * 100)).status_code == 201
    grown = {"x1": {"id": "x1", "type": "list", "specList": [LEAF] * 1000}}
    for derive in (True, False):
        answer = put(stack, grown, {**tile(LEAF), **BOX, "tileId": "u"}, derive=derive)
        assert answer.status_code == 400, answer.text
        assert "tile t:" in answer.text
    found = requests.get(f"{stack}/z/1/tile-specs", timeout=60).json()
    assert [len(one["transforms"]["specList"]) for one in found] == [1000]


def test_pictures_of_such_tiles_are_refused(stack):
    specs = [{"type": "list", "specList": [LEAF] * 9999}] * 3
    picture = {"width": 9, "height": 9, "tileSpecs": [tile(*specs)]}
    root = stack.split("/project")[0]
    for path in ("png-image", "validate-json/render", "world-to-local-coordinates/1,1"):
        sent = picture if "world" not in path else tile(*specs)
        answer = requests.put(f"{root}/{path}", json=sent, timeout=60)
        assert answer.status_code == 400, (path, answer.text)
