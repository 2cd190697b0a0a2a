"""`renderapps view`: a stack opens in the section viewer and in neuroglancer."""

import io
import json
import os
import subprocess
import sys
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pytest
import requests
from headless import CHROMIUM, FLAGS
from picture_stacks import make_picture_stack, texture
from PIL import Image
from server_process import ServerProcess

import renderapi
from renderapps.__main__ import main, status


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store with a stack of one channel, and one of two."""
    found = tmp_path_factory.mktemp("view")
    render = renderapi.connect(
        host="local", store=found / "render.db", owner="me", project="brain", web_only=True
    )
    worlds = {z: texture(z) for z in (1, 2)}
    make_picture_stack(render, found, "grey", worlds, origin=(-40, 10))
    both = {1: {"DAPI": texture(3), "PSD": texture(4)}}
    make_picture_stack(render, found, "two", both, channels=["DAPI", "PSD"])
    return found


@pytest.fixture
def view(folder, monkeypatch):
    """The links that `renderapps view` prints of a stack of this store, while they are served."""
    started = []
    for name in ("RENDER_HOST", "RENDER_OWNER", "RENDER_PROJECT", "RENDER_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def start(stack, *where, **env):
        words = [sys.executable, "-m", "renderapps", "view", stack, "--owner", "me"]
        words += ["--project", "brain", "--no-open"]
        words += where or ["--store", str(folder / "render.db"), "--image-root", str(folder)]
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, **env}
        )
        started.append(process)
        links = {}
        while "precomputed" not in links:
            line = process.stdout.readline()
            assert line, "it ended"
            name, _, link = line.strip().partition(": ")
            links[name.partition(" (")[0]] = link
        return links

    yield start
    for process in started:
        process.terminate()
        process.wait(100)
        process.stdout.close()


def test_the_links_lead_to_the_stack(view):
    links = view("two")
    assert requests.get(links["section viewer"], timeout=60).status_code == 200
    assert links["section viewer"].endswith("viewer.html?owner=me&project=brain&stack=two")
    group = requests.get(links["OME-Zarr"] + "/zarr.json", timeout=60).json()
    assert [c["label"] for c in group["attributes"]["ome"]["omero"]["channels"]] == ["DAPI", "PSD"]
    page = requests.get(links["neuroglancer"], timeout=60)
    assert "<title>neuroglancer" in page.text
    changed = requests.put(links["OME-Zarr"].replace("/volume/zarr", "/state/LOADING"), timeout=60)
    assert changed.status_code == 403


@pytest.fixture(scope="module")
def webgl():
    """A browser that draws with WebGL, in software; skipped where it has none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    software = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"] + software
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page()
        has_it = page.evaluate("!!document.createElement('canvas').getContext('webgl2')")
        page.close()
        if has_it:
            yield browser
        browser.close()
    if not has_it:
        pytest.skip("this chromium has no WebGL 2")


def page_of(browser, **context):
    """A page, and the list of the errors that it says."""
    page = browser.new_context(viewport={"width": 900, "height": 700}, **context).new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda text: errors.append(text.text) if text.type == "error" else None)
    return page, errors


def test_neuroglancer_shows_the_pixels_of_the_stack(view, webgl):
    page, errors = page_of(webgl)
    page.goto(view("grey")["neuroglancer"])
    levels = shown_levels(page)
    if place := os.environ.get("RENDERAPPS_SCREENSHOTS"):
        page.screenshot(path=f"{place}/neuroglancer.png")
    page.context.close()
    assert errors == []
    # a texture of mean 128 fills the middle of the page; empty, the panel is of one colour
    assert levels.std() > 20
    assert abs(levels.mean() - 128) < 15


# where the link leads as soon as the page says that it is ready, before anything else runs
LINK_WHEN_READY = """
new MutationObserver(() => {
  const link = document.querySelector("body[data-ready] #neuroglancer a");
  if (link) globalThis.linkWhenReady ??= link.href;
}).observe(document, {attributes: true, subtree: true, attributeFilter: ["data-ready"]});
"""


