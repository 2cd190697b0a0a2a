"""Eight clients at once, on one stack and on stacks of their own.

They work for some seconds, and for a minute in the long form (`make soak`).
"""

from __future__ import annotations

import threading
import time

import pytest
import requests
from postgres_server import postgres_server

STACK = "/render-ws/v1/owner/o/project/p/stack/"
COLLECTION = "/render-ws/v1/owner/o/matchCollection/m"
TOGETHER = 60  # tiles that every request replaces together
BOX = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "z": 1}


class Client(threading.Thread):
    """Works until the time is up; `done` counts its turns, `problem` is what stopped it."""

    def __init__(self, base, number, seconds):
        super().__init__(daemon=True)
        self.base, self.number, self.seconds = base, number, seconds
        self.done, self.problem = 0, None
        self.session = requests.Session()
        self.session.trust_env = False

    def run(self):
        end = time.monotonic() + self.seconds
        try:
            while time.monotonic() < end or self.done < 3:  # a busy machine
                self.turn(self.done)
                self.done += 1
        except Exception as error:
            self.problem = repr(error)

    def must(self, method, path, body=None):
        answer = self.session.request(method, self.base + path, json=body, timeout=60)
        assert answer.ok, (method, path, answer.status_code, answer.text)
        return answer


class Replacer(Client):
    """Gives all shared tiles a new mark, and adds one tile of its own, in one request."""

    def turn(self, n):
        mark = f"{self.number}/{n}"
        tiles = {f"shared{k}": {**BOX, "groupId": mark} for k in range(TOGETHER)}
        tiles[f"own_{self.number}_{n}"] = {**BOX, "z": 2}
        self.must("PUT", f"{STACK}shared/resolvedTiles", {"tileIdToSpecMap": tiles})


class Reader(Client):
    """Sees all shared tiles with one mark, always."""

    def turn(self, n):
        tiles = self.must("GET", f"{STACK}shared/z/1/tile-specs").json()
        assert len(tiles) == TOGETHER
        assert len({tile["groupId"] for tile in tiles}) == 1
        resolved = self.must("GET", f"{STACK}shared/resolvedTiles?minZ=1&maxZ=1").json()
        assert len({tile["groupId"] for tile in resolved["tileIdToSpecMap"].values()}) == 1


class Loner(Client):
    """Imports, completes, reads and deletes stacks of its own, and saves matches."""

    def turn(self, n):
        stack = f"{STACK}alone_{self.number}_{n % 3}"
        if n >= 3:
            self.must("DELETE", stack)
        self.must("POST", stack, {})
        tiles = {f"t{k}": {**BOX, "z": k % 4} for k in range(40)}
        self.must("PUT", f"{stack}/resolvedTiles", {"tileIdToSpecMap": tiles})
        self.must("PUT", f"{stack}/state/COMPLETE")
        assert self.must("GET", stack).json()["stats"]["tileCount"] == 40
        points = {"p": [[1], [2]], "q": [[3], [4]], "w": [1]}
        ids = {"pGroupId": "1", "qGroupId": "1", "pId": f"{self.number}_{n}", "qId": "x"}
        self.must("PUT", f"{COLLECTION}/matches", [{**ids, "matches": points}])


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("sqlite", 8),
        pytest.param("sqlite", 60, marks=pytest.mark.soak),
        ("postgres", 4),
        pytest.param("postgres", 60, marks=pytest.mark.soak),
    ],
)
def test_clients_do_not_disturb_each_other(kind, seconds, tmp_path, serve_process):
    place = "render.db" if kind == "sqlite" else postgres_server().address()
    # of a database, they use two servers
    servers = [serve_process(tmp_path, store=place) for _ in range(1 if kind == "sqlite" else 2)]
    first = Replacer(servers[0].base, 0, seconds)
    first.must("POST", f"{STACK}shared", {})
    first.turn(-1)
    kinds = (Replacer, Replacer, Replacer, Reader, Reader, Reader, Loner, Loner)
    bases = [server.base for server in servers] * len(kinds)
    clients = [
        kind(base, number, seconds)
        for number, (kind, base) in enumerate(zip(kinds, bases, strict=False))
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join(seconds + 120)
    assert [client.problem for client in clients] == [None] * len(clients)
    assert all(client.done > 2 for client in clients)
    own = first.must("GET", f"{STACK}shared/z/2/tileBounds").json()
    made = {
        f"own_{c.number}_{n}" for c in clients if isinstance(c, Replacer) for n in range(c.done)
    }
    assert {tile["tileId"] for tile in own} == made | {"own_0_-1"}
    pairs = first.must("GET", f"{COLLECTION}/group/1/matchesWithinGroup").json()
    assert len(pairs) == sum(client.done for client in clients if isinstance(client, Loner))
    assert [server.end() for server in servers] == [0] * len(servers)
    assert servers[0].errors == ""
