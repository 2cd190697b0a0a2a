"""Pictures of tiles in post-local coordinates."""

import numpy as np
import pytest
import tifffile

from renderapi.errors import ImageError, SpecError
from renderapi.matching.canvases import canvas_spec, draw
from renderapi.matching.features import FeatureParameters
from renderapi.matching.models import apply
from renderapi.rendering import render_canvas
from renderapi.urls import path_to_url

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def affine(text):
    return {"type": "leaf", "className": AFFINE, "dataString": text}


@pytest.fixture
def tile(tmp_path):
    image = np.random.default_rng(0).integers(0, 60000, (40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "t.tif", image)
    mask = np.full((40, 50), 255, np.uint8)
    mask[:10] = 0
    tifffile.imwrite(tmp_path / "m.tif", mask)
    spec = {
        "tileId": "t",
        "width": 50,
        "height": 40,
        "minIntensity": 0,
        "maxIntensity": 65535,
        "mipmapLevels": {"0": {"imageUrl": path_to_url(tmp_path / "t.tif")}},
        "transforms": {
            "type": "list",
            "specList": [{"type": "ref", "refId": "lens"}, affine("1 0 0 1 1000 -200")],
        },
    }
    lookup = {"lens": affine("1 0 0 1 3 -7")}
    return spec, lookup, image, path_to_url(tmp_path / "m.tif")


def test_without_local_transforms_the_picture_is_the_stored_image(tile):
    spec, lookup, image, _ = tile
    canvas = canvas_spec(spec, lookup)
    view = draw(canvas)
    assert (view.image == image).all()
    assert view.mask.all()
    assert canvas.origin.tolist() == [0, 0]
    raw = np.array([[5.0, 6.0]])
    assert canvas.to_post_local(raw).tolist() == raw.tolist()
    assert apply(canvas.pixel_to_world, raw) == pytest.approx(raw + np.array([1003, -207]))


def test_after_local_transforms_pixels_lie_where_those_put_them(tile):
    spec, lookup, image, _ = tile
    canvas = canvas_spec(spec, lookup, local_transforms=1)
    view = draw(canvas)
    raw = np.array([[20.0, 30.0]])
    post_local = raw + np.array([3, -7])
    x, y = (post_local - canvas.origin)[0].astype(int)
    assert view.image[y, x] == image[30, 20]
    assert canvas.to_post_local(np.array([[x, y]], float)) == pytest.approx(post_local)
    assert apply(canvas.to_world, post_local) == pytest.approx(raw + np.array([1003, -207]))


def test_masked_pixels_do_not_count(tile):
    spec, lookup, _, mask = tile
    spec["mipmapLevels"]["0"]["maskUrl"] = mask
    view = draw(canvas_spec(spec, lookup))
    assert not view.mask[:10].any() and view.mask[14:].all()


def test_a_scaled_picture_is_smaller_and_its_points_are_scaled_back(tile):
    spec, lookup, _, _ = tile
    canvas = canvas_spec(spec, lookup, scale=0.5)
    view = draw(canvas)
    assert view.image.shape == view.mask.shape == (20, 25)
    assert view.mask[1:19, 1:24].all()
    assert not view.mask[0].any() and not view.mask[:, 0].any()  # where nothing is drawn
    assert canvas.to_post_local(np.array([[10.0, 5.0]])).tolist() == [[20, 10]]


def test_a_channel_is_drawn_by_name(tile, tmp_path):
    spec, lookup, image, _ = tile
    tifffile.imwrite(tmp_path / "u.tif", image // 2)
    level = {"0": {"imageUrl": path_to_url(tmp_path / "u.tif")}}
    both = [
        {"name": "DAPI", "minIntensity": 0, "maxIntensity": 65535, "mipmapLevels": levels}
        for levels in (spec["mipmapLevels"], level)
    ]
    both[1]["name"] = "GFP"
    spec["channels"] = both
    view = draw(canvas_spec(spec, lookup, channel="GFP"))
    assert (view.image == image // 2).all()
    with pytest.raises(SpecError, match="no channel TdTomato; it has DAPI, GFP"):
        canvas_spec(spec, lookup, channel="TdTomato")


def test_what_cannot_be_drawn_is_named(tile):
    spec, lookup, _, _ = tile
    with pytest.raises(SpecError, match="tile t has 2 transforms, but local_transforms is 3"):
        canvas_spec(spec, lookup, local_transforms=3)
    with pytest.raises(SpecError, match="tile t has no width"):
        canvas_spec({**spec, "width": None}, lookup)
    gone = {"0": {"imageUrl": "file:///no/such/image.tif"}}
    with pytest.raises(ImageError, match=r"image\.tif"):
        draw(canvas_spec({**spec, "mipmapLevels": gone}, lookup))


def test_features_are_found_once(tile):
    spec, lookup, _, _ = tile
    view = draw(canvas_spec(spec, lookup))
    before = view.bytes_held
    first = view.features(FeatureParameters(scale=1.0))
    assert view.features(FeatureParameters(scale=1.0)) is first
    assert view.bytes_held > before


@pytest.mark.parametrize("scale", [1.0, 0.7, 0.4])
@pytest.mark.parametrize(
    "lens", ["1 0 0 1 0.5 0.3", "0.98 0.17 -0.17 0.98 3 -7", "1.2 0 0 0.8 0 0"]
)
def test_no_pixel_counts_that_was_not_drawn(tile, tmp_path, scale, lens):
    spec, _, image, _ = tile
    tifffile.imwrite(tmp_path / "t.tif", np.full_like(image, 5000) + image % 100)
    view = draw(canvas_spec(spec, {"lens": affine(lens)}, local_transforms=1, scale=scale))
    assert (view.image[view.mask] >= 5000).all()
    assert view.mask.sum() > 0.4 * image.size * scale**2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_stored_pixels_are_what_the_renderer_draws(tile, tmp_path, dtype):
    spec, lookup, image, mask_url = tile
    tifffile.imwrite(tmp_path / "t.tif", (image // 200).astype(dtype))
    spec["maxIntensity"] = 255 if dtype == np.uint8 else 65535
    canvas = canvas_spec(spec, lookup)
    drawn = render_canvas(canvas.parameters)
    view = draw(canvas)
    assert view.image.dtype == drawn.pixels.dtype
    assert (view.image == drawn.pixels).all()
    spec["mipmapLevels"]["0"]["maskUrl"] = mask_url
    assert not draw(canvas_spec(spec, lookup)).mask[:10].any()


def test_images_that_are_not_of_the_tile_s_size_are_drawn(tile):
    spec, lookup, *_ = tile
    spec["width"], spec["height"] = 100, 80
    view = draw(canvas_spec(spec, lookup))
    assert view.image.shape == (80, 100)
