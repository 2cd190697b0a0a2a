"""Who may ask for what, and which files may be opened on a client's word."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from renderapi.errors import RenderError, SourceNotAllowed
from renderapi.urls import path_to_url
from renderws.guard import check_host, check_permission, check_source
from renderws.routes.answers import Answer, HttpError
from renderws.routes.router import Route
from renderws.routes.table import routes
from renderws.serve import is_loopback, served_settings
from renderws.settings import Settings
from renderws.store.tiles import Tiles


def nothing(call):
    """Do nothing."""
    return Answer()


READ = Route(1, "GET", "/read", nothing)
WRITE = Route(2, "POST", "/write", nothing)
LOOK = Route(3, "PUT", "/look", nothing, changes=False)


def status(route, headers, settings):
    try:
        check_permission(route, headers, settings)
    except HttpError as error:
        return error.status
    return 200


def test_without_settings_everything_is_allowed():
    assert status(WRITE, {"origin": "http://elsewhere"}, Settings()) == 200


def test_read_only_refuses_changes_alone():
    settings = Settings(read_only=True)
    found = [status(route, {}, settings) for route in (READ, WRITE, LOOK)]
    assert found == [200, 403, 200]


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", 401),
        ("Bearer wrong", 401),
        ("Bearer secret", 200),
        ("Basic " + base64.b64encode(b"me:secret").decode(), 200),
        ("Basic " + base64.b64encode(b"me:wrong").decode(), 401),
        ("Basic ?", 401),
    ],
)
def test_token(header, expected):
    assert status(READ, {"authorization": header}, Settings(token="secret")) == expected


def test_health_needs_no_token():
    route = Route(0, "GET", "//health", nothing)
    assert status(route, {}, Settings(token="secret")) == 200


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"host": "localhost:8080", "origin": "http://localhost:8080"}, 200),
        ({"host": "localhost:8080", "origin": "http://localhost:3000"}, 403),
        ({"host": "localhost:8080", "origin": "https://friend"}, 200),
        ({"host": "localhost:8080", "origin": "null"}, 403),
        ({"host": "localhost:8080", "sec-fetch-site": "cross-site"}, 403),
        ({"host": "localhost:8080", "sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_foreign_pages_may_read_but_not_write(headers, expected):
    settings = Settings(check_origin=True, allow_origins=("https://friend",))
    assert status(READ, headers, settings) == 200
    assert status(LOOK, headers, settings) == 200
    assert status(WRITE, headers, settings) == expected


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost:8080", True),
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("evil.example:8080", False),
        ("", False),
    ],
)
def test_host_names(host, allowed):
    settings = Settings(host_names=("localhost",))
    try:
        check_host({"host": host}, settings)
        found = True
    except HttpError:
        found = False
    assert found is allowed


@pytest.fixture
def roots(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "inside").mkdir()
    (tmp_path / "out" / "b.png").write_bytes(b"b")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    return Settings(image_roots=(tmp_path / "in",), allowed_hosts=("images.example",)), tmp_path


def test_sources_inside(roots):
    settings, folder = roots
    for url in (
        path_to_url(folder / "in" / "a b.png"),
        str(folder / "in" / "a.png"),
        f"file:{folder}/in/x.n5?dataSet=d",
        "mask://outside-box?minX=0&minY=0&maxX=1&maxY=1&width=2&height=2",
        "https://images.example/a.png",
    ):
        check_source(url, settings)


def test_sources_outside(roots):
    settings, folder = roots
    for url in (
        path_to_url(folder / "out" / "b.png"),
        str(folder / "in" / ".." / "out" / "b.png"),
        f"file://{folder}/in/%2E%2E/out/b.png",
        path_to_url(folder / "in" / "link" / "b.png"),
        str(folder / "inside" / "b.png"),
        "/etc/passwd",
        "https://other.example/a.png",
        "https://images.example@other.example/a.png",
        "ftp://images.example/a.png",
    ):
        with pytest.raises(SourceNotAllowed):
            check_source(url, settings)


def test_the_error_names_the_file_and_the_option(roots):
    settings, _ = roots
    with pytest.raises(SourceNotAllowed, match=r"/etc/passwd.*--image-root"):
        check_source("/etc/passwd", settings)


def test_other_machines_need_a_token(tmp_path):
    with pytest.raises(RenderError, match="--token"):
        served_settings("0.0.0.0", [tmp_path])
    assert served_settings("0.0.0.0", [tmp_path], token="x").token == "x"
    assert served_settings("0.0.0.0", [tmp_path], insecure=True).token is None
    assert served_settings("127.0.0.1").image_roots == (Path.cwd(),)
    with pytest.raises(RenderError, match="not a folder"):
        served_settings("127.0.0.1", [tmp_path / "none"])


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True),
     ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("name", False)],
)  # fmt: skip
def test_loopback(host, expected):
    assert is_loopback(host) is expected


def ask(service, settings, request, send=None):
    """Answer of a service with other settings, on the store of `service`."""
    import asyncio
    from urllib.parse import unquote

    from renderws.local import _OPEN
    from renderws.service import Service as Application

    path = unquote(service.base.partition("://")[2])
    store = next(entry.service.store for key, entry in _OPEN.entries.items() if key[1] == path)
    application = Application(store, settings)
    method, _, path = request.partition(" ")
    raw = service.path(path).partition("/render-ws")[1:]
    path, _, query = "".join(raw).partition("?")
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode()}
    sent = []

    async def receive():
        return {"type": "http.request", "body": json.dumps(send).encode() if send else b""}

    async def collect(message):
        sent.append(message)

    asyncio.run(application({**scope, "renderws.direct": True}, receive, collect))
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:])


BOX = "S/z/1/box/0,0,200,80,0.5"


def test_images_outside_the_roots_are_refused_by_every_way_in(service, tmp_path):
    settings = Settings(image_roots=(tmp_path,))
    for request, send in (
        (f"GET {BOX}/png-image", None),
        ("GET S/tile/a/source/png-image", None),
        ("GET S/tile/c/mask/png-image", None),
        ("GET S/tile/a/validation-info", None),
        ("PUT O/png-image", {"tileSpecUrl": f"{service.images}/8bit.png"}),
        ("PUT O/validate-json/render", {"tileSpecUrl": f"{service.images}/8bit.png"}),
    ):
        code, text = ask(service, settings, request, send)
        assert code == 400, (request, code, text)
        assert b"--image-root" in text, (request, text)
    assert ask(service, Settings(image_roots=(service.images,)), f"GET {BOX}/png-image")[0] == 200


def test_materialised_boxes_outside_the_roots_are_refused(service, tmp_path):
    outside = service.images / "64x64" / "0" / "1" / "0"
    outside.mkdir(parents=True, exist_ok=True)
    (outside / "0.png").write_bytes(b"secret")
    service.must("PUT S/materializedBoxRootPath", str(service.images).encode())
    request = "GET S/largeDataTileSource/64/64/0/1/0/0.png"
    assert service(request).content == b"secret"
    code, text = ask(service, Settings(image_roots=(tmp_path,)), request)
    assert code == 400
    assert b"--image-root" in text


def test_bodies_and_pictures_that_are_too_large(service):
    small = Settings(max_body_bytes=100, max_pixels=1000)
    code, text = ask(service, small, "POST S:new", {"versionNotes": "x" * 200})
    assert (code, b"100 bytes" in text) == (413, True)
    code, text = ask(service, small, f"GET {BOX}/png-image")
    assert (code, b"1000" in text) == (400, True)


def test_more_tiles_than_one_answer_may_hold(service):
    few = Settings(max_tiles=1)
    for request in ("GET S/z/1/tile-specs", "GET S/z/1/resolvedTiles", f"GET {BOX}/png-image"):
        code, text = ask(service, few, request)
        assert (code, b"more than 1 tiles" in text) == (400, True)


def test_too_wide_a_range_of_z_is_refused_before_a_tile_is_read(service, monkeypatch):
    """Else all of its tiles would be sorted for the first of them."""
    monkeypatch.setattr(Tiles, "tile_documents", lambda *_: pytest.fail("tiles are read"))
    for limits in ("", "?minZ=1", "?maxZ=3", "?minZ=0&maxZ=3"):
        code, text = ask(service, Settings(max_tiles=1), f"GET S/resolvedTiles{limits}")
        assert (code, b"more than 1 tiles" in text) == (400, True)


def test_documented_switches(service):
    _, body = ask(service, Settings(omit_match_count=True), "GET C/pGroup/2.0/matches")
    assert [sorted(m) for m in json.loads(body)] == [
        ["matches", "pGroupId", "pId", "qGroupId", "qId"]
    ]
    _, body = ask(service, Settings(legacy_tile_size=True), "GET S/tile/a/render-parameters")
    assert (json.loads(body)["width"], json.loads(body)["height"]) == (101, 81)
    _, body = ask(service, Settings(max_tile_specs_to_render=3), "GET /serverProperties")
    assert json.loads(body)["properties"]["webService.maxTileSpecsToRender"] == "3"


@pytest.mark.parametrize(
    ("authorization", "admitted"),
    [
        ("Bearer secret", True),
        ("bearer secret", True),
        ("Token secret", False),
        ("secret", False),
        (" secret", False),
        ("Digest secret", False),
        ("Bearer", False),
        ("Bearer other", False),
    ],
)
def test_only_bearer_tokens_are_tokens(authorization, admitted):
    (route,) = [one for one in routes() if one.path.endswith("/likelyUniqueId")]
    settings = Settings(token="secret")
    headers = {"authorization": authorization}
    if admitted:
        check_permission(route, headers, settings)
        return
    with pytest.raises(HttpError) as caught:
        check_permission(route, headers, settings)
    assert caught.value.status == 401


def test_the_image_cache_is_only_emptied_by_those_who_may_change_things():
    (route,) = [one for one in routes() if "imageProcessorCache" in one.path]
    for headers, settings in (
        ({}, Settings(read_only=True)),
        ({"origin": "http://elsewhere.invalid", "host": "localhost"}, Settings(check_origin=True)),
    ):
        with pytest.raises(HttpError) as caught:
            check_permission(route, headers, settings)
        assert caught.value.status == 403
    check_permission(route, {}, Settings())
