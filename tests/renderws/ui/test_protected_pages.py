"""Pages of a service that is read-only, of hostile names, and on small screens."""

from __future__ import annotations

import pytest
import requests
from PIL import Image
from server_process import ServerProcess

from renderws.pages import PAGES

EVIL = "\"><img src=x onerror=alert(1)>'&<b>/#?"
TILE = {
    "z": 0,
    "width": 100,
    "height": 100,
    "layout": {"sectionId": EVIL},
    "transforms": {"type": "list", "specList": []},
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A server whose tiles, sections and channels have markup in their names."""
    folder = tmp_path_factory.mktemp("hostile")
    Image.effect_noise((100, 100), 60).save(folder / "tile.png")
    levels = {"0": {"imageUrl": (folder / "tile.png").as_uri()}}
    server = ServerProcess(folder)
    base = f"{server.base}/render-ws/v1/owner/o"
    stack = f"{base}/project/p/stack/s"
    tiles = {f"{n}{EVIL}": {**TILE, "tileId": f"{n}{EVIL}", "mipmapLevels": levels} for n in (1, 2)}
    matches = {"p": [[1, 2, 3], [1, 2, 9]], "q": [[1, 2, 3], [1, 2, 9]], "w": [1, 1, 1]}
    ids = [f"{n}{EVIL}" for n in (1, 2)]
    pair = {"pGroupId": EVIL, "pId": ids[0], "qGroupId": EVIL, "qId": ids[1], "matches": matches}
    for method, url, body in (
        ("POST", stack, {}),
        ("PUT", f"{stack}/resolvedTiles?deriveData=true", {"tileIdToSpecMap": tiles}),
        ("PUT", f"{stack}/state/COMPLETE", None),
        ("PUT", f"{base}/matchCollection/m/matches", [pair]),
        ("PUT", f"{base}/matchCollection/m/metadata", {"local_transforms": 0}),
    ):
        requests.request(method, url, json=body, timeout=60).raise_for_status()
    yield server.base
    server.end()


@pytest.mark.parametrize("name", PAGES)
def test_names_of_data_are_text_on_every_page(tab, hostile, name):
    opened = tab(hostile)
    dialogs = []
    opened.page.on("dialog", lambda dialog: dialogs.append(dialog.dismiss()))
    address = f"{name}.html?renderStackOwner=o&renderStackProject=p&renderStack=s&matchOwner=o"
    first, second = (requests.utils.quote(f"{n}{EVIL}", safe="") for n in (1, 2))
    address += f"&matchCollection=m&pId={first}&qId={second}&tileId={first}&filter={first}"
    page = opened.open(address)
    page.wait_for_timeout(150)
    assert page.locator("img[src=x], b").count() == 0 and dialogs == []
    if name in ("tile-layer", "tile-pair", "match-review"):
        assert EVIL in page.locator("body").inner_text()


def test_a_read_only_service_offers_no_changes(tab, serve_process, tmp_path):
    folder = tmp_path
    server = serve_process(folder)
    requests.post(f"{server.base}/render-ws/v1/owner/o/project/p/stack/s", json={}, timeout=60)
    server.end()
    server = serve_process(folder, "--read-only", "--token", "s3cret")
    opened = tab(server.base, http_credentials={"username": "", "password": "s3cret"})
    page = opened.open("stacks.html?owner=o&project=p")
    assert page.locator("#read-only").is_visible()
    page.locator("summary", has_text="Manage").click()
    buttons = page.locator("details[open] .list button")
    assert buttons.count() > 3
    assert all(buttons.nth(n).is_disabled() for n in range(buttons.count()))


def test_nothing_sticks_out_on_a_tablet(tab, hostile):
    opened = tab(hostile, has_touch=True)
    opened.page.set_viewport_size({"width": 768, "height": 1024})
    query = "renderStackOwner=o&renderStackProject=p&renderStack=s"
    for name in ("index", "stacks", "stack-details", "api-docs", "match-trial"):
        page = opened.open(f"{name}.html?{query}")
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 768, (name, wide)


def test_an_empty_store_and_a_stack_that_is_not_there_say_so(tab, serve_process, tmp_path, hostile):
    page = tab(serve_process(tmp_path).base).open("stacks.html")
    assert page.locator("#message.error").inner_text().startswith("This store is empty")
    page = tab(hostile).open("viewer.html?owner=o&project=p&stack=other")
    assert "There is no stack other" in page.locator("#message.error").inner_text()
