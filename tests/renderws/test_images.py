"""Images: what viewers ask for, pixel by pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from renderws.outlines import draw_outlines, encode_outlines
from renderws.store.protocol import TileBounds

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


def bounds(tile_id, *box):
    return TileBounds(tile_id, 1.0, *box, None)


WINDOW = {"x": 10.0, "y": 20.0, "width": 300, "height": 200, "scale": 0.5}


def test_outlines_are_green_boxes():
    picture = draw_outlines(WINDOW, [bounds("", 30.0, 40.0, 70.0, 80.0)])
    assert picture.shape == (100, 150, 4)
    lit = picture[:, :, 1] == 255
    expected = np.zeros_like(lit)
    expected[10:31, 10:31] = True
    expected[11:30, 11:30] = False
    assert np.array_equal(lit, expected)
    assert not picture[~lit].any()


def test_ids_are_written_where_there_is_room():
    wide = [bounds("tile-a", 10.0, 20.0, 300.0, 200.0)]
    inner = draw_outlines(WINDOW, wide)[5:80, 5:140]
    assert inner.any()
    narrow = [bounds("tile-a", 10.0, 20.0, 50.0, 200.0)]
    assert not draw_outlines(WINDOW, narrow)[5:80, 5:15].any()


def test_a_background_lies_under_outlines():
    picture = draw_outlines({**WINDOW, "backgroundRGBColor": 0x102030}, [])
    assert (picture == (16, 32, 48, 255)).all()


@pytest.mark.parametrize(
    ("format", "shape"),
    [("png", (100, 150, 4)), ("jpeg", (100, 150, 3)), ("tiff", (100, 150, 3)),
     ("tiff16", (100, 150)), ("png16", (100, 150))],
)  # fmt: skip
def test_outlines_in_every_format(format, shape):
    picture = draw_outlines(WINDOW, [bounds("t", 30.0, 40.0, 70.0, 80.0)])
    with Image.open(io.BytesIO(encode_outlines(picture, format))) as image:
        assert np.asarray(image).shape == shape


def test_raw_outlines():
    picture = draw_outlines(WINDOW, [bounds("t", 30.0, 40.0, 70.0, 80.0)])
    raw = np.frombuffer(encode_outlines(picture, "raw"), ">u4").reshape(100, 150)
    assert hex(raw[10, 10]) == "0xff00ff00"
    raw16 = np.frombuffer(encode_outlines(picture, "raw16"), ">u2").reshape(100, 150)
    assert raw16[10, 10] == 85


def test_more_tiles_than_may_be_drawn_are_outlined(shared_service):
    outlined = array(shared_service.must(f"GET {BOX}/png-image?maxTileSpecsToRender=1"))
    assert set(map(tuple, outlined.reshape(-1, 4))) <= {(0, 0, 0, 0), (0, 255, 0, 255)} | {
        tuple(p) for p in outlined.reshape(-1, 4) if p[0] == 0 and p[2] == 0
    }
    drawn = array(shared_service.must(f"GET {BOX}/png-image?maxTileSpecsToRender=2"))
    assert (drawn[:, :, 3] == 255).all()


def test_levels_of_the_catmaid_pyramid_halve_the_scale(shared_service):
    tile = array(shared_service.must("GET S/largeDataTileSource/32/32/1/2/0/1.png"))
    box = array(shared_service.must("GET S/z/2/box/64,0,64,64,0.5/png-image"))
    assert np.array_equal(tile, box)
