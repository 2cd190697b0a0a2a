"""The web pages: they are served, they name only files and operations that there are."""

from __future__ import annotations

import re
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
