"""The pages of stacks in a browser: what they show of a stitched stack, and what they do."""

from __future__ import annotations

import re

import pytest
import requests
from dashboard_stacks import until

CELLS = "renderStackOwner=lab&renderStackProject=cells"


def test_the_index_shows_stacks_with_pictures_and_match_collections(look):
    page = look("index.html")
    card = page.locator("article", has=page.get_by_role("heading", name="montaged", exact=True))
    assert re.search(r"tiles\s*25\b", card.inner_text())
    card.locator("img").wait_for()
    until(page, "[...document.querySelectorAll('.card img')].some((one) => one.naturalWidth > 300)")
    rows = page.locator("#collections tbody tr").all_inner_texts()
    assert [row.split()[:2] for row in rows] == [["cells_montage", "40"]]
    page.fill("#filter", "MONT")
    assert page.locator("article").count() == 1


def test_the_table_of_stacks_sorts_filters_and_keeps_both_in_its_address(look):
    page = look(f"stacks.html?{CELLS}")

    def names():
        return page.locator("tbody td.name").all_inner_texts()

    row = page.locator("tbody tr", has_text="aligned")
    assert row.locator("td").all_inner_texts()[3:8] == ["COMPLETE", "0", "1", "2", "50"]
    assert sorted(names()) == ["acquired", "aligned", "montaged", "open"]
    page.get_by_role("button", name="Tiles").click()
    page.get_by_role("button", name="Tiles").click()
    assert names()[0] == "aligned" and names()[-1] == "open"
    page.fill("#filter", "loading")
    assert names() == ["open"]
    page.reload()
    page.wait_for_selector("body[data-ready]", state="attached")
    assert names() == ["open"] and "descending=true" in page.url


def test_what_a_run_builds_is_not_shown_as_long_as_it_goes_on(look, stitched):
    project = f"{stitched}/render-ws/v1/owner/lab/project/cells/stack"
    built, lock = f"{project}/new_unfinished_0123abcd", {"id": "0123abcd", "seconds": 60}
    assert requests.post(built, json={}, timeout=60).ok
    holder = lock | {"holder": {"name": "a run"}}
    assert requests.post(f"{project}/new/locks", json=holder, timeout=60).ok

    def names():
        page = look(f"stacks.html?{CELLS}")
        return page.locator("tbody td.name").all_inner_texts()

    assert "montaged" in names() and "new_unfinished_0123abcd" not in names()
    assert requests.delete(f"{project}/new/locks/0123abcd", timeout=60).ok
    assert "new_unfinished_0123abcd" in names()  # a killed run has left it
    assert requests.delete(built, timeout=60).ok


def test_stacks_are_copied_renamed_and_deleted_after_a_question(look, stitched):
    page = look(f"stacks.html?{CELLS}")
    stacks = f"{stitched}/render-ws/v1/owner/lab/project/cells/stack"

    def manage(name, entry):
        row = page.locator("tbody tr", has=page.get_by_role("link", name=name, exact=True))
        row.locator("summary", has_text="Manage").click()
        row.get_by_role("button", name=entry).click()

    def state(name):
        return requests.get(f"{stacks}/{name}", timeout=60).json().get("state")

    manage("montaged", "Copy…")
    page.fill("dialog input[name=stack]", "copied")
    page.keyboard.press("Enter")
    page.locator("#message.good").wait_for()
    manage("copied", "Set to COMPLETE")
    page.get_by_role("button", name="Set to COMPLETE", exact=True).last.click()
    page.get_by_text("copied is COMPLETE now").wait_for()
    assert state("copied") == "COMPLETE"
    manage("copied", "Delete stack…")
    page.get_by_role("button", name="Cancel").click()
    assert state("copied") == "COMPLETE"
    manage("copied", "Delete stack…")
    page.get_by_role("button", name="Delete stack", exact=True).click()
    page.get_by_text("copied was deleted").wait_for()
    assert requests.get(f"{stacks}/copied", timeout=60).status_code == 404


def test_charts_of_sections_lead_to_a_section(look):
    page = look(f"stack-details.html?{CELLS}&renderStack=aligned")
    assert page.locator("#summary").inner_text() == "2 sections, none missing"
    charts = page.locator("figure canvas")
    assert charts.count() == 6
    assert charts.first.get_attribute("aria-label") == "Tiles of each z: 2 points"
    charts.first.focus()
    page.keyboard.press("ArrowLeft")
    assert "section upper: 25 tiles, x -7.0 to 1181.0" in page.locator("#section").inner_text()
    assert (
        page.locator("#section a", has_text="tileBounds")
        .get_attribute("href")
        .endswith("/stack/aligned/z/1/tileBounds")
    )
    until(page, "document.querySelector('#section img').naturalWidth === 400")


def test_a_stack_that_is_loading_says_what_to_do(look):
    page = look(f"stack-details.html?{CELLS}&renderStack=open")
    assert "set to COMPLETE" in page.locator("#message.error").inner_text()


def test_the_operations_of_the_service_are_listed_and_found(look):
    page = look("api-docs.html")
    page.fill("#filter", "cloneTo")
    line = page.locator("details")
    assert line.count() == 1
    line.locator("summary").click()
    line.get_by_text("toProject", exact=True).wait_for()  # browsers say later that it is open


def test_complete_stacks_lead_to_neuroglancer(look):
    pytest.importorskip("neuroglancer", reason="neuroglancer is not installed")
    page = look(f"stacks.html?{CELLS}")
    stack = "../neuroglancer/v/stack/?owner=lab&project=cells&stack=montaged"
    found = {}
    for name in ("montaged", "open"):
        row = page.locator("#stacks tr", has=page.get_by_role("link", name=name, exact=True))
        links = row.locator("a", has_text="neuroglancer")
        found[name] = [links.nth(n).get_attribute("href") for n in range(links.count())]
    assert found == {"montaged": [stack], "open": []}  # which is LOADING
    page = look(f"stack-details.html?{CELLS}&renderStack=montaged&z=0")
    link = page.locator("#section a", has_text="neuroglancer")
    assert link.get_attribute("href") == f"{stack}&z=0"
    assert requests.get(link.evaluate("a => a.href"), timeout=60).status_code == 200
