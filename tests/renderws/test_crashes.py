"""What the server acknowledged survives its violent end; what it did not is there whole or not.

The server is killed a few times, and fifty times in the long form (`make soak`).
"""

from __future__ import annotations

import random
import signal
import threading
import time

import pytest
import requests
from postgres_server import postgres_server
from waiting import wait_until

from renderws.store.opening import open_store
from renderws.store.sqlite import SqliteStore

TILES, PAIRS = 120, 40
STACK = "/render-ws/v1/owner/o/project/p/stack/"
COLLECTION = "/render-ws/v1/owner/o/matchCollection/m"


class Writer(threading.Thread):
    """Sends one request after the other until the server is gone; counts what was acknowledged."""

    def __init__(self, first):
        super().__init__(daemon=True)
        self.first = self.done = first
        self.refused = None

    def run(self):
        with requests.Session() as session:
            session.trust_env = False
            while True:
                try:
                    answer = self.ask(session, self.done)
                except requests.RequestException:
                    return
                if not answer.ok:
                    self.refused = answer.text
                    return
                self.done += 1

    @property
    def has_begun(self):
        """Whether it goes on, after two requests; not, when it was refused."""
        return self.refused is not None or self.done >= self.first + 2

    def at(self, base):
        self.base = base
        self.start()
        return self


class Imports(Writer):
    def ask(self, session, n):
        box = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "z": n}
        tiles = {f"{n}_{k}": {**box, "layout": {"sectionId": "x" * 200}} for k in range(TILES)}
        url = f"{self.base}{STACK}tiles/resolvedTiles"
        return session.put(url, json={"tileIdToSpecMap": tiles}, timeout=60)

    def check(self, session, first=0):
        for n in range(first, self.done + 1):
            url = f"{self.base}{STACK}tiles/z/{n}/tileBounds"
            count = len(session.get(url, timeout=60).json())
            assert count == TILES or (n == self.done and count == 0), (n, self.done, count)
        self.done += count == TILES


class Matches(Writer):
    def ask(self, session, n):
        points = {"p": [[1, 2], [3, 4]], "q": [[5, 6], [7, 8]], "w": [1, 1]}
        pairs = [
            {"pGroupId": str(n), "pId": f"a{k}", "qGroupId": str(n), "qId": "b", "matches": points}
            for k in range(PAIRS)
        ]
        return session.put(f"{self.base}{COLLECTION}/matches", json=pairs, timeout=60)

    def check(self, session, first=0):
        for n in range(first, self.done + 1):
            url = f"{self.base}{COLLECTION}/group/{n}/matchesWithinGroup"
            answer = session.get(url, timeout=60)
            count = len(answer.json()) if answer.ok else 0
            assert count == PAIRS or (n == self.done and count == 0), (n, self.done, count)
        self.done += count == PAIRS


class States(Writer):
    """COMPLETE and LOADING in turn."""

    def ask(self, session, n):
        state = ("COMPLETE", "LOADING")[n % 2]
        return session.put(f"{self.base}{STACK}states/state/{state}", timeout=60)

    def check(self, session, first=0):
        found = session.get(f"{self.base}{STACK}states", timeout=60).json()
        complete = found["state"] == "COMPLETE"
        assert complete or found["state"] == "LOADING"
        assert ("stats" in found) == complete
        if (self.done % 2 == 1) != complete:  # the request that was not acknowledged was made
            self.done += 1


def prepare(base):
    for name in ("tiles", "states"):
        assert requests.post(base + STACK + name, json={}, timeout=60).status_code == 201
    box = {"minX": 0, "minY": 0, "maxX": 9, "maxY": 9, "z": 1}
    body = {"tileIdToSpecMap": {f"t{k}": {**box, "z": k % 7} for k in range(500)}}
    url = f"{base}{STACK}states/resolvedTiles"
    assert requests.put(url, json=body, timeout=60).status_code == 201


@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("kind", "rounds"),
    [
        ("sqlite", 5),
        pytest.param("sqlite", 50, marks=pytest.mark.soak),
        ("postgres", 3),
        pytest.param("postgres", 50, marks=pytest.mark.soak),
    ],
)
def test_nothing_acknowledged_is_lost_when_the_server_is_killed(
    kind, rounds, tmp_path, serve_process
):
    chance = random.Random(11)
    place = str(tmp_path / "render.db") if kind == "sqlite" else postgres_server().address()
    writers = [Imports(0), Matches(0), States(0)]
    server = serve_process(tmp_path, store=place)
    prepare(server.base)
    for n in range(rounds):
        writers = [type(writer)(writer.done).at(server.base) for writer in writers]
        wait_until(lambda now=writers: all(one.has_begun for one in now))
        time.sleep(chance.uniform(0.02, 0.7))
        server.end(signal.SIGKILL)
        for writer in writers:
            writer.join(60)
            assert writer.refused is None
        is_last = n == rounds - 1
        if n % 4 == 0 or is_last:
            with open_store(place, create=False) as store:
                assert store.check() == []
        server = serve_process(tmp_path, store=place)
        with requests.Session() as session:
            for writer in writers:
                writer.base = server.base
                writer.check(session, 0 if is_last else writer.first)
    assert all(writer.done > rounds for writer in writers)
    assert "Traceback" not in server.errors


def limit_files(size):
    """Let this process write files of `size` bytes at most."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def test_a_full_disk_is_a_clear_error_and_nothing_is_lost(tmp_path, serve_process):
    pytest.importorskip("resource")
    server = serve_process(tmp_path, preexec_fn=lambda: limit_files(2_000_000))
    imports = Imports(0)
    imports.base = server.base
    with requests.Session() as session:
        assert session.post(f"{server.base}{STACK}tiles", json={}, timeout=60).status_code == 201
        for n in range(1000):
            answer = imports.ask(session, n)
            if not answer.ok:
                break
            imports.done += 1
        assert answer.status_code in (500, 507)
        assert "nothing was changed" in answer.text
        assert "\n" not in answer.text
        assert imports.done > 3
        imports.check(session)
    assert server.end() == 0
    server = serve_process(tmp_path)
    imports.base = server.base
    with requests.Session() as session:
        assert imports.ask(session, imports.done).status_code == 201
        imports.done += 1
        imports.check(session)
    with SqliteStore(tmp_path / "render.db", create=False) as store:
        assert store.check() == []
