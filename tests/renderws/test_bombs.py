"""Small requests and files that ask for much are refused quickly and within little memory."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from http.client import HTTPConnection
from pathlib import Path

import pytest
import requests

from renderapi.urls import path_to_url

OWNER = "/render-ws/v1/owner/o"
SIDE = 100_000


def png_bomb():
    """PNG that announces 10 gigapixels of zeros and holds the first of them."""

    def chunk(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10 * (SIDE + 1)))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def tiff_bomb():
    tags = [(256, 4, SIDE), (257, 4, SIDE), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 200),
            (277, 3, 1), (278, 4, SIDE), (279, 4, 8)]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries).ljust(300, b"\0")


def zip_bomb():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.tif", tiff_bomb())
    data = packed.getvalue()
    size = struct.pack("<I", len(tiff_bomb()))
    return data.replace(size, b"\xfe\xff\xff\xff") + data  # the announced size is 4 GB


BOMBS = {"bomb.png": png_bomb, "bomb.tif": tiff_bomb, "bomb.zip": zip_bomb}


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    for name, make in BOMBS.items():
        (folder / name).write_bytes(make())
    return folder


def picture(url, width=64, height=64):
    tile = {"tileId": "t", "width": 64, "height": 64, "mipmapLevels": {"0": {"imageUrl": url}}}
    tile["transforms"] = {"type": "list", "specList": []}
    return {
        "x": 0,
        "y": 0,
        "width": width,
        "height": height,
        "scale": 1,
        "tileSpecs": [tile],
    }


def memory(server):
    """Most memory that the process needed so far, megabytes."""
    text = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) / 1024


def nested(depth):
    return b'{"type":"list","specList":[' * depth + b"]}" * depth


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_bombs_are_refused_within_little_memory(bombs, tmp_path, serve_process):
    server = serve_process(tmp_path, "--image-root", str(bombs))
    image = f"{server.base}{OWNER}/png-image"
    stack = f"{server.base}{OWNER}/project/p/stack/s"
    with requests.Session() as session:
        session.trust_env = False
        session.post(stack, json={}, timeout=60)
        circle = {"a": {"type": "ref", "refId": "b"}, "b": {"type": "ref", "refId": "a"}}
        tile = b'{"tileIdToSpecMap":{"t":{"z":1,"width":9,"height":9,"transforms":%s}}}'
        import_url = f"{stack}/resolvedTiles?deriveData=true"
        body = b'{"tileIdToSpecMap":{"t":{"z":1,"width":9,"height":9,"meshCellSize":1e-9}}}'
        mask = "mask://outside-box?minX=0&minY=0&maxX=9&maxY=9&width=99999&height=99999"
        wanted = [
            *(("PUT", image, picture(path_to_url(bombs / name))) for name in BOMBS),
            ("PUT", image, picture(mask)),
            ("PUT", image, picture(path_to_url(bombs / "bomb.png"), 1 << 19, 1 << 19)),
            ("PUT", image, picture("", 10**12, 10**12)),
            ("GET", f"{stack}/z/1/box/0,0,2000000000,2000000000,1/png-image", None),
            ("GET", f"{stack}/z/1/box/0,0,9,9,1e300/png-image", None),
            ("PUT", import_url, {"transformIdToSpecMap": circle, "tileIdToSpecMap": {"t": {}}}),
            ("PUT", import_url, tile % nested(5_000)),
            ("PUT", import_url, tile % nested(200_000)),
            ("PUT", import_url, body),
            ("PUT", import_url, b"[" * 10_000_000),
            ("PUT", f"{stack}/tileIdsForCoordinates", b"[" * 10_000_000),
        ]  # fmt: skip
        for method, url, sent in wanted:
            data = {"data": sent} if isinstance(sent, bytes) else {"json": sent}
            start = time.monotonic()
            answer = session.request(method, url, timeout=120, **data)
            assert 400 <= answer.status_code < 500, (url, str(sent)[:200], answer.text[:300])
            assert time.monotonic() - start < 30
            assert "\n" not in answer.text
    assert memory(server) < 500
    assert server.end() == 0
    assert "Traceback" not in server.errors


def test_a_body_that_is_too_large_is_refused_before_it_is_read(tmp_path, serve_process):
    server = serve_process(tmp_path)
    connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", f"{OWNER}/project/p/stack/s")
    connection.putheader("Content-Length", str(1 << 50))
    connection.endheaders(b"{")
    answer = connection.getresponse()
    assert answer.status == 413
    assert b"send it in parts" in answer.read()
    connection.close()
