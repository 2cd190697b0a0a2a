"""Points on tiles: computed by hand."""

import numpy as np
import pytest

from renderapi.point_location import TilesOnTop

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def tile(name, data):
    spec = {"type": "leaf", "className": AFFINE, "dataString": data}
    return {
        "tileId": name,
        "width": 100,
        "height": 50,
        "transforms": {"type": "list", "specList": [spec]},
    }


# a covers (0,0)-(100,50); b, on top, is twice as large and covers (80,0)-(280,100)
TILES = [tile("a", "1 0 0 1 0 0"), tile("b", "2 0 0 2 80 0")]


def test_topmost_tile_wins_and_pixels_are_its_own():
    names, local = TilesOnTop(TILES).locate(np.array([(10.0, 20), (90, 20), (200, 80)]))
    assert names == ["a", "b", "b"]
    np.testing.assert_allclose(local, [(10, 20), (5, 10), (60, 40)])


def test_points_on_no_tile_have_no_name():
    names, local = TilesOnTop(TILES).locate(np.array([(10.0, 51), (300, 20)]))
    assert names == [None, None]
    assert np.isnan(local).all()


@pytest.mark.parametrize(("tolerance", "name"), [(0.9, None), (1.1, "a")])
def test_tolerance_lets_points_beside_a_tile_belong_to_it(tolerance, name):
    names, local = TilesOnTop(TILES).locate(np.array([(10.0, 51)]), tolerance)
    assert names == [name]
    if name:
        np.testing.assert_allclose(local, [(10, 51)])


def test_other_names():
    names, _ = TilesOnTop(TILES, names=["x", "y"]).locate(np.array([(10.0, 20), (90, 20)]))
    assert names == ["x", "y"]


def test_no_tiles():
    names, local = TilesOnTop([]).locate(np.array([(1.0, 1)]), 5.0)
    assert names == [None]
    assert np.isnan(local).all()


def test_points_on_the_border_lie_on_the_tile():
    corners = np.array([(0.0, 0), (0, 50), (280, 100), (80, 0), (280 + 1e-3, 100)])
    names, local = TilesOnTop(TILES).locate(corners)
    assert names == ["a", "a", "b", "b", None]
    np.testing.assert_allclose(local[:4], [(0, 0), (0, 50), (100, 50), (0, 0)], atol=1e-9)
