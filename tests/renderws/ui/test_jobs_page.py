"""The page of runs of modules: what it shows, that it keeps up, and what may be forgotten."""

from __future__ import annotations

import pytest
import requests
from headless import CHROMIUM
from server_process import ServerProcess

from renderapi.processes import process

EVIL = "\"><img src=x onerror=alert(1)>'&<b>/#?"
SAID = {"module": "stack.set_stack_levels", "owner": "me", "project": "brain", "user": "ann",
        "host": "scope", "elapsed": 75.0, "state": "complete"}  # fmt: skip
OUTPUT = {"kind": "stack", "owner": "me", "project": "brain", "name": "levels"}


class Runs:
    """Runs of a server, as they say how they stand."""

    def __init__(self, base):
        self.base = base
        self.url = f"{base}/render-ws/v1/jobs"

    def say(self, job, **more):
        requests.put(f"{self.url}/{job}", json=SAID | more, timeout=60).raise_for_status()

    def forget_all(self):
        for run in requests.get(self.url, timeout=60).json():
            requests.delete(f"{self.url}/{run['id']}", timeout=60)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine (apt-get install chromium)")
    made = ServerProcess(tmp_path_factory.mktemp("jobs"))
    yield made
    made.end()


@pytest.fixture
def runs(server):
    found = Runs(server.base)
    found.forget_all()
    return found


def lines(page):
    return page.locator("#jobs tbody tr")


def test_an_empty_list_says_so(tab, runs):
    page = tab(runs.base).open("jobs.html")
    assert "No run of a module is remembered" in page.locator("#jobs .empty").inner_text()
    assert page.locator('nav a[aria-current="page"]').inner_text() == "Jobs"


def test_runs_are_listed_the_newest_first_with_how_they_stand(tab, runs):
    runs.say("done", elapsed=9000.0, outputs=[OUTPUT])
    runs.say("bad", state="failed", error="section 2 is bad")
    progress = {"description": "sections", "done": 3, "total": 12}
    runs.say("now", state="running", elapsed=2.0, progress=progress)
    runs.say("dead", state="running", elapsed=40.0, process=process() | {"started": "0"})
    page = tab(runs.base).open("jobs.html")
    states = [lines(page).nth(n).locator(".state").inner_text() for n in range(4)]
    assert states == ["running", "killed", "failed", "complete"]
    assert lines(page).nth(0).locator("progress").get_attribute("value") == "0.25"
    assert "sections: 3 of 12" in lines(page).nth(0).inner_text()
    assert "2:30 h" in lines(page).nth(3).inner_text()
    href = lines(page).nth(3).get_by_role("link", name="levels").get_attribute("href")
    assert href.startswith("stack-details.html?") and "renderStack=levels" in href
    page.select_option("#state", "failed")
    assert lines(page).count() == 2
    page.select_option("#state", "running")
    assert lines(page).count() == 1
    assert "state=running" in page.url


def test_runs_are_filtered_by_owner_and_text(tab, runs):
    runs.say("a")
    runs.say("b", owner="you", project="heart", module="pointmatch.generate_point_matches")
    page = tab(runs.base).open("jobs.html")
    page.select_option("#of", "you/heart")
    assert [lines(page).count(), "generate" in lines(page).inner_text()] == [1, True]
    page.select_option("#of", "")
    page.fill("#filter", "levels")
    assert lines(page).count() == 1 and "brain" in lines(page).inner_text()
    assert tab(runs.base).open("jobs.html?of=nobody").locator("#jobs .empty").count() == 1


def test_the_page_keeps_up_with_a_run_until_it_is_over(tab, runs):
    progress = {"description": "sections", "done": 1, "total": 4}
    said = {"progress": progress, "log": ["first line"], "parameters": {"stack": "raw"}}
    runs.say("a", state="running", number=1, **said)
    page = tab(runs.base).open("jobs.html")
    lines(page).first.focus()
    page.keyboard.press("Enter")
    panel = page.locator("#job")
    panel.get_by_text("first line").wait_for()
    assert "run=a" in page.url
    panel.locator("summary").click()
    assert '"stack": "raw"' in panel.inner_text()
    runs.say("a", state="running", number=2, **said | {"progress": progress | {"done": 3}})
    page.locator("#jobs progress[value='0.75']").wait_for()
    page.locator("#job progress[value='0.75']").wait_for()
    assert panel.locator("details").get_attribute("open") is not None
    assert page.evaluate("document.activeElement.dataset.part") == "parameters"
    runs.say("a", number=3, log=["first line", "last line"], summary="levels are set")
    panel.get_by_text("levels are set").wait_for()
    assert panel.get_by_text("last line").is_visible()
    lines(page).locator(".state", has_text="complete").wait_for()
    panel.get_by_role("button", name="Close").click()
    assert panel.is_hidden() and "run=" not in page.url


