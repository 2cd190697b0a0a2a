"""Two embedded services, and a stack whose tiles have every field that there is."""

import io
import threading

import numpy as np
import pytest
import requests
import tifffile
from transfer_stacks import full_tile, group, put_stack

import renderapi
from renderapi.urls import path_to_url


@pytest.fixture
def images(tmp_path):
    """Folder with blanks, percent and equals signs in its names: images, a mipmap and a mask."""
    folder = tmp_path / "raw data 50%"
    (folder / "mips").mkdir(parents=True)
    for index in range(2):
        pixels = np.arange(768, dtype=np.uint16).reshape(24, 32) * (index + 1)
        tifffile.imwrite(folder / f"tile {index} 100%=1.tif", pixels)
        tifffile.imwrite(folder / "mips" / f"tile {index}.tif", pixels[::2, ::2])
    tifffile.imwrite(folder / "mask.tif", np.full((24, 32), 255, np.uint8))
    return folder


@pytest.fixture
def stack(render, images):
    """Two sections of one tile each; the second has a mask, channels, a computed mask."""

    def levels(index):
        return {
            "0": {"imageUrl": path_to_url(images / f"tile {index} 100%=1.tif")},
            "1": {"imageUrl": path_to_url(images / "mips" / f"tile {index}.tif")},
        }

    masked = levels(1)
    masked["0"]["maskUrl"] = path_to_url(images / "mask.tif")
    box = "mask://outside-box?minX=1&minY=1&maxX=31&maxY=23&width=32&height=24"
    channel = {"imageUrl": levels(0)["0"]["imageUrl"], "maskUrl": box}
    channels = [{"name": "DAPI", "minIntensity": 0.0, "maxIntensity": 255.0,
                 "mipmapLevels": {"0": channel}}]  # fmt: skip
    sections = [
        [full_tile("t/0", 0, levels(0))],
        [full_tile("t#1", 1, masked, channels=channels)],
    ]
    put_stack(render, "raw", sections)
    return "raw"


@pytest.fixture
def other(tmp_path):
    """Connection to a second service."""
    return renderapi.connect(
        host="local", store=tmp_path / "other.db", owner="archive", project="elsewhere"
    )


@pytest.fixture
def connections(render, other):
    """The two groups of parameters."""
    return {"render_source": group(render), "render_target": group(other)}


class Faults:
    """What goes wrong on the way to the server with the S3 protocol.

    Attributes
    ----------
    refusals : int
        So many of the next uploads are answered with 503.
    damages : int
        So many of the next uploads after these lose a bit.
    uploads : int
        Uploads so far.
    """

    def __init__(self, application):
        self.application = application
        self.refusals = self.damages = self.uploads = 0
        self.url = ""

    def __call__(self, environ, start_response):
        if environ["REQUEST_METHOD"] == "PUT" and environ["PATH_INFO"].count("/") > 1:
            self.uploads += 1
            if self.refusals:
                self.refusals -= 1
                environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
                start_response("503 Slow Down", [("Content-Length", "0")])
                return []
            if self.damages:
                self.damages -= 1
                data = bytearray(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
                data[len(data) // 2] ^= 1
                environ["wsgi.input"] = io.BytesIO(bytes(data))
        return self.application(environ, start_response)


@pytest.fixture
def faults(tmp_path, monkeypatch):
    """A server with the S3 protocol that has the bucket `lab`, and what goes wrong there."""
    import boto3
    from moto.server import DomainDispatcherApplication, create_backend_app
    from s3fs import S3FileSystem
    from werkzeug.serving import make_server

    S3FileSystem.clear_instance_cache()  # other tests have had another server
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    application = Faults(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    application.url = f"http://127.0.0.1:{server.port}"
    client = boto3.client("s3", endpoint_url=application.url, region_name="us-east-1")
    client.create_bucket(Bucket="lab")
    client.close()
    yield application
    S3FileSystem.clear_instance_cache()
    requests.post(f"{application.url}/moto-api/reset", timeout=60).raise_for_status()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def moto(faults):
    """Address of the server."""
    return faults.url
