"""Tiles of the usual kind: what is stored and answered is what the general way stores and answers.

A key that no collection of tiles has sends a request the general way and changes nothing else.
"""

from __future__ import annotations

import itertools
import json
from contextlib import closing
from urllib.parse import quote

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform
from renderws.local import LocalService
from renderws.serve import open_store
from renderws.store.protocol import StackId, TileQuery
from renderws.usual_tiles import Unusual, UsualTiles

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
numbers = st.sampled_from([0, 1, -2.5, 100, 7.25, -0.0, 1e-7, 123456789.5])
sizes = st.sampled_from([10, 100.0, 33.5, 2560])
texts = st.sampled_from(["a", "b", "ü", "null", 'q"\n\r\\', "\u2028", ""])
ids = st.sampled_from(["a", "b", "ü", 'q"\n\r\\', "null"])
# what the contract converts or refuses
oddities = st.sampled_from([None, "5", "x", True, 5, -1, 0, 1e300, [], {}, {"0": None}, [None]])
affines = st.builds(
    lambda name, words, blank: {"type": "leaf", "className": name, "dataString": blank.join(words)},
    st.sampled_from([AFFINE, AFFINE, "mpicbg.models.AffineModel2D"]),
    st.tuples(*[st.sampled_from(["1", "0.5", "-2.25", "1e2", "0.0000001"])] * 6),
    st.sampled_from([" ", " ", "  "]),
)
references = st.builds(
    lambda key: {"type": "ref", "refId": key}, st.sampled_from(["lens", "lens", "bent", "outer"])
)
odd_parts = st.sampled_from(
    [
        None,
        {},
        {"type": "ref"},
        {"type": "ref", "refId": "nowhere"},
        {"type": "ref", "refId": "circle"},
        {"className": AFFINE, "dataString": "1 0 0 1 5 5"},
        {"type": "leaf", "className": AFFINE, "dataString": "1 0 0 1 5"},
        {"type": "leaf", "className": AFFINE, "dataString": "1 0 0 1 1e308 1e308"},
        {"type": "leaf", "className": AFFINE, "dataString": None, "refId": "lens"},
        {"type": "leaf", "className": "no.such.Class", "dataString": "1"},
        {"type": "leaf", "className": AFFINE, "dataString": "1 0 0 1 5 5", "metaData": {}},
        {"type": "leaf", "id": "own", "className": "mpicbg.models.TranslationModel2D",
         "dataString": "3 4"},
        {"type": "list", "specList": [{"type": "ref", "refId": "lens"}]},
        {"type": "interpolated", "lambda": 0.5},
    ]
)  # fmt: skip
plain_lists = st.builds(
    lambda before, last: [*before, last], st.lists(references, max_size=2), affines
)
usual_lists = st.one_of(plain_lists, st.lists(st.one_of(affines, references), max_size=3))
odd_lists = st.lists(st.one_of(affines, references, odd_parts), max_size=4)
images = st.fixed_dictionaries(
    {"imageUrl": texts},
    optional={"maskUrl": st.one_of(texts, st.none()), "imageSliceNumber": st.integers(0, 9)},
)
layouts = st.fixed_dictionaries(
    {"sectionId": st.one_of(texts, st.none())},
    optional={
        "imageRow": st.integers(0, 9),
        "stageX": numbers,
        "camera": texts,
        "temca": st.none(),
    },
)
SHARED = {
    "lens": {"type": "leaf", "className": AFFINE, "dataString": "1.5 0 0 1 -7 3", "id": "lens"},
    "bent": {"className": "mpicbg.trakem2.transform.PolynomialTransform2D", "metaData": None,
             "dataString": "1 1.01 -0.03 2e-5 -1e-5 3e-5 -7 0.02 0.99 1e-5 2e-5 -4e-5", "new": 1},
    "outer": {"type": "list", "specList": [{"type": "ref", "refId": "lens"}]},
}  # fmt: skip
CIRCLE = {"circle": {"type": "ref", "refId": "circle"}, "renamed": {"id": "other"}}
boxes = dict.fromkeys(("minX", "minY", "maxX", "maxY"), numbers)


def tiles(lists, optional):
    """Tiles with these transform lists and more properties."""
    return st.fixed_dictionaries(
        {
            "tileId": ids,
            "width": sizes,
            "height": sizes,
            "transforms": st.builds(lambda specs: {"type": "list", "specList": specs}, lists),
        },
        optional={
            "z": st.sampled_from([1, 2.0, -0.5]),
            "groupId": texts,
            "layout": layouts,
            "minIntensity": numbers,
            "meshCellSize": sizes,
            "mipmapLevels": st.dictionaries(st.sampled_from("0912"), images),
            **optional,
        },
    )


