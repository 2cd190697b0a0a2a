"""Images from the service as arrays."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from renderapi import image, resolvedtiles, stack
from renderapi.errors import ImageError, NotFoundError, RequestError
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url

CALLS = [
    lambda **k: image.get_bb_image("S", 1, 0, 0, 4, 4, **k),
    lambda **k: image.get_tile_image_data("S", "t", **k),
    lambda **k: image.get_section_image("S", 1, **k),
    lambda **k: image.get_renderparameters_image({}, **k),
]


def encoded(array, kind):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["png", "tiff"])
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 3), (3, 5, 4)])
def test_pixels_come_back(kind, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    decoded = image.decode_image(encoded(pixels, kind), "here")
    np.testing.assert_array_equal(decoded, pixels)
    assert decoded.flags.writeable


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_stay_sixteen_bits(order):
    pixels = np.arange(0, 60000, 4000, dtype=np.uint16).reshape(3, 5)
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, byteorder=order)
    decoded = image.decode_image(file.getvalue(), "here")
    assert decoded.dtype == np.uint16
    np.testing.assert_array_equal(decoded, pixels)


@pytest.mark.parametrize("call", CALLS)
def test_errors_are_raised_not_returned(wire, call):
    wire.answers = [(404, b"no stack S")]
    with pytest.raises(NotFoundError, match="no stack S"):
        call(render=wire.render)
    for error in (ImageError, OSError):  # what Pillow raises is one
        wire.answers = [(200, b"<html>")]
        with pytest.raises(error, match="<html>"):
            call(render=wire.render)


@pytest.mark.parametrize("call", CALLS)
def test_unknown_formats_are_refused_before_any_request(wire, call):
    with pytest.raises(ValueError, match="gif"):
        call(render=wire.render, img_format="gif")
    assert wire.asked == []


def test_known_formats():
    assert image.IMAGE_FORMATS == {
        "png": "png-image",
        ".png": "png-image",
        None: "png-image",
        "jpg": "jpeg-image",
        "jpeg": "jpeg-image",
        ".jpg": "jpeg-image",
        "tif": "tiff-image",
        ".tif": "tiff-image",
        "tiff": "tiff-image",
        "tiff16": "tiff16-image",
    }


@pytest.fixture
def stored(render, tmp_path):
    """Stack "s": one tile of 40 x 30 pixels at (100, 200), z 1.5; the pixels of the tile."""
    pixels = np.random.default_rng(3).integers(0, 256, (30, 40), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "tile.png")
    tile = TileSpec(
        tileId="t",
        z=1.5,
        width=40,
        height=30,
        imageUrl=path_to_url(tmp_path / "tile.png"),
        maxint=255,
        tforms=[AffineModel(B0=100, B1=200)],
    )
    stack.create_stack("s", render=render)
    resolvedtiles.put_tilespecs("s", tilespecs=[tile], render=render)
    stack.set_stack_state("s", "COMPLETE", render=render)
    return pixels


def test_a_box_of_the_world_shows_the_pixels_of_its_tile(render, stored):
    box = image.get_bb_image("s", 1.5, 100, 200, 40, 30, render=render)
    assert box.shape == (30, 40, 4)
    np.testing.assert_array_equal(box[..., 0], stored)
    assert np.all(box[..., 3] == 255)


@pytest.mark.parametrize("img_format", [f for f in image.IMAGE_FORMATS if f != "tiff16"])
def test_every_format_has_the_size_asked_for(render, stored, img_format):
    keywords = {"img_format": img_format, "render": render}
    assert image.get_bb_image("s", 1.5, 100, 200, 40, 30, 0.5, **keywords).shape[:2] == (15, 20)
    assert image.get_section_image("s", 1.5, 0.5, **keywords).shape[:2] == (15, 20)
    assert image.get_tile_image_data("s", "t", scale=0.5, **keywords).shape[:2] == (15, 20)
    parameters = image.get_bb_renderparams("s", 1.5, 100, 200, 40, 30, 0.5, render=render)
    assert image.get_renderparameters_image(parameters, **keywords).shape[:2] == (15, 20)


def test_sixteen_bit_images(render, stored):
    box = image.get_bb_image("s", 1.5, 100, 200, 40, 30, img_format="tiff16", render=render)
    assert (box.dtype, box.shape) == (np.uint16, (30, 40))


def test_render_parameters(render, stored):
    box = image.get_bb_renderparams("s", 1.5, 90, 190, 60, 50, scale=0.5, render=render)
    assert (box["x"], box["y"], box["width"], box["height"]) == (90, 190, 60, 50)
    assert [tile["tileId"] for tile in box["tileSpecs"]] == ["t"]
    section = image.get_section_renderparams("s", 1.5, scale=0.25, render=render)
    assert section["scale"] == 0.25
    tile = image.get_tile_renderparams("s", "t", render=render)
    assert (tile["x"], tile["y"]) == (100, 200)
    with pytest.raises(RequestError):
        image.get_tile_renderparams("s", "nothing", render=render)
