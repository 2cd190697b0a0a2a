"""Four real tiles of a transmission electron microscope, with the mask of their black borders."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import map_coordinates

from renderapi.rendering import render_tilespecs
from renderapi.transform.specs import leaves, transform_points

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"
LENS = "0 1 0 1.5e-5 0 -1.5e-5 0 0 1 0 2e-5 0"


@pytest.fixture
def tem_tiles(real_data):
    folder = real_data("tem_2x2")
    tiles = []
    for entry in json.loads((folder / "reference_affines.json").read_text()):
        files = {key + "Url": (folder / entry[key]).as_uri() for key in ("image", "mask")}
        affines = [{"className": AFFINE, "dataString": data} for data in entry["transforms"]]
        tiles.append({
            "tileId": entry["tileId"], "width": entry["width"], "height": entry["height"],
            "mipmapLevels": {"1": files}, "transforms": {"type": "list", "specList": affines},
        })  # fmt: skip
    return tiles


def test_masks_hide_the_black_borders_inside_of_the_mosaic(tem_tiles):
    whole = render_tilespecs(tem_tiles, scale=0.25)
    bare = render_tilespecs(tem_tiles, scale=0.25, excludeMask=True)
    height, width = whole.shape[:2]
    inside = (slice(height // 10, -height // 10), slice(width // 10, -width // 10))
    assert (whole[inside][:, :, 3] == 255).all()
    assert (bare[inside][:, :, 0] < 8).mean() > 0.005
    assert (whole[inside][:, :, 0] < 8).mean() < 0.0001


def test_a_real_tile_is_what_interpolation_by_another_library_gives(tem_tiles):
    tile = {**tem_tiles[0], "minX": 0.0}
    x, y, width, height = 700, 600, 1200, 1000
    window = {"x": x, "y": y, "width": width, "height": height, "excludeMask": True}
    picture = render_tilespecs([tile], scale=0.5, **window)[:, :, 0]
    path = tile["mipmapLevels"]["1"]["imageUrl"].removeprefix("file://")
    source = np.asarray(Image.open(path)).astype(float)
    source = source if source.ndim == 2 else source[:, :, 0]
    (m00, m10, m01, m11, b0, b1) = map(
        float, tile["transforms"]["specList"][0]["dataString"].split()
    )
    columns, rows = np.meshgrid(np.arange(width // 2), np.arange(height // 2))
    world = np.stack([columns * 2.0 + x - b0, rows * 2.0 + y - b1])
    full = np.tensordot(np.linalg.inv([[m00, m01], [m10, m11]]), world, 1)
    level = (full - 0.5) / 2
    expected = map_coordinates(source, level[::-1], order=1)
    difference = np.abs(picture - np.floor(expected + 0.5))
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-4


def test_a_lens_leaves_no_cracks_between_triangles(tem_tiles):
    lens = {"className": "mpicbg.trakem2.transform.PolynomialTransform2D", "dataString": LENS}
    tile = json.loads(json.dumps(tem_tiles[0]))
    tile["transforms"]["specList"].insert(0, lens)
    tile["mipmapLevels"]["1"].pop("maskUrl")
    other = {**tile, "tileId": "edge", "mipmapLevels": tem_tiles[1]["mipmapLevels"]}
    picture = render_tilespecs([other, tile], scale=0.5, x=0, y=0, width=2500, height=2000)
    corners = np.array([[300.0, 300.0], [2300.0, 300.0], [2300.0, 1900.0], [300.0, 1900.0]])
    placed = transform_points(leaves(tile["transforms"]["specList"]), corners) / 2
    left, top = np.ceil(placed[[0, 3, 0, 1], [0, 0, 1, 1]].reshape(2, 2).max(axis=1)).astype(int)
    right, bottom = np.floor(placed[[1, 2, 2, 3], [0, 0, 1, 1]].reshape(2, 2).min(axis=1)).astype(
        int
    )
    assert (picture[top:bottom, left:right, 3] == 255).all()
