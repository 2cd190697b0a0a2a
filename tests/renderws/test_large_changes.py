"""While very many rows are removed or looked through, other clients change other things."""

from __future__ import annotations

import threading

import pytest
import requests
import uvicorn

from renderws import serve
from renderws.app import create_app
from renderws.settings import Settings
from renderws.store import (
    arrivals,
    exchangeviews,
    pairarrivals,
    pairremovals,
    removals,
    renumbering,
    settling,
    stacks,
)

OWNER = "/render-ws/v1/owner/o"
LARGE, SMALL = f"{OWNER}/project/p/stack/large", f"{OWNER}/project/p/stack/small"
BUILT = f"{OWNER}/project/p/stack/built"
PAIRS, NEW = f"{OWNER}/matchCollection/m", f"{OWNER}/matchCollection/new"
STACKS = [{"project": "p", "stack": name} for name in ("built", "large")]
BODIES = {
    f"{LARGE}/section/1.0/z": 5,
    f"{OWNER}/matchChanges": {"changes": [{"from": "new", "to": "m", "keep": True}]},
    f"{OWNER}/stackChanges": {"changes": [{"from": STACKS[0], "to": STACKS[1], "zs": [1]}]},
}


@pytest.fixture
def base(tmp_path):
    """A service in a thread of this process, with a stack and a collection."""
    app = create_app(serve.open_store(tmp_path / "render.db"), Settings(image_roots=(tmp_path,)))
    listener = serve._listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    fill(url)
    yield url
    server.should_exit = True
    thread.join()
    listener.close()


def body(*names, z=1):
    box = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "z": z, "layout": {"sectionId": f"{z}.0"}}
    return {"tileIdToSpecMap": {name: box for name in names}}


def fill(url):
    for stack in (LARGE, SMALL, BUILT):
        assert requests.post(url + stack, json={}, timeout=60).ok
    tiles = body(*(f"t{n}" for n in range(30)))
    for stack in (LARGE, BUILT):
        assert requests.put(f"{url}{stack}/resolvedTiles", json=tiles, timeout=60).ok
    rest = body("rest", z=2)
    assert requests.put(f"{url}{LARGE}/resolvedTiles", json=rest, timeout=60).ok
    points = {"p": [[1, 2], [3, 4]], "q": [[5, 6], [7, 8]], "w": [1, 1]}
    pairs = [
        {"pGroupId": "a", "pId": f"a{n}", "qGroupId": q, "qId": "b", "matches": points}
        for n in range(30)
        for q in ("a", "b")
    ]
    for collection in (PAIRS, NEW):
        assert requests.put(f"{url}{collection}/matches", json=pairs, timeout=60).ok


@pytest.mark.parametrize(
    ("module", "step", "method", "path"),
    [
        (removals, "do_piece", "delete", f"{LARGE}/z/1.0"),
        (removals, "do_piece", "delete", f"{LARGE}/section/1.0"),
        (pairremovals, "do_piece", "delete", f"{PAIRS}/pGroup/a/matches"),
        (pairremovals, "do_piece", "delete", f"{PAIRS}/group/a/matchesWith/b"),
        (pairremovals, "do_piece", "delete", f"{PAIRS}/group/a/matchesOutsideGroup"),
        (pairarrivals, "do_piece", "post", f"{OWNER}/matchChanges"),
        (exchangeviews, "derive", "post", f"{OWNER}/stackChanges"),
        (arrivals, "do_piece", "post", f"{OWNER}/stackChanges"),
        (renumbering, "_write", "put", f"{LARGE}/section/1.0/z"),
        (stacks, "derive", "put", f"{LARGE}/state/COMPLETE"),
    ],
)
def test_another_client_imports_meanwhile(base, monkeypatch, module, step, method, path):
    """The large change goes on only when the import of the other client has been answered."""
    where = settling if step == "do_piece" else module
    begun, imported, do = threading.Event(), threading.Event(), getattr(where, step)

    def wait_for_the_other(*arguments):
        begun.set()
        assert imported.wait(100)
        return do(*arguments)

    monkeypatch.setattr(exchangeviews if module is arrivals else module, "LARGE", 10)
    monkeypatch.setattr(where, step, wait_for_the_other)
    answers = []
    large = threading.Thread(
        target=lambda: answers.append(
            requests.request(method, base + path, json=BODIES.get(path), timeout=60)
        )
    )
    large.start()
    assert begun.wait(100)
    small = requests.put(f"{base}{SMALL}/resolvedTiles", json=body("x"), timeout=60)
    assert not answers
    imported.set()
    large.join()
    assert small.ok
    assert answers[0].ok
