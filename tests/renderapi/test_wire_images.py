"""What the functions that ask for pictures send, and what they make of the answer."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from renderapi import image

S = "/owner/O/project/P/stack/S"
PARAMETERS = {"tileSpecs": [{"tileId": "t"}], "x": 0.0}


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((4, 6, 4), 7, np.uint8)).save(file, "png")
    return file.getvalue()


PNG = png()

IMAGES = [
    (image.get_bb_image, ("S", 3, 1, 2, 6, 4), {}, f"{S}/z/3/box/1,2,6,4,1.000000/png-image", {}),
    (
        image.get_bb_image,
        ("S", 3.5, 1, 2, 6, 4, 0.5, "A", 1, 2, True, False, 20),
        {"img_format": "tiff16"},
        f"{S}/z/3.5/box/1,2,6,4,0.500000/tiff16-image",
        {
            "channels": "A",
            "minIntensity": "1",
            "maxIntensity": "2",
            "binaryMask": "true",
            "filter": "false",
            "maxTileSpecsToRender": "20",
        },
    ),
    (
        image.get_tile_image_data,
        ("S", "t"),
        {},
        f"{S}/tile/t/png-image",
        {"normalizeForMatching": "true", "excludeAllTransforms": "false"},
    ),
    (
        image.get_tile_image_data,
        ("S", "t"),
        {"normalizeForMatching": False, "removeAllOption": True, "scale": 0.5, "filter": True},
        f"{S}/tile/t/png-image",
        {"excludeAllTransforms": "true", "scale": "0.5", "filter": "true"},
    ),
    (
        image.get_section_image,
        ("S", 3.5, 0.1),
        {"img_format": "jpg", "maxTileSpecsToRender": 3},
        f"{S}/z/3.5/jpeg-image",
        {"scale": "0.1", "filter": "false", "maxTileSpecsToRender": "3"},
    ),
]


@pytest.mark.parametrize(("call", "args", "keywords", "path", "query"), IMAGES)
def test_image(wire, call, args, keywords, path, query):
    wire.answers = [(200, PNG)]
    array = call(*args, render=wire.render, **keywords)
    assert (wire.asked[0].method, wire.asked[0].path) == ("GET", path)
    assert dict(wire.asked[0].query) == query
    assert array.shape == (4, 6, 4) and array.dtype == np.uint8 and np.all(array == 7)


def test_image_of_render_parameters(wire):
    wire.answers = [(200, PNG)]
    array = image.get_renderparameters_image(PARAMETERS, "tif", render=wire.render)
    assert array.shape == (4, 6, 4)
    asked = wire.asked[0]
    assert (asked.method, asked.path) == ("PUT", "/owner/O/tiff-image")
    assert asked.body == PARAMETERS
