"""The web pages: served in one frame, they name only files and operations that there are."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

import renderws.ui
from renderws.pages import FOLDER, OLD_NAMES, PAGES, POLICY, page_html
from renderws.routes.table import routes

SCRIPTS = sorted(FOLDER.glob("*.js"))
VIEW = "/render-ws/view/"


def test_pages_are_where_the_package_is():
    assert Path(renderws.ui.__file__).parent == FOLDER


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from server_process import ServerProcess

    made = ServerProcess(tmp_path_factory.mktemp("pages"))
    yield made
    made.end()


def test_pages_are_served_with_what_they_load_and_with_a_policy(server):
    view = server.base + VIEW
    loaded = set()
    for name in ("", *(f"{name}.html" for name in PAGES)):
        page = requests.get(view + name, timeout=60)
        assert page.status_code == 200
        assert page.headers["Content-Type"].startswith("text/html")
        assert page.headers["Content-Security-Policy"] == POLICY
        loaded |= set(re.findall(r'(?:src|href)="([\w./-]+\.(?:js|css|svg))"', page.text))
    assert {"style.css", "frame.js", "vendor/openseadragon.min.js"} <= loaded
    for file in [*loaded, "vendor/openseadragon.LICENSE.txt"]:
        answer = requests.get(view + file, timeout=60)
        assert answer.status_code == 200, file
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_policy_admits_nothing_inline_and_nobody_else():
    assert "unsafe" not in POLICY and "http" not in POLICY and "*" not in POLICY
    assert "default-src 'none'" in POLICY and "script-src 'self'" in POLICY


class _Inline(HTMLParser):
    """Counts what the policy forbids: scripts and styles within a page, and handlers."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        handlers = [name for name in given if name.startswith("on") or name == "style"]
        if handlers or tag == "style" or (tag == "script" and "src" not in given):
            self.found.append((tag, given))
        for key in ("src", "href"):
            if re.match(r"(?:[a-z]+:)?//", given.get(key) or ""):
                self.found.append((tag, given[key]))


@pytest.mark.parametrize("name", PAGES)
def test_pages_hold_nothing_inline_and_one_navigation(name):
    text = page_html(name, read_only=False)
    inline = _Inline()
    inline.feed(text)
    assert inline.found == []
    assert "$" not in text
    linked = re.findall(r'<a href="([\w-]+)\.html"(?: aria-current="page")?>', text)
    assert linked[: len(linked)] == [other for other, page in PAGES.items() if page.link]
    assert ('aria-current="page"' in text) == (PAGES[name].link is not None)


def test_old_names_of_pages_lead_to_new_ones(server):
    for old, new in OLD_NAMES.items():
        answer = requests.get(f"{server.base}{VIEW}{old}.html?z=3", timeout=60)
        assert answer.url.endswith(f"{new}.html?z=3") and answer.status_code == 200


def test_what_is_no_page_is_404_and_nothing_else_of_the_folder_is_given(server):
    for name in (
        "none.html",
        "frame.html",
        "__init__.py",
        "../pages.py",
        "%2e%2e/pages.py",
        "a.js",
    ):
        answer = requests.get(server.base + VIEW + name, timeout=60)
        assert answer.status_code == 404, name
    assert requests.post(server.base + VIEW, timeout=60).status_code == 405


def test_pages_need_the_token_and_say_where_nothing_can_be_changed(serve_process, tmp_path):
    guarded = serve_process(tmp_path, "--read-only", "--token", "s3cret")
    page = guarded.base + VIEW
    refused = requests.get(page, timeout=60)
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Basic")
    answer = requests.get(page, timeout=60, auth=("", "s3cret"))
    assert answer.status_code == 200 and 'data-read-only="true"' in answer.text
    assert requests.get(page, timeout=60, headers={"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_name_files_and_elements_that_there_are(script):
    text = script.read_text()
    for file in re.findall(r'from "\./([\w.-]+)"', text):
        assert (FOLDER / file).exists(), file
    for page in re.findall(r'"([\w-]+)\.html', text):
        assert page in PAGES, page
    if script.stem in PAGES:
        ids = set(re.findall(r'id="([\w-]+)"', page_html(script.stem, read_only=False)))
        assert set(re.findall(r'\bat\("([\w-]+)"\)', text)) <= ids


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_write_no_html_and_ask_nobody_else(script):
    text = script.read_text()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text)
    outside = re.findall(r"https?://(?!www\.w3\.org/2000/svg)[^$\s]", text)
    assert outside == []


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_call_operations_that_there_are(script):
    known = {word for route in routes() for word in re.findall(r"/([A-Za-z]+)", route.path)}
    called = re.findall(
        r"\$\{(?:path|base|project|stackPath\([\w.]+\)|matches\(?\)?|collectionPath\([\w., ]+\))\}"
        r"/([A-Za-z]+)",
        script.read_text(),
    )
    assert set(called) <= known
