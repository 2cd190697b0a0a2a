"""Tile specs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import renderapi
from renderapi import resolvedtiles, stack, tilespec
from renderapi.channel import Channel
from renderapi.errors import NotFoundError, RenderError, RequestError
from renderapi.image_pyramid import ImagePyramid, MipMap, MipMapLevel
from renderapi.layout import Layout
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel, ReferenceTransform, TransformList

AFFINE = {
    "type": "leaf",
    "className": "mpicbg.trakem2.transform.AffineModel2D",
    "dataString": "1 0 0 1 149.123456789012 -3e-3",
}
REFERENCE = {"type": "ref", "refId": "lens"}
NUMBERS = st.integers(-1000, 1000) | st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(max_size=5)
TRANSFORMS = st.recursive(
    st.sampled_from([AFFINE, REFERENCE]),
    lambda inner: (
        st.builds(lambda specs: {"type": "list", "specList": specs}, st.lists(inner, max_size=3))
        | st.builds(
            lambda a, b: {"type": "interpolated", "a": a, "b": b, "lambda": 0.5}, inner, inner
        )
    ),
    max_leaves=4,
)
PYRAMIDS = st.dictionaries(st.integers(0, 9).map(str), st.builds(lambda u: {"imageUrl": u}, NAMES))
TILES = st.fixed_dictionaries(
    {
        "tileId": NAMES,
        "z": NUMBERS,
        "width": NUMBERS,
        "height": NUMBERS,
        "mipmapLevels": PYRAMIDS,
        "transforms": st.builds(
            lambda specs: {"type": "list", "specList": specs}, st.lists(TRANSFORMS, max_size=3)
        ),
    },
    optional={
        "minIntensity": NUMBERS,
        "maxIntensity": NUMBERS,
        "layout": st.dictionaries(st.sampled_from(["sectionId", "stageX"]), NUMBERS, min_size=1),
        "labels": st.lists(NAMES, min_size=1),
        "groupId": NAMES,
        "channels": st.lists(
            st.fixed_dictionaries(
                {
                    "name": NAMES,
                    "minIntensity": NUMBERS,
                    "maxIntensity": NUMBERS,
                    "mipmapLevels": PYRAMIDS,
                }
            )
        ),
    },
)
MINIMAL = {"tileId": "t", "z": 3, "width": 10, "height": 20}
MINIMAL["transforms"] = {"type": "list", "specList": []}


@given(TILES)
def test_json_comes_back(d):
    before = copy.deepcopy(d)
    tile = TileSpec(json=d)
    written = tile.to_dict()
    assert written == d
    assert d == before
    again = TileSpec(json=written)
    assert again.to_dict() == pickle.loads(pickle.dumps(again)).to_dict() == d


@given(TILES)
def test_transforms_are_the_same_made_at_once_or_later(d):
    tile, untouched = TileSpec(json=d), TileSpec(json=d)
    assert len(tile.tforms) == len(d["transforms"]["specList"])
    first = tile.to_dict()
    assert TileSpec(json=first).to_dict() == first
    assert [type(t) for t in tile.tforms] == [type(t) for t in untouched.tforms]


def test_values_keep_their_types_and_nothing_is_added():
    d = TileSpec(json={**MINIMAL, "z": 3, "width": 10.0}).to_dict()
    assert d == {**MINIMAL, "width": 10.0, "mipmapLevels": {}}
    assert isinstance(d["z"], int) and isinstance(d["width"], float)


def test_changing_input_or_output_does_not_change_the_tile():
    d = copy.deepcopy({**MINIMAL, "transforms": {"type": "list", "specList": [dict(AFFINE)]}})
    tile = TileSpec(json=d)
    d["transforms"]["specList"][0]["dataString"] = "changed"
    tile.to_dict()["transforms"]["specList"][0]["dataString"] = "changed"
    assert tile.to_dict()["transforms"]["specList"] == [AFFINE]
    assert tile.tforms[0].M[0, 2] == pytest.approx(149.123456789012, abs=1e-12)


def test_untouched_transforms_are_written_as_read_and_touched_ones_as_they_are():
    tile = TileSpec(json={**MINIMAL, "transforms": {"type": "list", "specList": [AFFINE]}})
    assert tile.to_dict()["transforms"]["specList"][0]["dataString"] == AFFINE["dataString"]
    tile.tforms.append(AffineModel(B0=2))
    texts = [spec["dataString"] for spec in tile.to_dict()["transforms"]["specList"]]
    numbers = [[float(number) for number in text.split()] for text in texts]
    np.testing.assert_allclose(
        numbers, [[1, 0, 0, 1, 149.123456789012, -0.003], [1, 0, 0, 1, 2, 0]], atol=1e-10
    )
    tile.tforms = []
    assert tile.to_dict()["transforms"]["specList"] == []


def test_the_box_and_what_the_service_keeps_is_read_but_not_written():
    extras = {"minX": 1, "minY": 2, "maxX": 3, "maxY": 4, "meshCellSize": 64.0, "frameId": "f"}
    tile = TileSpec(json={**MINIMAL, **extras, "mipmapPathBuilder": {"rootPath": "r"}})
    assert tile.bbox == (1, 2, 3, 4)
    assert (tile.meshCellSize, tile.frameId) == (64.0, "f")
    assert not extras.keys() & tile.to_dict().keys()
    document = tile.document(bounds=True)
    assert document == {
        **tile.to_dict(),
        **{key: extras[key] for key in ("minX", "minY", "maxX", "maxY", "meshCellSize")},
        "mipmapPathBuilder": {"rootPath": "r"},
    }
    assert "minX" not in tile.document()


def test_null_is_absent():
    nothing = dict.fromkeys(["labels", "layout", "channels", "mipmapLevels", "groupId"])
    assert TileSpec(json={**MINIMAL, **nothing}).to_dict() == {**MINIMAL, "mipmapLevels": {}}
    assert TileSpec(json={**MINIMAL, "transforms": None}).tforms == []


@pytest.mark.parametrize("key", MINIMAL)
def test_required_keys(key):
    with pytest.raises(KeyError, match=key):
        TileSpec(json={k: v for k, v in MINIMAL.items() if k != key})


@pytest.mark.parametrize(
    "spec",
    [
        {"type": "unknown"},
        {"type": "leaf", "className": "c"},
        {"dataString": "1"},
        {"type": "list"},
        {"type": "ref"},
        {"type": "interpolated", "a": AFFINE, "b": AFFINE},
        {"type": "list", "specList": [{"type": "ref"}]},
        {"type": "interpolated", "a": {"type": "ref"}, "b": AFFINE, "lambda": 1},
    ],
)
def test_malformed_transforms_are_refused_at_once(spec):
    with pytest.raises(RenderError, match="tile t "):
        TileSpec(json={**MINIMAL, "transforms": {"type": "list", "specList": [spec]}})


def test_tile_by_keywords():
    tile = TileSpec(
        "t", 3.5, 10, 20, "i", "m", 1, 2, Layout("s"), [AffineModel()], ["a"], "g", ["filter"]
    )
    assert list(tile.to_dict()) == [
        "tileId",
        "z",
        "width",
        "height",
        "minIntensity",
        "maxIntensity",
        "layout",
        "mipmapLevels",
        "transforms",
        "labels",
        "groupId",
    ]
    assert tile.to_dict()["layout"] == {"sectionId": "s", "pixelsize": 0.1}
    assert tile.to_dict()["mipmapLevels"] == {"0": {"imageUrl": "i", "maskUrl": "m"}}
    assert (tile.imageUrl, tile.maskUrl, tile.inputfilters) == ("i", "m", ["filter"])
    assert tile.bbox == (None, None, None, None)


def test_defaults_of_a_tile_by_keywords():
    tile = TileSpec(tileId="t")
    assert tile.to_dict() == {
        "tileId": "t",
        "minIntensity": 0,
        "maxIntensity": 65535,
        "layout": {"pixelsize": 0.1},
        "mipmapLevels": {},
        "transforms": {"type": "list", "specList": []},
    }
    assert TileSpec().tforms is not TileSpec().tforms
    assert TileSpec(sectionId="s", stageX=1).layout.to_dict()["sectionId"] == "s"


def test_images_of_a_tile():
    pyramid = ImagePyramid({1: MipMap("one")})
    tile = TileSpec(imagePyramid=pyramid, imageUrl="zero", maskUrl="mask")
    assert tile.ip is pyramid
    assert tile.ip == {"0": {"imageUrl": "zero", "maskUrl": "mask"}, "1": {"imageUrl": "one"}}
    assert TileSpec(maskUrl="mask").ip == {}
    with pytest.warns(DeprecationWarning):
        levels = [MipMapLevel(2, "two")]
    tile = TileSpec(mipMapLevels=levels, scale1Url="one")
    assert tile.ip == {"2": {"imageUrl": "two"}, "1": {"imageUrl": "one"}}
    tile.imageUrl = "zero"
    tile.maskUrl = "mask"
    assert tile.ip["0"] == MipMap("zero", "mask")
    assert TileSpec(json=tile.to_dict() | MINIMAL).imageUrl == "zero"


def test_channels_and_nested_transforms_are_written():
    channel = Channel("c", 2, 1, ImagePyramid({0: MipMap("i")}))
    inner = [AffineModel(), [AffineModel(B0=1)]]
    d = TileSpec(tileId="t", channels=[channel], tforms=inner).to_dict()
    assert d["channels"] == [channel.to_dict()]
    assert d["transforms"]["specList"] == [
        AffineModel().to_dict(),
        {"type": "list", "specList": [AffineModel(B0=1).to_dict()]},
    ]


@pytest.mark.parametrize(("divisions", "points"), [(0, 5), (1, 9), (2, 17)])
def test_outline_is_a_closed_ring_of_halved_edges(divisions, points):
    tile = TileSpec(width=8, height=4, tforms=[AffineModel(B0=10), AffineModel(M00=2)])
    ring = tile.bbox_transformed(divisions)
    assert ring.shape == (points, 2)
    corners = np.array([(0, 0), (0, 4), (8, 4), (8, 0), (0, 0)], float)
    np.testing.assert_allclose(ring[:: 2**divisions], np.add(corners, (10, 0)) * (2, 1))
    steps = np.linalg.norm(np.diff(ring, axis=0), axis=1)
    assert steps.sum() == pytest.approx(2 * 16 + 2 * 4)
    np.testing.assert_allclose(tile.bbox_transformed(tf_limit=1), np.add(corners, (10, 0)))
    np.testing.assert_allclose(tile.bbox_transformed(tf_limit=0), corners)


def test_outline_through_references():
    tile = TileSpec(width=8, height=4, tforms=[ReferenceTransform("lens")])
    shared = [TransformList([AffineModel(B1=1)], transformId="lens")]
    ring = tile.bbox_transformed(reference_tforms=shared)
    np.testing.assert_allclose(ring[0], [0, 1])
    with pytest.raises(RenderError):
        tile.bbox_transformed()


def test_names_that_users_of_older_releases_import():
    for name in ("Layout", "MipMap", "MipMapLevel", "ImagePyramid", "Channel", "TransformList"):
        assert hasattr(renderapi.tilespec, name)


@pytest.fixture
def stored(render):
    """Stack "s": tiles a and b at z 3.5 behind a shared lens, and c at z 4."""
    stack.create_stack("s", render=render)
    lens = AffineModel(B0=100, transformId="lens")
    tiles = [
        TileSpec(
            tileId=name,
            z=z,
            width=10,
            height=10,
            sectionId=str(z),
            imageUrl="file:///x.png",
            tforms=[ReferenceTransform("lens"), AffineModel(B0=20 * column)],
        )
        for name, z, column in [("a/1", 3.5, 0), ("b", 3.5, 1), ("c", 4, 0)]
    ]
    resolvedtiles.put_tilespecs(
        "s", tilespecs=tiles, shared_transforms=[lens], deriveData=True, render=render
    )
    return tiles


def test_tiles_come_back_from_the_service_raw_and_resolved(render, stored):
    raw = tilespec.get_tile_spec_raw("s", "a/1", render=render)
    assert raw.to_dict() == stored[0].to_dict()
    assert raw.bbox == (100, 0, 110, 10)
    resolved = tilespec.get_tile_spec("s", "a/1", render=render)
    assert [type(t) for t in resolved.tforms] == [AffineModel, AffineModel]
    assert resolved.tforms[0].transformId == "lens"
    parameters = tilespec.get_tile_spec_renderparameters("s", "a/1", render=render)
    assert [tile["tileId"] for tile in parameters["tileSpecs"]] == ["a/1"]


def test_tiles_of_sections_boxes_and_stacks(render, stored):
    def ids(tiles):
        return [tile.tileId for tile in tiles]

    assert ids(tilespec.get_tile_specs_from_z("s", 3.5, render=render)) == ["a/1", "b"]
    assert ids(tilespec.get_tile_specs_from_stack("s", render=render)) == ["a/1", "b", "c"]
    box = tilespec.get_tile_specs_from_box("s", 3.5, 115, 0, 3, 3, render=render)
    assert ids(box) == []
    box = tilespec.get_tile_specs_from_minmax_box("s", 3.5, 105, 125, 0, 3, render=render)
    assert ids(box) == ["a/1", "b"]


def test_errors_of_the_service_are_raised(render, stored, wire, caplog):
    with caplog.at_level("WARNING", logger="renderapi.tilespec"):
        assert tilespec.get_tile_spec("s", "nothing", render=render) is None
    assert "no tile nothing in stack s" in caplog.text
    wire.answers = [(500, b"broken")]
    with pytest.raises(RequestError, match="broken"):
        tilespec.get_tile_spec("s", "a/1", host=wire.host, port=wire.port, render=render)
    with pytest.raises(NotFoundError):
        tilespec.get_tile_spec_raw("s", "nothing", render=render)
    with pytest.raises(RequestError):
        tilespec.get_tile_specs_from_z("s", 99, render=render)


def test_a_section_without_tiles_is_an_empty_list(wire):
    wire.answers = [(200, [])]
    assert tilespec.get_tile_specs_from_z("s", 1, render=wire.render) == []
    wire.answers = [(200, [1.0]), (200, [])]
    assert tilespec.get_tile_specs_from_stack("s", render=wire.render) == []
