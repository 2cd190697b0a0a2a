"""Several channels in one picture."""

import numpy as np
import pytest

from renderapi.errors import SpecError
from renderapi.rendering import render_canvas
from renderapi.rendering.channels import parse_channels
from renderapi.rendering.output import to_rgba

RANDOM = np.random.default_rng(4)
DAPI = RANDOM.integers(0, 65536, (20, 30)).astype(np.uint16)
GFP = RANDOM.integers(0, 65536, (20, 30)).astype(np.uint16)


@pytest.fixture
def tile(tmp_path, scenes):
    channels = [
        {
            "name": name, "minIntensity": 0.0, "maxIntensity": top,
            "mipmapLevels": {"0": {"imageUrl": scenes.save(tmp_path / f"{name}.tif", array)}},
        }
        for name, array, top in (("DAPI", DAPI, 4000.0), ("GFP", GFP, 60000.0))
    ]  # fmt: skip
    return {**scenes.tile("unused", 30, 20), "channels": channels}


def draw(scenes, *tiles, **options):
    return render_canvas(scenes.window(tiles, 0, 0, 30, 20, **options))


def test_the_first_channel_is_drawn_by_default(tile, scenes):
    canvas = draw(scenes, tile)
    assert np.array_equal(canvas.pixels, DAPI) and canvas.shown == (0.0, 4000.0)
    turned = {**tile, "channels": tile["channels"][::-1]}
    assert np.array_equal(draw(scenes, turned).pixels, GFP)


def test_a_channel_is_chosen_by_name(tile, scenes):
    for order in (tile, {**tile, "channels": tile["channels"][::-1]}):
        canvas = draw(scenes, order, channels="GFP")
        assert np.array_equal(canvas.pixels, GFP) and canvas.shown == (0.0, 60000.0)


def test_channels_are_added_by_their_weights(tile, scenes):
    canvas = draw(scenes, tile, channels="DAPI__0.75__GFP__0.25")
    expected = (DAPI * 0.75).astype(np.uint16) + GFP * 0.25
    assert np.array_equal(canvas.pixels, expected.astype(np.uint16))
    assert (canvas.alpha == 191 + 63).all()  # of 191.25 and 63.75
    assert canvas.shown == (0.0, 4000.0)


def test_weights_below_1_leave_the_picture_translucent(tile, scenes):
    canvas = draw(scenes, tile, channels="DAPI__0.25__GFP__0.25")
    assert (canvas.alpha == 63 + 63).all()


@pytest.mark.parametrize(
    ("weights", "alpha"), [((0.5, 0.5), 254), ((0.2, 0.8), 255), ((0.1, 0.9), 254), ((1, 0), 255)]
)
def test_the_share_of_each_channel_is_truncated_before_the_sum(tile, scenes, weights, alpha):
    assert alpha == sum(255 * round(10 * weight) // 10 for weight in weights)
    canvas = draw(scenes, tile, channels="DAPI__{}__GFP__{}".format(*weights))
    assert (canvas.alpha == alpha).all()
    grey = to_rgba(canvas)
    assert (grey[..., 3] == alpha).all()


def test_channels_of_different_size_are_not_mixed(tile, scenes, tmp_path):
    small = scenes.save(tmp_path / "small.tif", GFP[:10])
    tile["channels"][1]["mipmapLevels"] = {"0": {"imageUrl": small}}
    with pytest.raises(SpecError, match=r"tile t: .* DAPI has 30 x 20 and GFP has 30 x 10 pixels"):
        draw(scenes, tile, channels="DAPI__0.5__GFP__0.5")
    for name, image in (("DAPI", DAPI), ("GFP", GFP[:10])):  # each alone is fine
        pixels = draw(scenes, tile, channels=name).pixels
        assert np.array_equal(pixels[: len(image)], image)
    tile["channels"][1]["mipmapLevels"] = {"1": {"imageUrl": small}}
    tile["channels"][0]["mipmapLevels"] = {"1": {"imageUrl": small}}
    window = scenes.window([tile], 0, 0, 30, 20, 0.5, channels="DAPI__0.5__GFP__0.5")
    tile["width"], tile["height"] = 130.0, 130.0
    assert render_canvas(window).pixels.shape == (10, 15)


def test_a_tile_without_the_channel_adds_nothing(tile, scenes):
    only = {**tile, "tileId": "u", "channels": tile["channels"][1:]}
    assert np.array_equal(draw(scenes, only, tile, channels="DAPI").pixels, DAPI)
    empty = draw(scenes, only, channels="DAPI")
    assert not empty.pixels.any()


def test_three_underscores_separate_too():
    assert parse_channels("DAPI___.8___GFP___.2") == [("DAPI", 0.8), ("GFP", 0.2)]


@pytest.mark.parametrize("text", ["A__0.9__B__0.2", "A__x", "A__B__C", "A__-1__B__1"])
def test_weights_that_make_no_sense_are_refused(text):
    with pytest.raises(SpecError, match="channels"):
        parse_channels(text)
