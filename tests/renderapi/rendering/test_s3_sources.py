"""Images and masks of s3:// URLs, drawn from a server with the S3 protocol."""

import io
import threading

import numpy as np
import pytest
import requests
import tifffile
from PIL import Image

import renderapi
from renderapi.errors import ImageError
from renderapi.rendering import render, render_canvas

RANDOM = np.random.default_rng(5)
IMAGE = RANDOM.integers(1, 256, (24, 32)).astype(np.uint8)
SMALL = RANDOM.integers(1, 256, (12, 16)).astype(np.uint8)
MASK = np.zeros((24, 32), np.uint8)
MASK[4:20, 6:30] = 255
KEY = "raw data/tile 1+2.tif"  # as fsspec has it: URLs of object stores are not quoted


@pytest.fixture(scope="module")
def server():
    """A server with the S3 protocol, on loopback."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """The bucket `lab` with an image, its next level and its mask."""
    import boto3
    from s3fs import S3FileSystem

    for key, value in {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_ENDPOINT_URL": server,
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }.items():  # fmt: skip
        monkeypatch.setenv(key, value)
    S3FileSystem.clear_instance_cache()  # other tests have had another server
    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket="lab")
    for key, pixels in ((KEY, IMAGE), ("small.tif", SMALL)):
        stream = io.BytesIO()
        tifffile.imwrite(stream, pixels)
        client.put_object(Bucket="lab", Key=key, Body=stream.getvalue())
    stream = io.BytesIO()
    Image.fromarray(MASK).save(stream, "png")
    client.put_object(Bucket="lab", Key="mask.png", Body=stream.getvalue())
    client.close()
    yield "s3://lab"
    S3FileSystem.clear_instance_cache()
    requests.post(f"{server}/moto-api/reset", timeout=60).raise_for_status()


def stored_tile(scenes, bucket):
    tile = scenes.tile(f"{bucket}/{KEY}", 32, 24, mask=f"{bucket}/mask.png")
    tile["mipmapLevels"]["1"] = {"imageUrl": f"{bucket}/small.tif"}
    return tile


def test_a_tile_of_a_bucket_is_drawn_with_its_mask(bucket, scenes):
    picture = render(scenes.window([stored_tile(scenes, bucket)], 0, 0, 32, 24))
    assert np.array_equal(picture[:, :, 3], MASK)
    inside = MASK == 255
    assert np.array_equal(picture[:, :, 0][inside], IMAGE[inside])
    assert not picture[~inside].any()


def test_a_level_of_a_bucket_is_drawn_at_its_scale(bucket, scenes):
    tile = {**stored_tile(scenes, bucket), "width": 32.0, "height": 24.0}
    small = scenes.window([tile], 0.5, 0.5, 31, 23, 0.5, meshCellSize=8.0, excludeMask=True)
    assert np.array_equal(render_canvas(small).pixels, SMALL)


def test_the_service_draws_tiles_of_a_bucket(bucket, scenes, tmp_path):
    connection = renderapi.connect(host="local", store=tmp_path / "s.db", owner="o", project="p")
    spec = {**stored_tile(scenes, bucket), "z": 0.0, "layout": {"sectionId": "0"}}
    renderapi.stack.create_stack("s", render=connection)
    renderapi.client.import_tilespecs(
        "s", [renderapi.tilespec.TileSpec(json=spec)], use_rest=True, render=connection
    )
    renderapi.stack.set_stack_state("s", "COMPLETE", render=connection)
    picture = renderapi.image.get_bb_image("s", 0, 0, 0, 32, 24, render=connection)
    assert np.array_equal(picture[:, :, 3], MASK)
    assert np.array_equal(picture[:, :, 0][MASK == 255], IMAGE[MASK == 255])


def test_a_missing_object_is_one_line_with_its_url(bucket, scenes):
    tile = scenes.tile(f"{bucket}/none.tif", 32, 24)
    with pytest.raises(ImageError, match=r"s3://lab/none\.tif") as error:
        render(scenes.window([tile], 0, 0, 32, 24))
    assert "\n" not in str(error.value)
