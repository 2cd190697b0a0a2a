"""The pages of the dashboard on large data, in headless Chromium that draws by software.

Times are from the start of the navigation, as the page itself tells: until its numbers are there
and it can be used, and for pictures until the last square of the view is drawn. Each visit is in a
browser context without a cache. Beside the time on the clock stands the time of processors that
the service and the thread of the page have needed, which depends less on what else the machine
does.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from benchmarks import Row
from benchmarks._processor_time import processor_seconds
from benchmarks._server import OWNER, STACK, Connection, server
from benchmarks._tile_documents import grid_tile, smooth_noise

SECTIONS, OF_EACH = 1000, 200
LAYER, COLUMNS = 5000, 100
SIDE, STEP, GRID = 2048, 1990, 10  # GRID x GRID tiles: 20,000 x 20,000 pixels
LEVELS = 6
REPEATS = 3
QUERY = "renderStackOwner=bench&renderStackProject=bench&renderStack="
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
# times between frames while the mouse drags the view to and fro
FRAMES = """() => { window.frames_ = []; let last = null;
  const tick = (now) => {
    if (last !== null) window.frames_.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick); }"""


def run() -> list[Row]:
    """Milliseconds until pages can be used, and per frame while a layer is moved."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        chromium = None
    if chromium is None:
        print("dashboard: needs playwright and chromium, left out", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory() as name, server(Path(name)) as (port, process):
        ask = Connection(port)
        _fill(ask, Path(name))
        ask.close()
        with sync_playwright() as started:
            browser = started.chromium.launch(executable_path=chromium, args=list(FLAGS))
            rows = _measure(browser, f"http://127.0.0.1:{port}/render-ws/view/", process)
            browser.close()
    load = os.getloadavg()[0]
    return [*rows, Row("load of the machine while that was measured", load, "processes")]


def _measure(browser: Any, view: str, process: int) -> list[Row]:
    pages = (
        ("stacks page, 1,000 sections, 200,000 tiles", f"stacks.html?{QUERY}long", "ready"),
        ("details page of that stack", f"stack-details.html?{QUERY}long", "ready"),
        (
            "layer page, 5,000 tiles, coloured by matches",
            f"tile-layer.html?{QUERY}layer&matchOwner=bench&matchCollection=m",
            "ready",
        ),
        (
            "match explorer of 1,000 sections",
            f"point-match-explorer.html?{QUERY}long&matchOwner=bench&matchCollection=m",
            "ready",
        ),
        ("first view of 20,000 x 20,000 pixels, new service", f"viewer.html?{QUERY}cold", "whole"),
        ("first view of 20,000 x 20,000 pixels", f"viewer.html?{QUERY}wide", "whole"),
        ("the same section once more", f"viewer.html?{QUERY}wide", "whole"),
    )
    rows = []
    for text, address, mark in pages:
        repeats = 1 if text.startswith("first view") else REPEATS
        visits = [_visit(browser, view + address, mark, process) for _ in range(repeats)]
        columns = zip(*visits, strict=True)
        clock, service, page = (1000 * statistics.median(each) for each in columns)
        rows.append(Row(text, clock, "ms"))
        rows.append(Row("    processor time of the service", service, "ms"))
        rows.append(Row("    processor time of the page", page, "ms"))
    address = f"{view}tile-layer.html?{QUERY}layer&matchOwner=bench&matchCollection=m"
    frames, busy = _frames(browser, address)
    rows.append(Row("a frame while that layer is moved, median", float(np.median(frames)), "ms"))
    rows.append(Row("    processor time of the page, mean", 1000 * busy / len(frames), "ms"))
    last = float(np.percentile(frames, 95))
    rows.append(Row("the same, 95th percentile (software rendering)", last, "ms"))
    return rows


@contextmanager
def _page(browser: Any, address: str) -> Iterator[tuple[Any, Any]]:
    """A page that can be used, and a function that gives the processor time of its thread."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    tools = context.new_cdp_session(page)
    tools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        found = tools.send("Performance.getMetrics")["metrics"]
        return {entry["name"]: entry["value"] for entry in found}["TaskDuration"]

    page.goto(address)
    page.wait_for_selector("body[data-ready]", state="attached", timeout=60_000)
    message = page.locator("#message")
    if "error" in (message.get_attribute("class") or ""):
        raise RuntimeError(f"{address}: {message.inner_text()}")
    yield page, busy
    context.close()


def _visit(browser: Any, address: str, mark: str, process: int) -> tuple[float, float, float]:
    """Seconds until a page has set a mark, and those of processors of the service and the page."""
    before = processor_seconds(process)
    with _page(browser, address) as (page, busy):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            found = page.evaluate(f"performance.getEntriesByName({mark!r})[0]?.startTime")
            if found is not None:
                return found / 1000, processor_seconds(process) - before, busy()
            page.wait_for_timeout(20)
    raise RuntimeError(f"{address} was never {mark}")


def _frames(browser: Any, address: str) -> tuple[list[float], float]:
    """Milliseconds between the frames while a view is dragged, and seconds of the page's thread."""
    with _page(browser, address) as (page, busy):
        box = page.locator("#view").bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        page.wait_for_timeout(500)
        page.mouse.move(x, y)
        page.mouse.down()
        page.evaluate(FRAMES)
        before = busy()
        for turn in range(6):
            page.mouse.move(x + 150 * (-1) ** turn, y + 60 * (-1) ** turn, steps=20)
        frames, after = page.evaluate("window.frames_"), busy()
        page.mouse.up()
    return frames, after - before


def _fill(ask: Connection, folder: Path) -> None:
    """Stacks `long`, `layer` and `wide`, and matches of neighbours in `layer`."""
    sections = [_grid(z, OF_EACH, 20) for z in range(SECTIONS)]
    _stack(ask, "long", sections)
    layer = _grid(0, LAYER, COLUMNS)
    _stack(ask, "layer", [layer])
    pairs = [
        _pair("0.0", _name(0, n), _name(0, n + step))
        for n in range(LAYER)
        for step in (1, COLUMNS)
        if n + step < LAYER and (step > 1 or (n + 1) % COLUMNS) and (n // COLUMNS) % 10 != 9
    ]
    ask("PUT", f"{OWNER}/matchCollection/m/matches", orjson.dumps(pairs))
    for name in ("cold", "wide"):
        _stack(ask, name, [_pictures(folder, name)])


def _stack(ask: Connection, name: str, sections: list[list[dict]]) -> None:
    ask("POST", f"{STACK}{name}", b"{}")
    for first in range(0, len(sections), 20):
        tiles = {t["tileId"]: t for part in sections[first : first + 20] for t in part}
        ask("PUT", f"{STACK}{name}/resolvedTiles", orjson.dumps({"tileIdToSpecMap": tiles}))
    ask("PUT", f"{STACK}{name}/state/COMPLETE")


def _name(z: int, number: int) -> str:
    return f"tile_{z:04d}_{number:05d}"


def _grid(z: int, count: int, columns: int) -> list[dict]:
    """Tiles of a section in a grid, whose images nobody asks for."""
    levels = {"0": {"imageUrl": "file:/none.tif"}}
    return [_tile(_name(z, n), z, n % columns, n // columns, levels) for n in range(count)]


def _tile(name: str, z: int, column: int, row: int, levels: dict) -> dict:
    return grid_tile(name, z, (column, row), levels, SIDE, STEP)


def _pair(group: str, p: str, q: str) -> dict:
    ids = {"pGroupId": group, "pId": p, "qGroupId": group, "qId": q}
    row = [[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]]
    return {**ids, "matches": {"p": row, "q": row, "w": [1.0, 1.0, 1.0]}}


def _pictures(folder: Path, name: str) -> list[dict]:
    """Tiles with mipmaps: one picture under as many names, each of which is read by itself."""
    import cv2
    import tifffile

    image = smooth_noise(SIDE)
    for level in range(LEVELS + 1):
        side = SIDE >> level
        small = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        tifffile.imwrite(folder / f"{name}_level{level}.tif", small)
    tiles = []
    for number in range(GRID * GRID):
        levels = {}
        for level in range(LEVELS + 1):
            path = folder / f"{name}_{number}_{level}.tif"
            path.hardlink_to(folder / f"{name}_level{level}.tif")
            levels[str(level)] = {"imageUrl": path.as_uri()}
        tiles.append(_tile(_name(0, number), 0, number % GRID, number // GRID, levels))
    return tiles