def test_the_section_viewer_leads_to_the_same_place_in_neuroglancer(folder, webgl):
    """With a token too, which the browser sends to its own server by itself."""
    server = ServerProcess(folder, "--token", "s3cret")
    try:
        page, errors = page_of(webgl, http_credentials={"username": "", "password": "s3cret"})
        page.add_init_script(LINK_WHEN_READY)
        page.goto(
            f"{server.base}/render-ws/view/viewer.html?owner=me&project=brain&stack=grey"
            "&z=2&x=260&y=250&zoom=2"
        )
        page.wait_for_selector("body[data-ready]", state="attached")
        link = parse_qs(urlsplit(page.evaluate("linkWhenReady")).query)
        seen = {name: float(link[name][0]) for name in ("x", "y", "z", "zoom")}
        assert seen == {"x": 260, "y": 250, "z": 2, "zoom": 2}
        page.locator("#neuroglancer a").click()
        page.wait_for_url("**/neuroglancer/v/stack/**#!**")
        shown_levels(page)
        state = json.loads(unquote(page.url.partition("#!")[2]))
        assert state["position"] == pytest.approx([260.5, 250.5, 2.5])
        assert state["crossSectionScale"] == pytest.approx(0.5)
        seen = middle_of_panel(page, 160)
        page.context.close()
    finally:
        server.end()
    # zoom 2: the middle of pixel (260, 250) of the world is the middle of the panel
    world = texture(2)[250 - 10 - 40 : 250 - 10 + 40, 260 + 40 - 40 : 260 + 40 + 40]
    drawn = seen.reshape(80, 2, 80, 2).mean((1, 3))
    likeness = {
        shift: np.corrcoef(np.roll(world, shift, (0, 1))[5:-5, 5:-5].ravel(),
                           drawn[5:-5, 5:-5].ravel())[0, 1]
        for shift in ((0, 0), (0, 2), (0, -2), (2, 0), (-2, 0))
    }  # fmt: skip
    assert max(likeness, key=likeness.get) == (0, 0)
    assert likeness[0, 0] > 0.9
    assert errors == []


def test_neuroglancer_says_why_a_stack_is_not_shown(folder, view, webgl):
    page, _ = page_of(webgl)
    page.goto(view("grey")["neuroglancer"].replace("stack=grey", "stack=<img src=x>none"))
    line = page.locator("#message")
    line.wait_for()
    assert "<img src=x>none" in line.inner_text()
    page.locator("a", has_text="section viewer").click()
    page.wait_for_url("**/viewer.html?**")
    page.context.close()


def middle_of_panel(page, size):
    """Grey levels (size, size) about the middle of neuroglancer's panel."""
    box = page.locator(".neuroglancer-rendered-data-panel").first.bounding_box()
    left, top = box["x"] + box["width"] / 2 - size / 2, box["y"] + box["height"] / 2 - size / 2
    clip = {"x": left, "y": top, "width": size, "height": size}
    with Image.open(io.BytesIO(page.screenshot(clip=clip))) as picture:
        return np.asarray(picture.convert("L"), float)[:size, :size]


def shown_levels(page):
    """Grey levels of the middle of the page, once neuroglancer has drawn something there."""
    middle = {"x": 300, "y": 250, "width": 300, "height": 250}
    for _ in range(200):
        page.wait_for_timeout(250)
        with Image.open(io.BytesIO(page.screenshot(clip=middle))) as picture:
            levels = np.asarray(picture.convert("L"), float)
        if levels.std() > 20:
            break
    return levels


def test_a_stack_of_a_service_is_linked_to_there(folder, view):
    server = ServerProcess(folder)
    try:
        links = view("grey", "--host", "127.0.0.1", "--port", str(server.port))
        assert links["section viewer"].startswith(f"{server.base}/render-ws/view/viewer.html?")
        assert requests.get(links["neuroglancer"], timeout=60).ok
        assert requests.get(links["precomputed"] + "/info", timeout=60).ok
    finally:
        server.end()


def test_without_neuroglancer_it_says_what_to_install(view, tmp_path):
    (tmp_path / "neuroglancer.py").write_text("raise ImportError('not here')")
    links = view("grey", PYTHONPATH=str(tmp_path))
    assert "pip install 'render-python-apps[view]'" in links["neuroglancer"]


def test_what_cannot_be_viewed_is_one_line(folder, monkeypatch, capsys):
    for name in ("RENDER_OWNER", "RENDER_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    store = ["--store", str(folder / "render.db")]
    assert status(["view", "none", "--owner", "me", "--project", "brain", *store]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "none" in error
    with pytest.raises(SystemExit) as left:
        main(["view", "grey", *store])
    assert left.value.code == 2
    assert "--owner and --project" in capsys.readouterr().err
