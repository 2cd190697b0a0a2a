"""The pages of tiles and matches in a browser: what they show of real tiles, and what they do."""

from __future__ import annotations

import numpy as np
import pytest
import requests
from dashboard_stacks import until
from late_answers import late_answer

CELLS = "renderStackOwner=lab&renderStackProject=cells"
MONTAGED = f"{CELLS}&renderStack=montaged&matchOwner=lab&matchCollection=cells_montage"


@pytest.fixture
def collections(stitched):
    """Address of the match collections of the owner; those that a test makes are removed."""
    base = f"{stitched}/render-ws/v1/owner/lab"
    yield f"{base}/matchCollection"
    for entry in requests.get(f"{base}/matchCollections", timeout=60).json():
        if entry["collectionId"]["name"] != "cells_montage":
            name = entry["collectionId"]["name"]
            requests.delete(f"{base}/matchCollection/{name}", timeout=60)


def pair_url(p, q):
    return f"group/0.0/id/ImageName_t01_p{p}/matchesWith/0.0/id/ImageName_t01_p{q}"


def test_a_layer_shows_connected_sets_and_the_matches_of_a_tile(look):
    page = look(f"tile-layer.html?{MONTAGED}")
    counts = page.locator("#counts").inner_text()
    assert counts.startswith("25 tiles in 1 connected set")
    assert "width 245 to 245, mean 245.0; height 183 to 183" in counts
    page.locator("#view").click()
    page.get_by_text("Matches with 4 tiles").wait_for()
    assert page.locator("#tile strong").inner_text() == "ImageName_t01_p13"
    page.keyboard.press("c")
    page.get_by_text("0 neighbours without matches, 0 with few").wait_for()
    page.fill("#threshold", "36")
    page.keyboard.press("Tab")
    page.get_by_text("0 neighbours without matches, 40 with few").wait_for()
    page.locator("#tile li a").first.click()
    page.wait_for_url("**/tile-pair.html?**")
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.locator("#count").inner_text().startswith("36 matches")


def test_old_links_to_a_layer_open_and_thumbnails_are_drawn(look):
    page = look("layer-tiles.html?owner=lab&project=cells&stack=aligned&z=1")
    assert page.locator("#counts").inner_text().startswith("25 tiles")
    page.keyboard.press("t")
    page.wait_for_selector("#view[data-whole=true]")
    until(
        page,
        """(() => {
          const canvas = document.querySelector('#view .openseadragon-canvas > canvas');
          const middle = [canvas.width / 2, 0, 1, canvas.height];
          const { data } = canvas.getContext('2d').getImageData(...middle);
          return data.filter((value, n) => n % 4 === 0 && value > 40).length > 200;
        })()""",
    )


def test_a_tile_with_its_neighbours_moves_on_by_click_and_keys(look):
    page = look(f"tile-with-neighbors.html?{MONTAGED}&tileId=ImageName_t01_p13")
    assert page.locator("#count").inner_text() == "9 tiles; 144 matches with 4 of them"
    page.keyboard.press("ArrowRight")
    page.locator("h1", has_text="ImageName_t01_p18").wait_for()
    page.locator("#count", has_text="144 matches").wait_for()
    page.check("#layers")
    page.locator("#count", has_text="144 matches").wait_for()
    box = page.locator("#around").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 - 5, box["y"] + box["height"] / 5)
    page.locator("h1", has_text="ImageName_t01_p17").wait_for()


def test_of_two_tiles_that_were_asked_for_the_last_one_stays(look):
    page = look(f"tile-with-neighbors.html?{MONTAGED}&tileId=ImageName_t01_p13")
    with late_answer(page, "**/tile/ImageName_t01_p18/withNeighbors/**"):
        page.keyboard.press("ArrowRight")
        page.locator("h1", has_text="ImageName_t01_p18").wait_for()
        page.keyboard.press("ArrowUp")
        page.locator("h1", has_text="ImageName_t01_p12").wait_for()
        page.locator("#count", has_text="144 matches").wait_for()
        shown = page.locator("#viewer").get_attribute("href")
    assert page.locator("#viewer").get_attribute("href") == shown
    assert page.locator("h1").inner_text() == "ImageName_t01_p12"


