"""Points between tiles and the world."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from renderapi import coordinate, resolvedtiles, stack
from renderapi.errors import RenderError, RequestError
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel

POINTS = arrays(
    np.float64,
    st.tuples(st.integers(0, 5), st.just(2)),
    elements=st.floats(allow_nan=False, allow_infinity=False),
)


@given(POINTS)
def test_points_are_packed_and_unpacked(points):
    packed = coordinate.package_point_match_data_into_json(points, "t", "world")
    assert [p["world"] for p in packed] == points.tolist()
    assert all(p["tileId"] == "t" for p in packed)
    unpacked = coordinate.unpackage_local_to_world_point_match_from_json(packed)
    np.testing.assert_array_equal(unpacked, points)
    answer = [
        [{"tileId": "s", "local": [0, 0]}, {"tileId": "t", "local": [x, y, 5]}] for x, y in points
    ]
    unpacked = coordinate.unpackage_world_to_local_point_match_from_json(answer, "t")
    np.testing.assert_array_equal(unpacked, points)
    assert unpacked.shape == points.shape


def test_integers_stay_integers():
    packed = coordinate.package_point_match_data_into_json(np.array([[1, 2]]), "t")
    assert packed == [{"tileId": "t", "local": [1, 2]}]
    assert isinstance(packed[0]["local"][0], int)


def test_a_point_without_an_answer_is_named():
    answer = [[{"tileId": "t", "local": [0, 0]}], [{"tileId": "t", "error": "outside"}]]
    with pytest.raises(RenderError, match=r"point 1 .* tile t: outside"):
        coordinate.unpackage_world_to_local_point_match_from_json(answer, "t")
    with pytest.raises(RenderError, match=r"point 0 .* tile u: it does not lie there"):
        coordinate.unpackage_world_to_local_point_match_from_json(answer, "u")
    with pytest.raises(RenderError, match=r"point 1 .*: gone"):
        coordinate.unpackage_local_to_world_point_match_from_json(
            [{"world": [0, 0, 0]}, {"error": "gone"}]
        )


@pytest.fixture
def stored(render):
    """Stack "s" with one tile of 100 x 50 pixels, turned and shifted, at z 2.5."""
    model = AffineModel(M00=0.8, M01=-0.6, M10=0.6, M11=0.8, B0=1000, B1=2000)
    tile = TileSpec(
        tileId="t", z=2.5, width=100, height=50, imageUrl="file:///x.png", tforms=[model]
    )
    stack.create_stack("s", render=render)
    resolvedtiles.put_tilespecs("s", tilespecs=[tile], render=render)
    return model


def test_points_go_to_the_world_and_back(render, stored):
    points = np.random.default_rng(0).uniform([1, 1], [98, 48], (20, 2))
    world = coordinate.local_to_world_coordinates_array("s", points, "t", 2.5, render=render)
    np.testing.assert_allclose(world, stored.tform(points), atol=1e-9)
    local = coordinate.world_to_local_coordinates_array("s", world, "t", 2.5, render=render)
    np.testing.assert_allclose(local, points, atol=1e-3)


def test_single_points(render, stored):
    world = coordinate.local_to_world_coordinates("s", "t", 10.5, 20, render=render)
    x, y = stored.tform(np.array([[10.5, 20]]))[0]
    np.testing.assert_allclose(world["world"][:2], [x, y], atol=1e-9)
    (place,) = coordinate.world_to_local_coordinates("s", 2.5, x, y, render=render)
    assert (place["tileId"], place["visible"]) == ("t", True)
    np.testing.assert_allclose(place["local"][:2], [10.5, 20], atol=1e-3)


def test_a_point_outside_is_an_error(render, stored):
    with pytest.raises(RequestError):
        coordinate.world_to_local_coordinates("s", 2.5, 0, 0, render=render)
    with pytest.raises(RenderError, match="point 0"):
        coordinate.world_to_local_coordinates_array("s", np.zeros((1, 2)), "t", 2.5, render=render)


def test_errors_of_a_batch_are_raised(wire):
    for call in (
        coordinate.world_to_local_coordinates_batch,
        coordinate.local_to_world_coordinates_batch,
    ):
        wire.answers = [(500, b"[]")]
        with pytest.raises(RequestError):
            call("S", [], 1, render=wire.render)
    with pytest.raises(NotImplementedError, match="clientside"):
        coordinate.world_to_local_coordinates_batch("S", [], 1, execute_local=True)
