"""The page of hierarchical data: a rough stack, the boxes it was split into, and their links."""

import numpy as np
import pytest
import requests
import tifffile
from dashboard_stacks import until
from server_process import ServerProcess
from waiting import wait_until

import renderapi
from renderapi.tilespec import TileSpec
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.hierarchical_alignment.split_stack import SplitStack

ROUGH = "renderStackOwner=lab&renderStackProject=tiers&renderStack=rough"
NONE = "\u2013"
QUALITIES = {0: 0.5, 1: 4.0, 3: 2.5}  # of boxes in their order


@pytest.fixture(scope="module")
def tiers(tmp_path_factory):
    """A server with stack `rough` (512 x 256 at (40, -16), z 0 and 1) split into 2 x 4 boxes.

    Some boxes have a quality; box 1 has an aligned stack, a warped one and matches: one pair
    between z 0 and itself, of two consensus sets.
    """
    folder = tmp_path_factory.mktemp("tiers")
    y, x = np.mgrid[:256, :512]
    tifffile.imwrite(folder / "a.tif", (0.2 * x + 0.4 * y).astype(np.uint8))
    server = ServerProcess(folder)
    group = {"host": "http://127.0.0.1", "port": server.port, "owner": "lab", "project": "tiers"}
    render = renderapi.connect(**group)
    tiles = [
        TileSpec(
            tileId=f"t{z:g}", z=z, width=512, height=256, minint=0, maxint=255,
            imageUrl=path_to_url(folder / "a.tif"), tforms=[AffineModel(B0=40.0, B1=-16.0)],
        )
        for z in (0.0, 1.0)
    ]  # fmt: skip
    for name in ("rough", "aligned", "rough_tier_1_warp", "whole"):
        renderapi.stack.create_stack(name, render=render)
        renderapi.client.import_tilespecs(name, tiles, render=render)
        renderapi.stack.set_stack_state(name, "COMPLETE", render=render)
    given = {"input_stack": "rough", "output_split_k": 4, "output_size": 64}
    cells = {"image_directory": str(folder / "cells"), "log_level": "ERROR"}
    SplitStack(input_data={"render": group, **given, **cells}, args=[]).run()
    tell(f"{server.base}/render-ws/v1/owner/lab")
    yield server.base
    server.end()


def tell(owner):
    """Qualities, and what belongs to box 1."""
    for number, quality in QUALITIES.items():
        url = f"{owner}/project/tiers/stack/rough_{number}/hierarchicalData"
        data = requests.get(url, timeout=60).json() | {"alignmentQuality": quality}
        if number == 1:
            place = {"owner": "lab", "project": "tiers"}
            data["alignedStackId"] = {**place, "stack": "aligned"}
            data["warpTilesStackId"] = {**place, "stack": "rough_tier_1_warp"}
            data["matchCollectionId"] = {"owner": "lab", "name": "box_1"}
            data["savedMatchPairCount"] = 1
        requests.put(url, json=data, timeout=60).raise_for_status()
    ends = {"p": [[1, 2], [3, 4]], "q": [[1, 2], [3, 4]], "w": [1, 1]}
    pairs = [
        {"pGroupId": "0.0", "pId": f"a_set_{n}", "qGroupId": "0.0", "qId": f"b_set_{n}",
         "matches": ends, "consensusSetData": {"index": n, "originalPId": "a", "originalQId": "b"}}
        for n in (0, 1)
    ]  # fmt: skip
    matches = f"{owner}/matchCollection/box_1/matches"
    requests.put(matches, json=pairs, timeout=60).raise_for_status()


def test_the_boxes_of_a_tier_are_shown_with_their_qualities(tab, tiers):
    page = tab(tiers).open(f"hierarchical-data.html?{ROUGH}&threshold=2")
    counts = page.locator("#counts").inner_text()
    assert (
        counts == "tier 1 in project tiers: 8 boxes of rough; quality of 3 known, 2 above the limit"
    )
    lines = page.locator("#boxes tbody tr")
    assert lines.count() == 8
    assert lines.nth(1).locator("td").all_inner_texts() == ["0, 1", "rough_1", "4", "1 z"]
    assert lines.nth(2).locator("td").all_inner_texts() == ["0, 2", "rough_2", NONE, NONE]
    assert page.locator("#boxes .odd").all_inner_texts() == ["4", "2.5"]
    page.locator("#threshold").fill("3")
    until(page, "document.querySelector('#counts').textContent.endsWith(', 1 above the limit')")
    assert "threshold=3" in page.url
    # sorted by quality, the greatest first; boxes without one come last
    for _ in range(2):
        page.get_by_role("button", name="Quality").click()
    assert [lines.nth(n).locator("td").nth(2).inner_text() for n in range(4)] == [
        "4", "2.5", "0.5", NONE,
    ]  # fmt: skip
    page.wait_for_selector("#view[data-whole=true]")
    every = {"red": True, "green": True, "picture": True}
    wait_until(lambda: colours(page) == every, pause=0.1)