def test_a_limit_that_was_changed_again_shows_what_is_missing_by_the_last_one(look):
    page = look(f"tile-layer.html?{MONTAGED}&missing=true&threshold=0")
    with late_answer(page, "**/layoutFile**"):
        page.fill("#threshold", "36")
        page.keyboard.press("Tab")
        page.fill("#threshold", "0")
        page.keyboard.press("Tab")
        page.get_by_text("0 neighbours without matches, 0 with few").wait_for()
    assert page.locator("#connections").inner_text().endswith(", 0 with few")


def test_sections_that_were_asked_for_first_do_not_come_back(look):
    page = look(f"point-match-explorer.html?{MONTAGED}")
    with late_answer(page, "**/sectionLinks/**"):
        page.fill("#start", "7")
        page.keyboard.press("Tab")
        page.fill("#start", "0")
        page.keyboard.press("Tab")
        page.locator("#summary", has_text="1 section, 40 pairs").wait_for()
    assert page.locator("#summary").inner_text().startswith("1 section, 40 pairs")


def test_the_explorer_counts_the_links_of_sections_and_leads_to_pairs(look):
    page = look(f"point-match-explorer.html?{MONTAGED}")
    summary = page.locator("#summary").inner_text()
    assert summary.startswith("1 section, 40 pairs, 1,440 matches")
    page.locator("#links").click(position={"x": 85, "y": 20})
    page.locator("#pairs tbody tr").nth(39).wait_for()
    assert "40 pairs, 1,440 matches, fewest 36" in page.locator("#pairs strong").inner_text()
    page.fill("#low", "2000")
    page.locator("#scale", has_text="1 squares are filtered out").wait_for()
    page.locator("#pairs a", has_text="ImageName_t01_p01").first.click()
    page.wait_for_url("**/tile-pair.html?**pId=ImageName_t01_p01**")


def test_a_trial_is_run_compared_and_saved(look, collections):
    tiles = "pId=ImageName_t01_p13&qId=upper_ImageName_t01_p13"  # one picture in two sections
    page = look(f"match-trial.html?{MONTAGED.replace('montaged', 'aligned')}&{tiles}")
    rod = "featureAndMatchParameters.matchDerivationParameters.matchRod"
    for ratio in ("0.9", "0.6"):
        page.fill(f"[name='{rod}']", ratio)
        page.locator("[name='render.scale']").fill("1")
        before = page.url
        page.get_by_role("button", name="Run").click()
        until(page, f"location.href !== {before!r} && !document.querySelector('#run').disabled")
    rows = page.locator("#table tbody tr")
    assert rows.count() == 2
    assert {rows.nth(n).locator("td").last.inner_text() for n in (0, 1)} == {"0.9", "0.6"}
    base = collections.rsplit("/", 1)[0]
    trial = requests.get(f"{base}/matchTrial/{page.url.split('matchTrialId=')[1][:24]}", timeout=60)
    found = sum(map(len, (one["w"] for one in trial.json()["matches"])))
    assert page.locator("#sets").inner_text().startswith(f"{found} matches in")
    assert found > 10
    page.get_by_role("button", name="Save to a collection…").click()
    page.fill("dialog input[name=name]", "tried")
    page.keyboard.press("Enter")
    page.get_by_text("saved to tried").wait_for()
    between = f"{collections}/tried/group/0.0/matchesWith/upper"
    (saved,) = requests.get(between, timeout=60).json()
    assert np.allclose(saved["matches"]["p"], saved["matches"]["q"], atol=0.5)
    assert saved["matchCount"] == found


