"""The web pages: they are served, they name only files and operations that there are."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

import renderws.ui
from renderws.routes.table import routes

FOLDER = Path(renderws.ui.__file__).parent
PAGES = sorted(path.name for path in FOLDER.glob("*.html"))
SCRIPTS = sorted(FOLDER.glob("*.js"))


def test_the_pages_that_the_contract_asks_for_are_there():
    assert {"index.html", "viewer.html", "stack-details.html", "tile-pair.html"} <= set(PAGES)


def test_pages_are_served_with_what_they_load(serve_process, tmp_path):
    view = serve_process(tmp_path).base + "/render-ws/view/"
    for name in PAGES:
        page = requests.get(view + name, timeout=10)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        for file in re.findall(r'(?:src|href)="([\w.-]+\.(?:js|css))"', page.text):
            assert requests.get(view + file, timeout=10).status_code == 200


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_name_files_and_elements_that_there_are(script):
    text = script.read_text()
    for file in re.findall(r'from "\./([\w.-]+)"', text) + re.findall(r"([\w-]+\.html)", text):
        assert (FOLDER / file).exists(), file
    page = script.with_suffix(".html")
    if page.exists():
        ids = set(re.findall(r'id="([\w-]+)"', page.read_text()))
        assert set(re.findall(r'\bat\("([\w-]+)"\)', text)) <= ids


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_call_operations_that_there_are(script):
    known = {word for route in routes() for word in re.findall(r"/([A-Za-z]+)", route.path)}
    called = re.findall(r"\$\{(?:path|stackPath\(\w+\)|matches)\}/([A-Za-z]+)", script.read_text())
    assert set(called) <= known


def in_node(program):
    """What a program of JavaScript prints as JSON; it imports from the folder of the pages."""
    if shutil.which("node") is None:
        pytest.skip("no node here")
    command = ["node", "--input-type=module", "-e", program]
    return json.loads(subprocess.check_output(command, cwd=FOLDER, text=True, timeout=60))


def test_the_viewer_shows_what_the_service_says_of_failed_pictures():
    """One question to the service for any number of failed pictures; new settings begin anew."""
    program = """
      import { watchFailures } from "./failures.js";
      const shown = [], asked = [];
      const text = async () => "cannot find image x.tif";
      const answers = { "b": { ok: false, status: 500, text } };
      const failures = watchFailures((text) => shown.push(text), async (source) => {
        asked.push(source);
        return answers[source] ?? { ok: false, status: 503, text: async () => "" };
      });
      await Promise.all([failures.note("b"), failures.note("c"), failures.note("d")]);
      const first = shown.at(-1);
      const gone = failures.clear();
      const none = shown.at(-1);
      await failures.note("e");
      const has = failures.has("e");
      console.log(JSON.stringify({ first, asked, gone, none, last: shown.at(-1), has }));
    """
    assert in_node(program) == {
        "first": "3 pictures cannot be drawn: cannot find image x.tif",
        "asked": ["b", "e"],
        "gone": ["b", "c", "d"],
        "none": "",
        "last": "a picture cannot be drawn: the service answered 503",
        "has": True,
    }


def test_matches_are_those_of_the_owner_in_the_address():
    """loadClusters and pairLinks ask for the collection of that owner, and link to it."""
    program = """
      const asked = [];
      globalThis.location = { href: "http://h/render-ws/view/viewer.html" };
      const createElement = () => ({ setAttribute(n, v) { this[n] = v; }, append() {} });
      globalThis.document = { createElement };
      globalThis.fetch = async (url) => {
        asked.push(url);
        const pairs = [{ pId: "t", qId: "u", matchCount: 3 }];
        const clusters = [[{ tileId: "t", sectionId: "1.0" }]];
        return { ok: true, json: async () => url.includes("matchesWith") ? pairs : clusters };
      };
      const { loadClusters, pairLinks } = await import("./clusters.js");
      const stack = { owner: "me", project: "p", stack: "s" };
      const clusters = await loadClusters(stack, 1, "her", "c");
      const links = await pairLinks(stack, "her", "c", clusters, "t");
      console.log(JSON.stringify({ asked, link: links[1].href }));
    """
    found = in_node(program)
    assert "matchOwner=her" in found["asked"][0]
    assert "/owner/her/matchCollection/c/" in found["asked"][1]
    assert "matchOwner=her" in found["link"]
    assert "renderStackOwner=me" in found["link"]


def test_the_viewer_takes_the_owner_of_matches_from_its_address():
    text = (FOLDER / "viewer.js").read_text()
    assert 'query.get("matchOwner")' in text
    assert "stack.owner}/matchCollections" not in text
