"""Images: what viewers ask for, pixel by pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

BOX = "S/z/1/box/5,0,100,80,1"


@pytest.fixture
def source(shared_service):
    with Image.open(shared_service.images / "8bit.png") as picture:
        return np.asarray(picture)


def array(response):
    with Image.open(io.BytesIO(response.content)) as picture:
        return np.asarray(picture)


def test_a_viewer_that_reads_stacks_and_boxes(shared_service, source):
    """The three requests of neuroglancer's render data source."""
    stacks = shared_service.must("GET O/stacks").json()
    acq = next(stack for stack in stacks if stack["stackId"]["stack"] == "acq")
    assert acq["state"] == "COMPLETE"
    assert acq["stats"]["stackBounds"]["maxX"] == 190.0
    assert acq["stats"]["channelNames"] == []
    assert acq["currentVersion"]["stackResolutionZ"] == 40.0

    swagger = shared_service.must("GET //render-ws/swagger.json").json()
    path = (
        "/v1/owner/{owner}/project/{project}/stack/{stack}"
        "/z/{z}/box/{x},{y},{width},{height},{scale}/raw-image"
    )
    names = {p["name"] for p in swagger["paths"][path]["get"]["parameters"] if not p["required"]}
    assert {"minIntensity", "maxIntensity", "channels", "filter"} <= names

    raw16 = shared_service.must("GET S/z/2/box/5,10,100,80,1/raw16-image?unknown=1").content
    assert np.array_equal(np.frombuffer(raw16, ">u2").reshape(80, 100), source)
    png16 = array(shared_service.must("GET S/z/2/box/5,10,100,80,1/png16-image"))
    assert np.array_equal(png16, source)
    png = array(shared_service.must("GET S/z/2/box/5,10,100,80,1/png-image"))
    assert png.shape == (80, 100, 4)
    assert array(shared_service.must(f"GET {BOX}/jpeg-image")).shape == (80, 100, 3)


def test_raw_is_big_endian_argb(shared_service, source):
    raw = shared_service.must("GET S/z/2/box/5,10,100,80,1/raw-image").content
    values = np.frombuffer(raw, ">u4").reshape(80, 100)
    grey = source.astype(np.uint32)
    assert np.array_equal(values, 0xFF000000 | grey << 16 | grey << 8 | grey)


def test_put_gives_what_get_gives(shared_service):
    document = shared_service.must(f"GET {BOX}/render-parameters").content
    sent = shared_service("PUT O/png-image", document)
    assert sent.content == shared_service.must(f"GET {BOX}/png-image").content


def test_an_empty_box_is_transparent(shared_service):
    assert not array(shared_service.must("GET S/z/9/box/0,0,30,20,1/png-image")).any()


def test_the_raw_image_of_a_tile(shared_service, source):
    picture = array(shared_service.must("GET S/tile/a/source/png-image"))
    assert np.array_equal(picture[:, :, 0], source)


def test_ranges_and_scale_come_from_the_query(shared_service, source):
    picture = array(shared_service.must("GET S/tile/a/png-image?minIntensity=0&maxIntensity=128"))
    expected = np.minimum(255, 256 * source.astype(int) // 128)
    assert np.array_equal(picture[:, :, 0], expected)


FIELD = "S/z/1/box/0,-20,200,150,1"


@pytest.mark.parametrize(
    ("format", "shape"),
    [("png", (150, 200, 4)), ("jpeg", (150, 200, 3)), ("tiff", (150, 200, 3)),
     ("tiff16", (150, 200)), ("png16", (150, 200))],
)  # fmt: skip
def test_outlines_in_every_format(shared_service, format, shape):
    answer = shared_service.must(f"GET {FIELD}/{format}-image?maxTileSpecsToRender=0")
    assert array(answer).shape == shape


def test_outlines_are_green_boxes_of_the_tiles(shared_service):
    picture = array(shared_service.must(f"GET {FIELD}/png-image?maxTileSpecsToRender=0"))
    document = shared_service.must(f"GET {FIELD}/render-parameters").json()
    boxes = np.array(
        [[tile[key] for key in ("minX", "minY", "maxX", "maxY")] for tile in document["tileSpecs"]]
    ).astype(int)
    assert len(boxes)
    drawn = picture[:, :, 3] > 0
    assert (picture[drawn] == (0, 255, 0, 255)).all()
    boxes += np.array([0, 20, 0, 20])  # the window starts at y = -20
    for left, top, right, bottom in boxes:
        assert drawn[top, max(left, 0) : right + 1].all() and drawn[top : bottom + 1, left].all()
        assert drawn[bottom, left : right + 1].all() and drawn[top : bottom + 1, right].all()


def test_raw_outlines(shared_service):
    png = array(shared_service.must(f"GET {FIELD}/png-image?maxTileSpecsToRender=0"))
    raw = shared_service.must(f"GET {FIELD}/raw-image?maxTileSpecsToRender=0").content
    values = np.frombuffer(raw, ">u4").reshape(150, 200)
    drawn = png[:, :, 3] > 0
    assert (values[drawn] == 0xFF00FF00).all() and not values[~drawn].any()
    raw16 = shared_service.must(f"GET {FIELD}/raw16-image?maxTileSpecsToRender=0").content
    values = np.frombuffer(raw16, ">u2").reshape(150, 200)
    assert (values[drawn] == 85).all() and not values[~drawn].any()
