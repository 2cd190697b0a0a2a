"""neuroglancer's client on a page of the service, and the state that it begins with."""

import pytest
import requests
from contract_service import Service
from server_process import ServerProcess

from renderws.neuroglancer import MISSING, PAGE, client_folder, page_html
from renderws.pages import POLICY as POLICY_OF_PAGES

TILE = {
    "tileId": "t",
    "z": 4.0,
    "width": 300,
    "height": 200,
    "minX": 10, "minY": 20, "maxX": 310, "maxY": 220,
    "layout": {"sectionId": "4"},
    "transforms": {"type": "list", "specList": [
        {"className": "mpicbg.trakem2.transform.AffineModel2D", "dataString": "1 0 0 1 10 20"}]},
    "mipmapLevels": {"0": {"imageUrl": "file:///none.png"}},
}  # fmt: skip
SIZES = {"stackResolutionX": 4, "stackResolutionY": 4, "stackResolutionZ": 40}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A service with stack `a_b` of z 4 and 6 (300 x 200 at (10, 20)), and `open`, LOADING."""
    process = ServerProcess(tmp_path_factory.mktemp("neuroglancer"))
    service = Service(process.base)
    tiles = {"t": TILE, "u": TILE | {"tileId": "u", "z": 6.0}}
    service.must("POST S:a_b", SIZES)
    service.must("PUT S:a_b/resolvedTiles", {"tileIdToSpecMap": tiles})
    service.must("PUT S:a_b/state/COMPLETE")
    service.must("POST S:open", SIZES)
    yield process
    process.end()


def state(server, query="", stack="a_b"):
    return Service(server.base)(f"GET S:{stack}/volume/neuroglancer{query}")


def test_the_state_shows_the_middle_whole(server):
    found = state(server).json()
    (layer,) = found["layers"]
    base = f"{server.base}/render-ws/v1/owner/test/project/p/stack/a_b/volume"
    assert layer["source"] == f"precomputed://{base}/precomputed"
    assert requests.get(f"{base}/precomputed/info", timeout=60).ok
    assert (layer["name"], found["title"]) == ("a_b", "a_b")
    assert found["position"] == [10 + 150, 20 + 100, 5.5]
    assert found["dimensions"]["z"] == [pytest.approx(40e-9), "m"]


@pytest.mark.parametrize(
    ("z", "plane"), [("4", 4.5), ("5", 5.5), ("6", 6.5), ("100", 6.5), ("-3", 4.5)]
)
def test_the_state_shows_the_place_of_the_section_viewer(server, z, plane):
    found = state(server, f"?x=30&y=-7.25&z={z}&zoom=0.25").json()
    assert found["position"] == [30.5, -6.75, plane]  # whole numbers are centres of pixels
    assert found["crossSectionScale"] == 4.0


@pytest.mark.parametrize(
    ("query", "stack", "status", "text"),
    [
        ("", "open", 400, "COMPLETE"),
        ("", "none", 404, "none"),
        ("?zoom=0", "a_b", 400, "zoom"),
        ("?x=left", "a_b", 404, "left"),
    ],
)
def test_what_cannot_be_shown_is_said(server, query, stack, status, text):
    answer = state(server, query, stack)
    assert (answer.status_code, text in answer.text) == (status, True), answer.text


def test_the_client_of_the_package_is_served(server):
    pytest.importorskip("neuroglancer", reason="neuroglancer is not installed")
    page = requests.get(server.base + PAGE, timeout=60)
    assert (page.status_code, page.headers["Cache-Control"]) == (200, "no-cache")
    own = (client_folder() / "index.html").read_text()
    scripts = page.text.partition('data-scripts="')[2].partition('"')[0].split()
    assert len(scripts) == own.count("<script") > 0
    policy = page.headers["Content-Security-Policy"]
    assert "'wasm-unsafe-eval'" in policy and "connect-src 'self'" in policy
    assert "'wasm-unsafe-eval'" not in POLICY_OF_PAGES
    for name in [*scripts, "start.js", next(client_folder().glob("*.wasm")).name]:
        file = requests.get(server.base + PAGE + name, timeout=60)
        assert file.status_code == 200
        assert file.headers["Content-Security-Policy"] == policy
        is_kept = "immutable" in file.headers["Cache-Control"]
        assert is_kept == (name != "start.js")
        if name != "start.js":
            assert file.content == (client_folder() / name).read_bytes()


@pytest.mark.parametrize(
    "path",
    [
        "index.html",
        "../../../../setup.py",
        "%2e%2e%2f__init__.py",
        "..%2fclient%2fmain.js",
        "x.js",
        "x/../start.js",
        "main.js.map",
    ],
)
def test_nothing_but_files_of_the_client_is_served(server, path):
    prepared = requests.Request("GET", server.base).prepare()
    prepared.url = server.base + PAGE + path  # as it is, without being made shorter
    answer = requests.Session().send(prepared, timeout=60)
    assert answer.status_code == 404
    assert requests.put(server.base + PAGE, timeout=60).status_code == 405


def test_the_pages_of_another_version_of_the_client_are_found():
    index = (
        '<head><script defer src="1.0f.js"></script><script src="main.ab.js" defer></script>'
        '<link href="main.ab.css" rel="stylesheet"></head>'
    )
    found = page_html(index)
    assert 'data-scripts="1.0f.js main.ab.js"' in found
    assert '<link rel="stylesheet" href="main.ab.css">' in found


def test_without_the_package_it_is_said_what_to_install(tmp_path):
    (tmp_path / "neuroglancer.py").write_text("raise ImportError('not here')")
    server = ServerProcess(tmp_path, env={"PYTHONPATH": str(tmp_path)})
    try:
        answer = requests.get(server.base + PAGE, timeout=60)
        assert (answer.status_code, answer.text) == (404, MISSING)
        page = requests.get(f"{server.base}/render-ws/view/viewer.html", timeout=60)
        assert 'data-neuroglancer="false"' in page.text
    finally:
        server.end()


def test_the_page_needs_the_token(tmp_path):
    server = ServerProcess(tmp_path, "--token", "s3cret")
    try:
        assert requests.get(server.base + PAGE, timeout=60).status_code == 401
        known = requests.get(server.base + PAGE, auth=("", "s3cret"), timeout=60)
        assert known.status_code == (404 if client_folder() is None else 200)
    finally:
        server.end()