def test_what_is_over_can_be_forgotten_after_a_question(tab, runs):
    for job in "abc":
        runs.say(job)
    runs.say("now", state="running")
    page = tab(runs.base).open("jobs.html?run=b")
    page.locator("#job").get_by_role("button", name="Forget").click()
    page.get_by_text("run b is forgotten").wait_for()
    assert lines(page).count() == 3 and page.locator("#job").is_hidden()
    page.get_by_role("button", name="Forget those that are over").click()
    page.get_by_role("button", name="Cancel").click()
    assert lines(page).count() == 3
    page.get_by_role("button", name="Forget those that are over").click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    page.get_by_text("2 runs are forgotten").wait_for()
    assert [run["id"] for run in requests.get(runs.url, timeout=60).json()] == ["now"]


def test_nothing_that_a_run_says_becomes_part_of_the_page(tab, runs):
    runs.say("evil", module=EVIL, user=EVIL, host=EVIL, error=EVIL, summary=EVIL, report=EVIL,
             log=[EVIL], parameters={EVIL: EVIL}, steps=[{"module": EVIL, "state": EVIL}],
             progress={"description": EVIL, "done": 1, "total": 2}, state="failed",
             outputs=[{"kind": EVIL, "owner": EVIL, "project": EVIL, "name": EVIL}])  # fmt: skip
    opened = tab(runs.base)
    dialogs = []
    opened.page.on("dialog", lambda dialog: dialogs.append(dialog.dismiss()))
    page = opened.open("jobs.html?run=evil&of=" + requests.utils.quote(EVIL, safe=""))
    page.locator("#job pre.log").wait_for()
    page.select_option("#of", "")
    page.locator("#job summary").click()
    page.wait_for_timeout(150)
    assert page.locator("img[src=x], b").count() == 0 and dialogs == []
    assert page.locator("#jobs td.name").inner_text() == EVIL
    assert page.locator("#job").inner_text().count(EVIL) >= 7
    for link in page.locator("#job a, #jobs a").all():
        assert link.get_attribute("href").partition("?")[0] in (
            "point-match-explorer.html",
            f"{runs.base}/render-ws/v1/jobs/evil",
            f"{runs.base}/render-ws/v1/jobs/evil/report",
        )


def test_an_unknown_run_and_a_service_that_is_gone_are_said(tab, tmp_path, serve_process):
    server = serve_process(tmp_path)
    opened = tab(server.base)
    page = opened.open("jobs.html?run=nothing")
    page.locator("#message.error").get_by_text("no run nothing").wait_for()
    opened.errors.clear()  # the browser itself notes the 404
    server.end()
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.get_by_text("the service does not answer").wait_for()
    opened.errors.clear()


def test_a_read_only_service_forgets_nothing(tab, tmp_path, serve_process):
    server = serve_process(tmp_path)
    Runs(server.base).say("a")
    server.end()
    server = serve_process(tmp_path, "--read-only", "--token", "s3cret")
    opened = tab(server.base, http_credentials={"username": "", "password": "s3cret"})
    page = opened.open("jobs.html?run=a")
    page.locator("#job pre").first.wait_for(state="attached")
    assert page.locator("#job").get_by_role("button", name="Forget").is_disabled()
    assert page.get_by_role("button", name="Forget those that are over").is_disabled()


@pytest.mark.parametrize("size", [(1280, 800), (1920, 1080), (768, 1024)])
def test_nothing_sticks_out(tab, runs, size):
    long = "a_" * 100 + "a"
    runs.say("a", state="running", outputs=[OUTPUT | {"name": long}], report=f"/{long}",
             progress={"description": long, "done": 1, "total": 2}, log=["x" * 290])  # fmt: skip
    opened = tab(runs.base, has_touch=True)
    opened.page.set_viewport_size({"width": size[0], "height": size[1]})
    page = opened.open("jobs.html?run=a")
    page.locator("#job pre.log").wait_for()
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0]
