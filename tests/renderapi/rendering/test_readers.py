"""Images from URLs that are not local files."""

import io
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import fsspec
import numpy as np
import pytest
from PIL import Image

import renderapi
from renderapi.errors import ImageError, SourceNotAllowed, SpecError
from renderapi.rendering import SourceCache, render, render_canvas
from renderapi.rendering.readers import read_bytes, read_image, read_info
from renderapi.urls import path_to_url

IMAGE = np.random.default_rng(0).integers(0, 256, (21, 34)).astype(np.uint8)


def png():
    stream = io.BytesIO()
    Image.fromarray(IMAGE).save(stream, "png")
    return stream.getvalue()


class Pages(BaseHTTPRequestHandler):
    """/a.png is an image, /moved leads to it, /loop to itself; all else is missing."""

    def do_GET(self):
        if self.path == "/a.png":
            self.send_response(200)
            self.end_headers()
            self.wfile.write(png())
        elif self.path in ("/moved", "/loop"):
            self.send_response(302)
            self.send_header("Location", "/a.png" if self.path == "/moved" else "/loop")
            self.end_headers()
        else:
            self.send_error(404)

    def log_message(self, format, *values):
        """Quiet."""


@pytest.fixture(scope="module")
def web():
    server = HTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_images_come_over_http(web):
    assert np.array_equal(read_image(f"{web}/a.png"), IMAGE)
    assert read_info(f"{web}/a.png") == (34, 21, np.dtype(np.uint8), 1)


def test_redirections_are_followed_only_where_permitted(web):
    assert np.array_equal(read_image(f"{web}/moved"), IMAGE)

    def allow(url):
        if url.endswith("/a.png"):
            raise SourceNotAllowed(f"{url} is not allowed")

    with pytest.raises(SourceNotAllowed, match=r"a\.png"):
        read_image(f"{web}/moved", allow=allow)
    with pytest.raises(ImageError, match="redirections"):
        read_image(f"{web}/loop")


def test_a_missing_page_is_one_line_with_its_url(web):
    with pytest.raises(ImageError, match=r"/none\.png") as error:
        read_image(f"{web}/none.png")
    assert "\n" not in str(error.value)


def test_other_schemes_go_through_fsspec():
    with fsspec.open("memory://tiles/a.png", "wb") as stream:
        stream.write(png())
    assert np.array_equal(read_image("memory://tiles/a.png"), IMAGE)


def test_tile_specs_come_from_their_url(tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", IMAGE)
    (tmp_path / "tiles.json").write_text(json.dumps([scenes.tile(path, 34, 21)]))
    document = scenes.window([], 0, 0, 34, 21, tileSpecUrl=path_to_url(tmp_path / "tiles.json"))
    assert np.array_equal(render(document)[:, :, 0], IMAGE)
    (tmp_path / "tiles.json").write_text("{")
    with pytest.raises(SpecError, match="JSON"):
        render(document)


def test_permission_is_asked_for_documents_too(tmp_path):
    def allow(url):
        raise SourceNotAllowed(f"{url} is not allowed")

    with pytest.raises(SourceNotAllowed):
        read_bytes(str(tmp_path / "tiles.json"), allow)


def test_a_picture_of_a_render_service_is_a_source(render, tmp_path, scenes):
    path = scenes.save(tmp_path / "a.png", IMAGE)
    spec = {**scenes.tile(path, 34, 21), "z": 0.0, "layout": {"sectionId": "0"}}
    renderapi.stack.create_stack("s", render=render)
    renderapi.client.import_tilespecs(
        "s", [renderapi.tilespec.TileSpec(json=spec)], use_rest=True, render=render
    )
    renderapi.stack.set_stack_state("s", "COMPLETE", render=render)
    host = render.DEFAULT_KWARGS["host"]
    base = f"{host}/render-ws/v1/owner/test/project/project/stack/s"
    tile = scenes.tile(f"{base}/z/0/box/0,0,34,21,1.0/tiff-image", 34, 21)
    canvas = render_canvas(scenes.window([tile], 0, 0, 34, 21), sources=SourceCache())
    assert np.array_equal(canvas.pixels[:, :, 0], IMAGE)
