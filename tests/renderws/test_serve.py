"""The service on a real socket."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests
import uvicorn
from PIL import Image

from renderapi.errors import RenderError
from renderws import serve
from renderws.app import create_app
from renderws.service import Service
from renderws.settings import Settings


@pytest.fixture(scope="module")
def socket_service(tmp_path_factory, request):
    """Base URL of a service that a thread serves, and the folder of its images."""
    folder = tmp_path_factory.mktemp("served")
    listener = serve._listen("127.0.0.1", 0)
    settings = serve.served_settings("127.0.0.1", [folder])
    app = create_app(serve.open_store(folder / "render.db"), settings)
    server = uvicorn.Server(serve._config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", folder
    server.should_exit = True
    thread.join()
    listener.close()


STACK = "/render-ws/v1/owner/o/project/p/stack/s"


def tile(folder, tile_id="t/1"):
    return {
        "tileId": tile_id, "z": 1, "width": 64, "height": 48,
        "mipmapLevels": {"0": {"imageUrl": str(folder / "t.png")}},
        "transforms": {"type": "list", "specList": []},
    }  # fmt: skip


def test_import_and_image_over_http(socket_service):
    base, folder = socket_service
    Image.new("L", (64, 48), 77).save(folder / "t.png")
    assert requests.post(base + STACK, json={}, timeout=60).status_code == 201
    answer = requests.put(
        f"{base}{STACK}/resolvedTiles?deriveData=True",
        data=json.dumps({"tileIdToSpecMap": {"t/1": tile(folder)}}),
        timeout=60,
    )
    assert answer.status_code == 201
    assert answer.headers["Location"].startswith(base)
    assert requests.get(f"{base}{STACK}/tile/t%2F1/", timeout=60).json()["tileId"] == "t/1"
    image = requests.get(f"{base}{STACK}/z/1.0/png-image?scale=0.5", timeout=60)
    with Image.open(io.BytesIO(image.content)) as picture:
        assert picture.size == (32, 24)
        assert picture.getpixel((5, 5)) == (77, 77, 77, 255)
    again = requests.get(
        f"{base}{STACK}/z/1.0/png-image?scale=0.5",
        headers={"If-None-Match": image.headers["ETag"]},
        timeout=60,
    )
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == image.headers["Cache-Control"]


def test_the_tag_changes_when_tiles_are_saved_while_loading(socket_service):
    base, folder = socket_service
    Image.new("L", (64, 48), 77).save(folder / "t.png")
    stack = f"{base}{STACK}2"
    requests.post(stack, json={}, timeout=60)
    tags = []
    for name in ("a", "b"):
        body = {"tileIdToSpecMap": {name: tile(folder, name)}}
        requests.put(f"{stack}/resolvedTiles?deriveData=true", json=body, timeout=60)
        url = f"{stack}/z/1/box/0,0,10,10,1/jpeg-image"
        tags.append(requests.get(url, timeout=60).headers["ETag"])
    assert tags[0] != tags[1]


def test_an_image_outside_the_roots_is_refused(socket_service):
    base, _ = socket_service
    body = {"tileSpecs": [tile(serve.Path("/etc"))]}
    answer = requests.put(f"{base}/render-ws/v1/owner/o/png-image", json=body, timeout=60)
    assert answer.status_code == 400
    assert "/etc/t.png" in answer.text
    assert "--image-root" in answer.text


def test_cors_and_foreign_pages(socket_service):
    base, _ = socket_service
    foreign = {"Origin": "http://elsewhere.example"}
    answer = requests.get(f"{base}/render-ws/v1/owners", headers=foreign, timeout=60)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    plain = requests.get(f"{base}/render-ws/v1/owners", timeout=60)
    assert plain.headers["Access-Control-Allow-Origin"] == "*"  # it may be shown to a page later
    shown = plain.headers["Access-Control-Expose-Headers"]
    assert shown == "Location, ETag, Accept-Ranges, Content-Range"
    asked = requests.options(f"{base}{STACK}", headers=foreign, timeout=60)
    assert "DELETE" in asked.headers["Access-Control-Allow-Methods"]
    plain = {**foreign, "Content-Type": "text/plain"}
    assert requests.post(base + STACK, data="{}", headers=plain, timeout=60).status_code == 403
    rebound = {"Host": "rebound.example"}
    assert requests.get(f"{base}/health", headers=rebound, timeout=60).status_code == 403


def test_pages_and_documents(socket_service):
    base, _ = socket_service
    answer = requests.get(base, timeout=60, allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/render-ws/view/")
    assert requests.get(f"{base}/health", timeout=60).json() == {"status": "ok"}
    swagger = requests.get(f"{base}/render-ws/swagger.json", timeout=60).json()
    assert swagger["swagger"] == "2.0"
    assert "get" in swagger["paths"]["/v1/owners"]
    openapi = requests.get(f"{base}/openapi.json", timeout=60).json()
    assert openapi["openapi"].startswith("3.")
    assert "<table>" in requests.get(f"{base}/docs", timeout=60).text


def test_errors_are_plain_lines(socket_service):
    base, _ = socket_service
    for method, path, status in (
        ("GET", "/nowhere", 404),
        ("PATCH", "/render-ws/v1/owners", 405),
        ("POST", STACK + "x", 400),
        ("GET", STACK + "/z/x/bounds", 404),
    ):
        answer = requests.request(method, base + path, data=b"{", timeout=60)
        assert answer.status_code == status
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert answer.text
        assert "{" not in answer.text


def test_large_answers_arrive_in_parts(socket_service):
    base, _ = socket_service
    stack = f"{base}{STACK}3"
    requests.post(stack, json={}, timeout=60)
    box = {"minX": 0, "minY": 0, "maxX": 1, "maxY": 1, "z": 1}
    tiles = {f"t{i:06d}": box for i in range(30000)}
    body = {"tileIdToSpecMap": tiles}
    assert requests.put(f"{stack}/resolvedTiles", json=body, timeout=60).status_code == 201
    answer = requests.get(f"{stack}/tileIds", timeout=60)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.json() == list(tiles)


def test_a_taken_address_is_one_clear_line(socket_service):
    base, _ = socket_service
    with pytest.raises(RenderError, match=r"cannot listen at 127\.0\.0\.1"):
        serve._listen("127.0.0.1", int(base.rpartition(":")[2]))


def test_start_lines(tmp_path):
    with serve._listen("127.0.0.1", 0) as listener:
        settings = serve.served_settings("127.0.0.1", [tmp_path])
        lines = serve.start_lines(listener, tmp_path / "a.db", settings)
        assert str(listener.getsockname()[1]) in lines[0]
        assert "other users of this machine" in lines[2]
        private = serve.served_settings("127.0.0.1", [tmp_path], token="x")
        assert len(serve.start_lines(listener, tmp_path / "a.db", private)) == 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_process_serves_until_it_is_told_to_stop(tmp_path, workers):
    program = (
        "from functools import partial\n"
        "from renderws.serve import serve\n"
        f"serve({str(tmp_path / 'a.db')!r}, port=0, image_roots=[{str(tmp_path)!r}],"
        f" workers={workers}, access_log=True, announce=partial(print, flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        base = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())[0]
        for _ in range(100):
            try:
                answer = requests.get(f"{base}/health", timeout=60)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        assert answer.json() == {"status": "ok"}
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert '"path":"/health","query":"","status":200' in errors
    assert "Traceback" not in errors


def ask(application, headers, client):
    sent = []

    async def receive():
        return {"type": "http.request", "body": b""}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "GET", "path": "/openapi.json", "query_string": b"",
        "headers": headers, "client": client,
    }  # fmt: skip
    asyncio.run(application(scope, receive, send))
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, b"".join(m.get("body", b"") for m in sent[1:])


def test_large_answers_are_compressed_for_other_machines(tmp_path):
    accepting = [(b"accept-encoding", b"gzip, deflate")]
    application = Service(serve.open_store(tmp_path / "a.db"), Settings())
    _, headers, plain = ask(application, accepting, ("127.0.0.1", 1))
    assert "content-encoding" not in headers
    _, headers, packed = ask(application, accepting, ("10.0.0.5", 1))
    assert headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == plain
    _, headers, body = ask(application, [], ("10.0.0.5", 1))
    assert body == plain
    application.close()


def test_more_requests_than_may_wait_are_turned_away(tmp_path):
    application = Service(serve.open_store(tmp_path / "a.db"), Settings(queue=0))
    status, headers, _ = ask(application, [], ("127.0.0.1", 1))
    assert (status, headers["retry-after"]) == (503, "1")
    application.close()


def test_a_request_that_is_given_up_since_the_service_stops_is_answered(tmp_path):
    application = Service(serve.open_store(tmp_path / "a.db"), Settings())
    sent = []

    async def waiting(*_):
        task.cancel()
        await asyncio.sleep(60)

    async def send(message):
        sent.append(message)

    async def ask_and_cancel():
        nonlocal task
        scope = {"type": "http", "method": "GET", "path": "/openapi.json", "headers": []}
        task = asyncio.create_task(application(scope, None, send))
        await asyncio.wait_for(task, 30)

    task = None
    application._run = waiting
    asyncio.run(ask_and_cancel())
    assert sent[0]["status"] == 503
    assert sent[1]["body"] == b"the service is stopping"
    application.close()