def colours(page):
    """Whether there are red and green lines over the section, and grey pixels in it."""
    script = """(() => {
      const count = (canvas, test) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let found = 0;
        for (let n = 0; n < data.length; n += 4) {
          if (data[n + 3] && test(data[n], data[n + 1], data[n + 2])) found += 1;
        }
        return found > 200;
      };
      const over = document.querySelector('#view canvas.overlay');
      const below = document.querySelector('#view .openseadragon-canvas > canvas');
      return { red: count(over, (r, g) => r > 200 && g < 120),
        green: count(over, (r, g) => r < 120 && g > 180),
        picture: count(below, (r, g, b) => r > 40 && r === g && g === b) };
    })()"""
    return page.evaluate(script)


def test_a_box_says_what_there_is_of_it_and_leads_there(tab, tiers):
    page = tab(tiers).open(f"hierarchical-data.html?{ROUGH}&z=1")
    page.locator("#boxes tbody tr").nth(1).click()
    facts = page.locator("#box dl")
    facts.get_by_text("row 0, column 1, from 0, of 2 \u00d7 4").wait_for()
    assert "x 168.0 to 296.0, y -16.0 to 112.0" in facts.inner_text()
    until(page, "document.querySelector('#box dd:last-of-type').textContent === 'z 0'")
    links = {a.inner_text(): a.get_attribute("href") for a in page.locator("#box a").all()}
    assert "renderStack=aligned" in links["aligned stack"]
    assert "renderStack=rough_tier_1_warp" in links["warped tiles"]
    assert "matchCollection=box_1" in links["matches"]
    assert (
        page.locator("#debug a")
        .get_attribute("href")
        .endswith("/z/1/affineWarpFieldTransformDebug")
    )
    answer = requests.get(page.locator("#debug a").get_attribute("href"), timeout=60)
    assert answer.json()["stacks"][0]["tierColumn"] == 1
    page.locator("#box a", has_text="box in the section viewer").click()
    page.wait_for_url("**/viewer.html?**renderStack=rough&**x=232.0**")


def test_a_click_on_the_section_chooses_the_box_there_and_keys_change_z(tab, tiers):
    page = tab(tiers).open(f"hierarchical-data.html?{ROUGH}&z=0")
    box = page.locator("#view").bounding_box()
    # the view is fitted to 4 x 2 boxes, whose middle is the corner of four
    page.mouse.click(box["x"] + 0.55 * box["width"], box["y"] + 0.53 * box["height"])
    page.locator("#box strong", has_text="rough_6").wait_for()
    assert "box=rough_6" in page.url
    page.keyboard.press(".")
    until(page, "location.search.includes('z=1')")
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.locator("#box strong").inner_text() == "rough_6"


@pytest.mark.parametrize("stack", ["rough_tier_1_warp", "rough_5", "aligned"])
def test_links_from_what_was_made_of_a_rough_stack_open(tab, tiers, stack):
    page = tab(tiers).open(f"hierarchical-data.html?owner=lab&project=tiers&stack={stack}")
    assert "8 boxes of rough;" in page.locator("#counts").inner_text()


def test_a_stack_that_was_not_split_says_how_it_could_be(tab, tiers):
    page = tab(tiers).open("hierarchical-data.html?owner=lab&project=tiers&stack=whole")
    message = page.locator("#message")
    assert message.get_attribute("class") == "error"
    assert "whole was not split" in message.inner_text()


def test_the_menu_of_a_box_and_of_a_warped_stack_leads_to_the_page(tab, tiers):
    page = tab(tiers).open("stacks.html?owner=lab&project=tiers")
    for stack, there in (("rough_1", 1), ("rough_tier_1_warp", 1), ("whole", 0)):
        row = page.locator("#stacks tr", has=page.get_by_role("link", name=stack, exact=True))
        assert row.get_by_text("Hierarchical data", exact=True).count() == there


def test_the_index_shows_stacks_of_which_only_coarse_pictures_are_stored(tab, tiers):
    opened = tab(tiers)
    page = opened.open("index.html?owner=lab&project=tiers")
    page.fill("#filter", "rough_6")
    page.locator(".card img").wait_for()
    size = "(i => [i.naturalWidth, i.naturalHeight])(document.querySelector('.card img'))"
    until(page, f"String({size}) === '64,64'")
    # at full scale the service refuses to draw it, which browsers write to the console
    assert all("status of 400" in text for text in opened.errors)
    opened.errors.clear()


def test_boxes_are_shown_where_it_is_not_known_which_layers_lack_matches(tab, tiers):
    matches = f"{tiers}/render-ws/v1/owner/lab/matchCollection/box_1"
    ends = {"p": [[1], [3]], "q": [[1], [3]], "w": [1]}
    odd = {"pGroupId": "odd", "pId": "a", "qGroupId": "odd", "qId": "b", "matches": ends}
    requests.put(f"{matches}/matches", json=[odd], timeout=60).raise_for_status()
    opened = tab(tiers)
    page = opened.open(f"hierarchical-data.html?{ROUGH}")
    assert "group id 'odd' of box_1 is no number" in page.locator("#message.error").inner_text()
    lines = page.locator("#boxes tbody tr")
    assert lines.count() == 8
    assert lines.nth(1).locator("td").all_inner_texts() == ["0, 1", "rough_1", "4", NONE]
    assert all("status of 400" in text for text in opened.errors)
    opened.errors.clear()
    requests.delete(f"{matches}/pGroup/odd/matches", timeout=60).raise_for_status()
