"""The section viewer and the page of pairs in a browser."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import requests
from dashboard_stacks import until
from PIL import Image
from waiting import wait_until

CELLS = "renderStackOwner=lab&renderStackProject=cells"
MATCHES = "matchOwner=lab&matchCollection=cells_montage"
WHOLE = "#first[data-whole=true]"
# every 7th grey level of every 7th line of the view
LEVELS = """() => {
  const canvas = document.querySelector('#first .openseadragon-canvas > canvas');
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.width, canvas.height, [...data.filter((_, n) => {
    const at = n / 4;
    return n % 4 === 0 && (at % canvas.width) % 7 === 0 && Math.floor(at / canvas.width) % 7 === 0;
  })]];
}"""


def settled(page):
    """Levels of a view that has not changed for a while; None where it has."""
    before = page.evaluate(LEVELS)
    page.wait_for_timeout(600)
    return before if page.evaluate(LEVELS) == before else None


def test_the_viewer_shows_the_pixels_of_the_service_where_the_address_says(look, stitched):
    page = look(f"viewer.html?{CELLS}&renderStack=montaged&z=0&x=599.5&y=399.5&zoom=1")
    page.wait_for_selector(WHOLE)
    width, height, _ = page.evaluate(LEVELS)
    x, y = 600 - width / 2, 400 - height / 2  # pixel (0, 0) of the view is centred on it
    box = f"{int(x)},{int(y)},{width},{height},1"
    url = f"{stitched}/render-ws/v1/owner/lab/project/cells/stack/montaged/z/0/box/{box}/png-image"
    with Image.open(io.BytesIO(requests.get(url, timeout=60).content)) as picture:
        expected = np.asarray(picture.convert("L")).astype(int)[::7, ::7]

    def is_shown():
        shown = np.array(page.evaluate(LEVELS)[2]).reshape(expected.shape)
        alike = np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.96
        return alike and np.median(np.abs(shown - expected)) <= 3

    wait_until(is_shown, "not the pixels of this place", pause=0.1)


def test_overlays_are_switched_by_keys_and_kept_in_the_address(look):
    page = look(f"viewer.html?{CELLS}&renderStack=montaged&{MATCHES}")
    page.wait_for_selector(WHOLE)
    for key in "oimr":
        page.keyboard.press(key)
    until(page, "document.querySelector('#tiles').textContent.includes('40 pairs')")
    assert page.locator("#tiles").inner_text().startswith("25 tiles in 1 connected set")
    assert "show=outlines%2Cids%2Cmatches%2Cresiduals" in page.url
    drawn = "document.querySelector('#first .overlay').toDataURL().length"
    full = page.evaluate(drawn)
    for key in "oimr":
        page.keyboard.press(key)
    until(page, f"{drawn} < {full}")


def test_sections_are_stepped_through_and_tiles_are_named(look):
    page = look(f"viewer.html?{CELLS}&renderStack=aligned&z=0")
    page.wait_for_selector(WHOLE)
    page.keyboard.press(".")
    until(page, "location.search.includes('z=1')")
    page.wait_for_selector(WHOLE)
    page.locator("#first").click()
    page.locator("#named li", has_text="upper_ImageName").first.wait_for()


def test_two_stacks_are_compared_side_by_side(look):
    both = "compare=acquired&mode=side&show=outlines"
    page = look(f"viewer.html?{CELLS}&renderStack=montaged&{both}")
    page.wait_for_selector("#second[data-whole=true]")
    # both show the same place, each with the outlines of its own tiles
    drawn = "document.querySelector('#{} .overlay').toDataURL()"
    assert page.evaluate(drawn.format("first")) != page.evaluate(drawn.format("second"))
    page.keyboard.press("+")
    page.wait_for_timeout(600)
    assert page.locator("#second").is_visible()
    page.select_option("#mode", "blink")
    page.locator("#which", has_text="showing acquired").wait_for()
    assert not page.locator("#second").is_visible()


def test_channels_are_added_up_in_their_colours(look):
    light = "owner=lab&project=light&stack=channels&x=199.5&y=149.5&zoom=1"
    page = look(f"viewer.html?{light}&channels=A:ff0000::,B:00ff80:0:127")
    page.wait_for_selector(WHOLE)
    middle = """(() => {
      const canvas = document.querySelector('#first .openseadragon-canvas > canvas');
      const place = [canvas.width / 2, canvas.height / 2, 1, 1];
      return [...canvas.getContext('2d').getImageData(...place).data];
    })()"""
    # B goes from 0 to 127, so that 100 is shown as 100 / 127 of white, and half of that is blue
    expected = (200, 100 / 127.5 * 255, 100 / 127.5 * 128)
    wait_until(lambda: np.allclose(page.evaluate(middle)[:3], expected, atol=4), pause=0.1)
    page.locator("#channels input[type=checkbox]").first.uncheck()
    until(page, f"{middle}[0] < 4")
    assert "channels=B%3A00ff80%3A0%3A127" in page.url


def test_polygons_of_sections_are_drawn_where_they_are(look, stitched_folder):
    folder = f"polygonDirectory={stitched_folder}/polygons&show=polygons"
    page = look(f"viewer.html?{CELLS}&renderStack=montaged&{folder}&x=200&y=200&zoom=1")
    page.wait_for_selector(WHOLE)
    # of the overlay: alpha on the left side of the square, and in its middle
    alpha = """([dx]) => {
      const canvas = document.querySelector('#first .overlay');
      const [x, y] = [canvas.width / 2 + dx, canvas.height / 2];
      return canvas.getContext('2d').getImageData(x - 1, y, 3, 1).data.filter((_, n) => n % 4 === 3)
        .reduce((sum, one) => sum + one, 0);
    }"""
    until(page, f"({alpha})([-100]) > 300")
    assert page.evaluate(alpha, [0]) == 0


def test_a_pair_shows_its_matches_and_saves_them_elsewhere(look, stitched):
    ids = "pId=ImageName_t01_p01&qId=ImageName_t01_p02"
    page = look(f"tile-pair.html?{CELLS}&renderStack=montaged&{MATCHES}&{ids}")
    base = f"{stitched}/render-ws/v1/owner/lab/matchCollection"
    pair = "group/0.0/id/ImageName_t01_p01/matchesWith/0.0/id/ImageName_t01_p02"
    (stored,) = requests.get(f"{base}/cells_montage/{pair}", timeout=60).json()
    count = len(stored["matches"]["w"])
    assert page.locator("#count").inner_text().startswith(f"{count} matches")
    page.keyboard.press("ArrowRight")
    first = ", ".join(f"{row[0]:.1f}" for row in stored["matches"]["p"])
    assert f"number 1: ({first})" in page.locator("#point").inner_text()
    page.get_by_role("button", name="Save to another collection…").click()
    page.fill("dialog input[name=name]", "kept")
    page.keyboard.press("Enter")
    page.get_by_text("saved to kept").wait_for()
    (saved,) = requests.get(f"{base}/kept/{pair}", timeout=60).json()
    assert saved == stored
    assert requests.get(f"{base}/kept/metadata", timeout=60).json() == {"local_transforms": 0}
    page.goto(page.url.replace("cells_montage", "kept"))
    page.wait_for_selector("body[data-ready]", state="attached")
    page.get_by_role("button", name="Delete these matches…").click()
    page.get_by_role("button", name="Delete matches", exact=True).click()
    page.get_by_text("deleted", exact=True).wait_for()
    page.locator("#count", has_text=re.compile("^0 matches")).wait_for()
    requests.delete(f"{base}/kept", timeout=60)


def test_two_stacks_blink_without_being_loaded_again(look):
    page = look(f"viewer.html?{CELLS}&renderStack=montaged&compare=aligned&mode=blink&seconds=0.2")
    boxes = []
    page.on("request", lambda request: boxes.append(request.url) if "/box/" in request.url else 0)
    for name in ("montaged", "aligned") * 6:
        page.locator("#which", has_text=f"showing {name}").wait_for()
    # meanwhile both have been shown whole; what was asked for since the beginning was new
    assert len(set(boxes)) == len(boxes)
    until(page, "document.querySelector('#first').dataset.whole === 'true'")
    page.keyboard.press("b")  # by hand from here on
    shown = page.evaluate("document.querySelector('#which').textContent")
    page.wait_for_timeout(600)
    assert page.locator("#which").inner_text() == shown
    page.keyboard.press("b")
    until(page, f"document.querySelector('#which').textContent !== {shown!r}")


def test_sections_that_were_only_passed_through_are_given_up_and_come_back_whole(look):
    query = f"viewer.html?{CELLS}&renderStack=aligned&x=500&y=400&zoom=1"
    page = look(f"{query}&z=1")
    page.wait_for_selector(WHOLE)
    size = page.evaluate(LEVELS)[:2]
    expected = wait_until(lambda: settled(page), "it changes all the time")
    assert expected[:2] == size, "the view has another size now"
    page = look(f"{query}&z=0")
    for key in ".,.,.,.,.,.":
        page.keyboard.press(key)
    until(page, "location.search.includes('z=1')")
    page.wait_for_selector(WHOLE)
    text = json.dumps(expected, separators=(",", ":"))
    until(page, f"JSON.stringify(({LEVELS})()) === {json.dumps(text)}")
