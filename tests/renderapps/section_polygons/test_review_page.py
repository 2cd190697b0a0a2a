"""The review page in a browser: a corner is dragged, saved, and is in the file."""

import json
import threading

import numpy as np
import pytest
import tifffile
from headless import headless

from renderapps.pointmatch.polygon_files import polygon_name, roi_of, write_polygon
from renderapps.section_polygons.polygon_review import PolygonReview
from renderapps.section_polygons.review_server import ReviewServer

RECTANGLE = [[1000.0, 2000.0], [1100.0, 2000.0], [1100.0, 2080.0], [1000.0, 2080.0]]
TO = (1060.0, 2050.0)


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium of the system."""
    yield from headless()


@pytest.fixture
def folder(tmp_path):
    """Polygons of z = 1 and 2 on images of 100 x 80 pixels."""
    for z in (1, 2):
        image = tmp_path / f"image{z}.tif"
        tifffile.imwrite(image, (np.arange(8000) % 251).reshape(80, 100).astype(np.uint8))
        document = {
            "z": z,
            "filepath": str(image),
            "bounds": {"minX": 1000, "minY": 2000, "maxX": 1100, "maxY": 2080, "minZ": z},
            "roi": roi_of(RECTANGLE),
            "reviewed": False,
            "note": "kept",
        }
        write_polygon(tmp_path / "polygons" / polygon_name(z), document)
    return tmp_path / "polygons"


@pytest.fixture
def page(browser, folder):
    """The page as it comes up; its console must stay silent."""
    server = ReviewServer(PolygonReview(folder))
    thread = threading.Thread(target=server.serve, args=(60.0,))
    thread.start()
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    page, heard = context.new_page(), []
    page.set_default_timeout(100_000)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda message: heard.append(message.text))
    page.goto(server.url)
    page.wait_for_selector("#corners circle >> nth=3", state="attached")
    yield page
    context.close()
    server.finished.set()
    thread.join()
    assert heard == []


def document_of(folder, z):
    return json.loads((folder / polygon_name(z)).read_text())


def corners(folder, z):
    return np.array(document_of(folder, z)["roi"]["coordinates"][0])[:-1]


def drag(page, index, to):
    """Drag a corner to a place in the world, by where the image is on the screen; px per pixel."""
    image = page.locator("#image").bounding_box()
    scale = image["width"] / 100
    corner = page.locator(f'#corners circle[data-index="{index}"]').bounding_box()
    page.mouse.move(corner["x"] + corner["width"] / 2, corner["y"] + corner["height"] / 2)
    page.mouse.down()
    page.mouse.move(
        image["x"] + (to[0] - 1000) * scale, image["y"] + (to[1] - 2000) * scale, steps=4
    )
    page.mouse.up()
    return scale


def test_a_corner_that_is_dragged_is_saved_where_it_was_let_go(page, folder):
    before = (folder / polygon_name(1)).read_bytes()
    scale = drag(page, 2, TO)
    assert (folder / polygon_name(1)).read_bytes() == before
    page.click("#keep")
    page.locator("#message", has_text="saved; the version before is").wait_for()
    document = document_of(folder, 1)
    found = corners(folder, 1)
    assert np.abs(found[2] - TO).max() < 1 / scale
    np.testing.assert_allclose(found[[0, 1, 3]], np.array(RECTANGLE)[[0, 1, 3]], atol=1e-9)
    assert (document["note"], document["reviewed"]) == ("kept", False)
    (backup,) = (folder / "backups").iterdir()
    assert backup.read_bytes() == before
    assert corners(folder, 2).tolist() == RECTANGLE


def test_undo_takes_it_back_and_enter_goes_on(page, folder):
    drag(page, 0, TO)
    page.click("#undo")
    page.keyboard.press("Enter")
    page.locator("#section", has_text="z 2").wait_for()
    assert corners(folder, 1).tolist() == RECTANGLE
    assert document_of(folder, 1)["reviewed"] is True
    assert document_of(folder, 2)["reviewed"] is False
    assert "1 of 2 reviewed" in page.inner_text("#count")
