"""Boxes of tiles against the rule written as a loop."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from renderapi.bounds import derive_boxes, tile_box
from renderapi.errors import SpecError, UnresolvedReference
from renderapi.transform import load_transform_json

PACKAGE = "mpicbg.trakem2.transform."
LENS = {
    "id": "lens",
    "type": "leaf",
    "className": PACKAGE + "PolynomialTransform2D",
    "dataString": "12.5 1.01 -0.03 2e-5 -1e-5 3e-5 -7.25 0.02 0.99 1e-5 2e-5 -4e-5",
}


def affine(data):
    return {"type": "leaf", "className": PACKAGE + "AffineModel2D", "dataString": data}


def tile(*specs, width=2560, height=2160, **more):
    transforms = {"type": "list", "specList": list(specs)}
    return {"tileId": "t1", "width": width, "height": height, "transforms": transforms, **more}


def by_loop(width, height, cell, transform):
    nx, ny = max(2, math.floor(width / cell + 0.5)), max(2, math.floor(height / cell + 0.5))
    samples = []
    for i in range(nx):
        x = i * ((width - 1) / (nx - 1))
        samples += [(x, 0.0), (x, float(height))]
    for j in range(ny):
        y = j * ((height - 1) / (ny - 1))
        samples += [(0.0, y), (float(width), y)]
    xs, ys = transform(np.array(samples)).T
    left, top = int(xs.min()), int(ys.min())
    return (
        left,
        top,
        left + math.ceil(xs.max() - xs.min()),
        top + math.ceil(ys.max() - ys.min()),
    )


def test_the_documented_example():
    box = tile_box(tile(affine("1 0 0 1 100.7 -3.5")))
    assert box == (100, -3, 2660, 2157)
    assert all(isinstance(value, float) for value in box)


def test_no_transforms_are_the_identity():
    assert tile_box(tile()) == (0, 0, 2560, 2160)
    assert tile_box({"tileId": "t", "width": 10.0, "height": 5.0}) == (0, 0, 10, 5)


@given(
    st.floats(1, 5000),
    st.floats(1, 5000),
    st.sampled_from([64.0, 100.0, 7.5, 1e6]),
    st.floats(-3, 3),
    st.floats(-1e5, 1e5),
    st.floats(-1e5, 1e5),
    st.booleans(),
)
@settings(deadline=None, max_examples=100)
def test_boxes_follow_the_rule(width, height, cell, theta, tx, ty, lens):
    c, s = math.cos(theta), math.sin(theta)
    spec = affine(f"{c!r} {s!r} {-s!r} {c!r} {tx!r} {ty!r}")
    specs = [LENS, spec] if lens else [spec]
    expected = by_loop(
        width,
        height,
        cell,
        load_transform_json({"type": "list", "specList": specs}).tform,
    )
    assert tile_box(tile(*specs, width=width, height=height, meshCellSize=cell)) == expected


def test_many_tiles_of_several_kinds_at_once():
    rng = np.random.default_rng(0)
    lookup = {
        "lens": LENS,
        "both": {"type": "list", "specList": [{"type": "ref", "refId": "lens"}]},
    }
    kinds = [
        lambda a: tile({"type": "ref", "refId": "lens"}, a),
        lambda a: tile({"type": "ref", "refId": "both"}, a, a),
        lambda a: tile(a, width=100, height=80),
        lambda a: tile(LENS),
        lambda a: tile(a, LENS, a, meshCellSize=32),
        lambda a: tile({"type": "interpolated", "a": a, "b": LENS, "lambda": 0.3}, a),
        lambda a: tile(
            a, {"type": "leaf", "className": PACKAGE + "TranslationModel2D", "dataString": "3 4"}
        ),
        lambda a: tile({"type": "list", "specList": [a, LENS], "metaData": {"labels": ["x"]}}, a),
    ]
    tiles = []
    for n in range(400):
        a = affine("1.01 0.02 -0.03 0.98 {:.3f} {:.3f}".format(*(rng.random(2) * 9e4 - 4e4)))
        tiles.append(kinds[n % len(kinds)](a))
    boxes = derive_boxes(tiles, lookup)
    assert boxes.shape == (400, 4)
    assert boxes.dtype == np.float64
    assert [tuple(box) for box in boxes.tolist()] == [tile_box(t, lookup) for t in tiles]


@pytest.mark.parametrize(
    "last", [["turn"], ["turn", "shift"], ["both"], ["lens"], ["turn", "lens"]]
)
def test_shared_transforms_after_the_own_one_are_those_written_out(last):
    turn = affine("0 2 -2 0 7.5 -3")
    shift = {"className": PACKAGE + "TranslationModel2D", "dataString": "3.25 4"}
    both = {"type": "list", "specList": [shift, turn]}
    lookup = {"lens": LENS, "turn": turn, "shift": shift, "both": both}
    rng = np.random.default_rng(1)
    own = [
        affine("1.01 0.02 -0.03 0.98 {!r} {!r}".format(*rng.uniform(-9e4, 9e4, 2).tolist()))
        for _ in range(50)
    ]
    sizes = [dict(meshCellSize=64.0), {}, dict(meshCellSize=10, width=100)]

    def ref(key):
        return {"type": "ref", "refId": key}

    shared = [tile(ref("lens"), a, *map(ref, last), **sizes[i % 3]) for i, a in enumerate(own)]
    plain = [tile(LENS, a, *(lookup[k] for k in last), **sizes[i % 3]) for i, a in enumerate(own)]
    expected = [
        by_loop(
            t["width"],
            t["height"],
            t.get("meshCellSize", 64),
            load_transform_json(t["transforms"]).tform,
        )
        for t in plain
    ]
    assert [tuple(box) for box in derive_boxes(shared, lookup).tolist()] == expected


def test_a_missing_shared_transform_after_the_own_one_names_the_tile():
    with pytest.raises(UnresolvedReference, match=r"tile t1.*none"):
        derive_boxes([tile(affine("1 0 0 1 0 0"), {"type": "ref", "refId": "none"})], {})


def test_no_tiles():
    assert derive_boxes([]).shape == (0, 4)


def test_corners_are_cut_toward_zero_without_a_negative_zero():
    assert tile_box(tile(affine("1 0 0 1 -0.5 -1.5"), width=10, height=10)) == (0, -1, 10, 9)
    assert math.copysign(1, tile_box(tile(affine("1 0 0 1 -0.5 0")))[0]) == 1


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"width": None}, "no width"),
        ({"height": 0}, "height"),
        ({"width": "10"}, "width"),
        ({"meshCellSize": -1}, "meshCellSize"),
        ({"meshCellSize": 1e-9}, "too small"),
        ({"transforms": {"type": "list", "specList": [affine("1 0 0")]}}, "AffineModel2D"),
        ({"transforms": {"type": "list", "specList": [affine("1 0 0 1 nan 0")]}}, "t1"),
        ({"transforms": {"type": "list", "specList": [affine("1e308 0 0 1e308 0 0")]}}, "infinity"),
        ({"transforms": {"type": "list", "specList": [{"className": "X", "dataString": ""}]}}, "X"),
        ({"transforms": [affine("1 0 0 1 0 0")]}, "object"),
        ({"transforms": {"type": "list", "specList": [None]}}, "object"),
    ],
)
def test_errors_name_the_tile(changed, text):
    with pytest.raises(SpecError, match=text) as caught:
        derive_boxes([tile(), {**tile(), **changed}])
    assert "tile t1" in str(caught.value)


def test_missing_references_keep_their_kind():
    with pytest.raises(UnresolvedReference, match=r"tile t1: .*lens"):
        derive_boxes([tile({"type": "ref", "refId": "lens"})], {})