def test_a_review_is_kept_beside_the_matches_and_can_be_undone(look, collections):
    page = look(f"match-review.html?{MONTAGED.replace('montaged', 'acquired')}")
    assert page.locator("#summary").inner_text().startswith("40 pairs, 0 reviewed")
    worst = page.locator("#pairs tbody tr").first.locator("td")
    name, residual = worst.nth(0).inner_text().split(), float(worst.nth(1).inner_text())
    ids = [one[-2:] for one in name]
    every = [float(t) for t in page.locator("#pairs td:nth-child(2)").all_inner_texts()]
    assert every == sorted(every, reverse=True) and residual == every[0] > 0.5
    (matched,) = requests.get(f"{collections}/cells_montage/{pair_url(*ids)}", timeout=60).json()

    def edits():
        answer = requests.get(f"{collections}/cells_montage_edits/{pair_url(*ids)}", timeout=60)
        return answer.json()[0]["matches"] if answer.ok and answer.json() else None

    assert edits() is None
    page.keyboard.press("x")  # and on to the next one
    page.locator("#title", has_text="2 of 40").wait_for()
    assert edits() == matched["matches"] | {"w": [0] * 36}
    page.keyboard.press("u")
    page.locator("#title", has_text="1 of 40").wait_for()
    until(page, "document.querySelector('#status').textContent.startsWith('not reviewed')")
    assert edits() is None
    # add a point: the same place in both pictures, at a quarter of their width
    page.keyboard.press("p")
    box = page.locator("#pair").bounding_box()
    for part in (0.12, 0.62):
        page.mouse.click(box["x"] + part * box["width"], box["y"] + 0.5 * box["height"])
    until(page, "document.querySelector('#status').textContent.startsWith('edited: 37 of 37')")
    added = edits()
    assert added["w"] == [1] * 37 and added["p"][0][:36] == matched["matches"]["p"][0]
    assert added["p"][0][36] == pytest.approx(245 * 0.25, abs=12)
    assert added["p"][1][36] == pytest.approx(183 / 2, abs=3)
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert page.locator("#status").inner_text().startswith("edited: 37 of 37")
    kept = requests.get(f"{collections}/cells_montage_edits/metadata", timeout=60).json()
    assert kept["edits_of"] == "cells_montage" and kept["local_transforms"] == 0
    (unchanged,) = requests.get(f"{collections}/cells_montage/{pair_url(*ids)}", timeout=60).json()
    assert unchanged == matched


PRESS = """(keys) => {
  const press = (key) => document.body.dispatchEvent(
    new KeyboardEvent('keydown', { key, bubbles: true }));
  [...keys].forEach(press);
}"""


def test_keys_that_come_too_fast_decide_about_no_pair_that_was_not_shown(look, collections):
    page = look(f"match-review.html?{MONTAGED}")
    words = f"{collections}/cells_montage_edits/group/0.0/matchesWithinGroup"

    def decided():
        answer = requests.get(words, timeout=60)
        return {(d["pId"], d["qId"]) for d in answer.json()} if answer.ok else set()

    shown = page.locator("#pairs tbody tr td:first-child").all_inner_texts()
    first, second = (tuple(text.split()) for text in shown[:2])
    page.evaluate(PRESS, "xx")
    page.locator("#title", has_text="2 of 40").wait_for()
    page.locator("#status", has_text="not reviewed").wait_for()
    assert page.locator("#title").inner_text().startswith("2 of 40")
    assert decided() == {first}
    page.keyboard.press("x")
    page.locator("#title", has_text="3 of 40").wait_for()
    page.locator("#status", has_text="not reviewed").wait_for()
    assert decided() == {first, second}
    page.evaluate(PRESS, "xuuu")  # one more decision, and all of them taken back
    page.locator("#title", has_text="1 of 40").wait_for()
    page.locator("#undo:disabled").wait_for()
    assert decided() == set()


def test_neighbours_without_matches_are_reviewed_too(look, collections):
    every = f"{collections}/cells_montage/group/0.0/matchesWithinGroup"
    documents = requests.get(every, timeout=60).json()
    lacking = next(d for d in documents if d["pId"].endswith("p07"))
    rest = [d for d in documents if d is not lacking]
    for word, body in (("matches", rest), ("metadata", {"local_transforms": 0})):
        requests.put(f"{collections}/few/{word}", json=body, timeout=60).raise_for_status()
    few = MONTAGED.replace("=cells_montage", "=few")
    page = look(f"match-review.html?{few}&unmatched=true")
    assert page.locator("#summary").inner_text().startswith("40 pairs, 0 reviewed")
    first = page.locator("#pairs tbody tr").first.locator("td").all_inner_texts()
    assert first[0].split() == [lacking["pId"], lacking["qId"]]
    assert first[1:4] == ["\u2013", "0", "0%"]
    page.get_by_role("button", name="Add points").click()
    box = page.locator("#pair").bounding_box()
    for part in (0.12, 0.62):
        page.mouse.click(box["x"] + part * box["width"], box["y"] + 0.5 * box["height"])
    until(page, "document.querySelector('#status').textContent.startsWith('edited: 1 of 1')")
    pair = pair_url(lacking["pId"][-2:], lacking["qId"][-2:])
    (saved,) = requests.get(f"{collections}/few_edits/{pair}", timeout=60).json()
    assert saved["matches"]["w"] == [1] and saved["matches"]["p"][1] == saved["matches"]["q"][1]
