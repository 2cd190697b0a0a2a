"""A browser for each file of tests, and a server with a stitched stack of real tiles for all."""

from __future__ import annotations

import dashboard_stacks
import pytest
from headless import CHROMIUM, headless
from server_process import ServerProcess


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium of the system; playwright's event loop must not stay for other files."""
    yield from headless()


@pytest.fixture(scope="session")
def stitched_folder(tmp_path_factory):
    """Folder of the server of `stitched`; it may read what is below."""
    return tmp_path_factory.mktemp("dashboard")


@pytest.fixture(scope="session")
def stitched(stitched_folder):
    """Address of a server whose stack `montaged` the modules have made from real tiles."""
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    data = dashboard_stacks.real_tiles()
    if data is None:
        pytest.skip("no phase_contrast_5x5 (set RENDERAPPS_TEST_DATA)")
    server = ServerProcess(stitched_folder, image_roots=[data, stitched_folder])
    dashboard_stacks.stitched(server.base, data, stitched_folder)
    yield server.base
    server.end()


class Tab:
    """A page of the dashboard in a tab of its own, whose console must stay silent."""

    def __init__(self, browser, base, **context):
        self.base = base
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, **context)
        self.page = self.context.new_page()
        self.page.set_default_timeout(100_000)
        self.errors = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", self._heard)

    def _heard(self, message):
        ours = "willReadFrequently" in message.text  # said of the pixels that tests read
        if message.type in ("error", "warning") and not ours:
            self.errors.append(message.text)

    def open(self, address):
        """Load a page and wait until it is filled."""
        self.page.goto(f"{self.base}/render-ws/view/{address}")
        self.page.wait_for_selector("body[data-ready]", state="attached")
        return self.page


@pytest.fixture
def tab(browser, request):
    """Function that opens a tab; at the end no tab may have written to its console."""
    tabs = []

    def make(base, **context):
        tabs.append(Tab(browser, base, **context))
        return tabs[-1]

    yield make
    for one in tabs:
        one.context.close()
        assert one.errors == []


@pytest.fixture
def look(tab, stitched):
    """Function that opens a page of the stitched stacks and gives the browser's page."""
    return tab(stitched).open