usual_tiles = tiles(usual_lists, boxes)
odd_tiles = st.one_of(
    st.none(),
    tiles(odd_lists, boxes),
    st.builds(
        lambda tile, key, value: {**tile, key: value},
        tiles(usual_lists, boxes),
        st.sampled_from(
            ["tileId", "z", "width", "meshCellSize", "minX", "layout", "mipmapLevels", "transforms",
             "channels", "labels", "groupId", "unknown", "mipmapPathBuilder"]
        ),
        oddities,
    ),
)  # fmt: skip


def collections(some_tiles, shared):
    return st.fixed_dictionaries(
        {"tileIdToSpecMap": st.dictionaries(ids, some_tiles, min_size=1, max_size=5)},
        optional={"transformIdToSpecMap": shared},
    )


usual_requests = collections(usual_tiles, st.just(SHARED))
odd_requests = collections(
    st.one_of(usual_tiles, usual_tiles, odd_tiles),
    st.sampled_from([SHARED, None, SHARED | CIRCLE, {"lens": {"type": "bad"}}]),
)
queries = st.sampled_from(
    ["/resolvedTiles?deriveData=true"] * 4
    + ["/resolvedTiles", "/z/1.0/resolvedTiles?deriveData=true", "/z/1.0/resolvedTiles"]
)
stack_numbers = itertools.count(10_000)
STORED = {"tileId": "a", "z": 3, "width": 5, "height": 5, "transforms": {"specList": []}}
OTHER = {"z": {"minX": 0, "minY": 0, "maxX": 1, "maxY": 1}}
BEFORE = {"transformIdToSpecMap": SHARED, "tileIdToSpecMap": {"a": STORED}}


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A session with a service in it, the service's base URL, and the store it works on."""
    path = tmp_path_factory.mktemp("usual") / "render.db"
    with requests.Session() as session, closing(open_store(path)) as store:
        session.mount("http+local://", LocalService())
        base = f"http+local://{quote(str(path), safe='')}/render-ws/v1/owner/o/project/p/stack/"
        yield session, base, store


def outcome(places, sent):
    """Answers to requests to a new stack, and everything that it then holds."""
    session, base, store = places
    name = f"stack{next(stack_numbers)}"
    session.post(base + name, data=b"{}")
    session.put(f"{base}{name}/resolvedTiles?deriveData=true", data=json.dumps(BEFORE))
    answers = []
    for query, body in sent:
        answer = session.put(base + name + query, data=json.dumps(body))
        answers.append((answer.status_code, answer.text.replace(name, "")))
    stack = StackId("o", "p", name)
    stored = [(*tile[:-1], json.loads(tile.document)) for tile in store.tiles(stack, TileQuery())]
    # a lens that changes moves the tiles the store knows to refer to it
    moved = {"transformIdToSpecMap": {"lens": SHARED["lens"] | {"dataString": "1 0 0 1 90 90"}}}
    session.put(
        f"{base}{name}/resolvedTiles", data=json.dumps(moved | {"tileIdToSpecMap": OTHER})
    ).raise_for_status()
    after = [tile[:-1] for tile in store.tiles(stack, TileQuery())]
    shared = store.transforms(stack, ["lens", "bent", "outer", "circle", "other"])
    return answers, stored, shared, after


def the_general_way(sent):
    return [(query, body | {"noSuchKey": 0}) for query, body in sent]


def is_usual(body):
    try:
        UsualTiles(json.dumps(body).encode())
    except Unusual:
        return False
    return True


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(queries, usual_requests), min_size=1, max_size=2))
def test_usual_tiles_are_stored_as_the_general_way_stores_them(places, sent):
    assert all(is_usual(body) for _, body in sent)
    assert outcome(places, sent) == outcome(places, the_general_way(sent))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(queries, odd_requests), min_size=1, max_size=2))
def test_what_is_odd_is_stored_or_refused_as_the_general_way_does(places, sent):
    assert not any(is_usual(body) for _, body in the_general_way(sent))
    assert outcome(places, sent) == outcome(places, the_general_way(sent))


def test_the_tiles_of_the_client_are_usual():
    tile = TileSpec(
        tileId="t",
        z=1.0,
        width=10,
        height=10,
        imageUrl="file:///image.tif",
        maskUrl="file:///mask.tif",
        sectionId="1.0",
        tforms=[ReferenceTransform("lens"), AffineModel(B0=5)],
    )
    assert is_usual({"tileIdToSpecMap": {"t": tile.to_dict()}})
    assert is_usual({"tileIdToSpecMap": {"t": tile.document()}})


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff", b"{}", b'{"tileIdToSpecMap":{"a"']
)
def test_what_is_no_collection_of_tiles_is_left_to_the_general_way(body):
    with pytest.raises(Unusual):
        UsualTiles(body)
