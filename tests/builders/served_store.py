"""A service in a thread of this process, on a socket, with stacks and collections whose rows go in
pieces: so that tests stop it at places of their choice.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager

import requests
import uvicorn

from renderws import serve
from renderws.app import create_app
from renderws.settings import Settings

OWNER = "/render-ws/v1/owner/o"
LARGE, SMALL = f"{OWNER}/project/p/stack/large", f"{OWNER}/project/p/stack/small"
BUILT = f"{OWNER}/project/p/stack/built"
PAIRS, NEW = f"{OWNER}/matchCollection/m", f"{OWNER}/matchCollection/new"
POINTS = {"p": [[1, 2], [3, 4]], "q": [[5, 6], [7, 8]], "w": [1, 1]}
TILES = 30


@contextmanager
def served(place, folder):
    """Its application and address."""
    app = create_app(serve.open_store(place), Settings(image_roots=(folder,)))
    listener = serve._listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield app, f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def body(*names, z=1):
    """Tiles of these names, as they are imported."""
    box = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "z": z, "layout": {"sectionId": f"{z}.0"}}
    return {"tileIdToSpecMap": {name: box for name in names}}


def pair(p_id, q_group="b"):
    """A pair of tiles with points that match."""
    return {"pGroupId": "a", "pId": p_id, "qGroupId": q_group, "qId": "b", "matches": POINTS}


def fill(url):
    """30 tiles at z=1 of two stacks, one at z=2 of one of them, 60 pairs of two collections."""
    for stack in (LARGE, SMALL, BUILT):
        assert requests.post(url + stack, json={}, timeout=60).ok
    tiles = body(*(f"t{n}" for n in range(TILES)))
    for stack in (LARGE, BUILT):
        assert requests.put(f"{url}{stack}/resolvedTiles", json=tiles, timeout=60).ok
    rest = body("rest", z=2)
    assert requests.put(f"{url}{LARGE}/resolvedTiles", json=rest, timeout=60).ok
    pairs = [pair(f"a{n}", q) for n in range(TILES) for q in ("a", "b")]
    for collection in (PAIRS, NEW):
        assert requests.put(f"{url}{collection}/matches", json=pairs, timeout=60).ok
