"""Who changes a stack or a collection whose rows are still being moved waits for them; others do
not wait with them.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress

import pytest
import requests
from postgres_server import postgres_server
from served_store import LARGE, PAIRS, SMALL, TILES, body, fill, pair, served
from waiting import SECONDS, wait_until

from renderws.store import pairremovals, pieces, removals, settling
from renderws.store.opening import open_store
from renderws.store.protocol import CollectionId, MatchQuery, StackId, StoreError, TileQuery

STACK, COLLECTION = StackId("o", "p", "large"), CollectionId("o", "m")
VERSION = {"versionNotes": "a copy"}
CHANGES = [
    ("put", f"{LARGE}/resolvedTiles", body("new", z=3)),
    ("put", f"{LARGE}/z/7/tileIds", ["rest"]),
    ("delete", f"{LARGE}/tile/rest", None),
    ("delete", f"{LARGE}/z/2", None),
    ("put", f"{LARGE}/section/2.0/z", 5),
    ("put", f"{LARGE}/state/COMPLETE", None),
    ("put", f"{LARGE}/cloneTo/copy", VERSION),
    ("put", f"{PAIRS}/matches", [pair("new")]),
    ("delete", f"{PAIRS}/group/a/matchesWith/b", None),
]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def place(request, tmp_path):
    return tmp_path / "render.db" if request.param == "sqlite" else postgres_server().address()


@pytest.fixture
def service(place, tmp_path, monkeypatch):
    """The application and its address; tiles and pairs are hidden, and all their rows there."""
    monkeypatch.setattr(pieces, "ROWS", 4)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)  # one batch of rows a piece
    with served(place, tmp_path) as (app, url):
        fill(url)
        hide(app._service.store, pairs=MatchQuery(group="a", other_group="a"))
        yield app, url


def hide(store, z=1.0, pairs=None):
    """Delete a layer of the stack, and pairs of the collection, whose rows nobody removes yet."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settling.Settling, "finish", lambda *_: None)
        for module in (removals, pairremovals):
            patch.setattr(module, "LARGE", 0)
        if pairs is not None:
            store.delete_matches(COLLECTION, pairs)
        return store.delete_tiles(STACK, TileQuery(z=z))


class Gate:
    """Lets pieces begin one by one, or all."""

    def __init__(self, monkeypatch):
        self.begun, self.ended = [], []
        self.at_the_end = lambda: None
        self._allowed = threading.Semaphore(0)
        self._piece = settling.do_piece
        monkeypatch.setattr(settling, "do_piece", self._do)

    def _do(self, *arguments):
        self.begun.append(threading.current_thread().name)
        assert self._allowed.acquire(timeout=SECONDS)
        self.ended.append(self._piece(*arguments))
        if not self.ended[-1]:
            self.at_the_end()
        return self.ended[-1]

    def wait(self, number=1):
        """Wait until so many have begun."""
        wait_until(lambda: len(self.begun) >= number, f"{len(self.begun)} pieces have begun")

    def let(self, number=1):
        for _ in range(number):
            self._allowed.release()


@contextmanager
def sent(method, url, json=None):
    """Send a request from a thread; the list that its answer goes to."""
    answers = []

    def send():
        answers.append(requests.request(method, url, json=json, timeout=SECONDS))

    thread = threading.Thread(target=send)
    thread.start()
    yield answers
    thread.join()


def save(url, name, stack=SMALL):
    return requests.put(f"{url}{stack}/resolvedTiles", json=body(name), timeout=SECONDS)


def tile_ids(url, stack=LARGE):
    return requests.get(f"{url}{stack}/tileIds", timeout=60).json()


def left(place, table="stack"):
    """How many have rows that are still to be moved."""
    with open_store(place) as store, store._source.read() as connection:
        sql = f"SELECT count(*) FROM {table} WHERE hidden IS NOT NULL AND dropped IS NULL"
        return connection.execute(sql).fetchone()[0]


@pytest.mark.parametrize(("method", "path", "sent_body"), CHANGES)
def test_other_imports_are_answered_between_two_pieces_that_a_change_waits_for(
    service, place, monkeypatch, method, path, sent_body
):
    _, url = service
    gate = Gate(monkeypatch)
    with sent(method, url + path, sent_body) as answers:
        for number in range(1, 4):
            gate.wait(number)
            assert save(url, f"x{number}").ok  # though a piece has begun and goes on later
            assert not answers
            gate.let()
        gate.let(1000)
    assert answers[0].ok, answers[0].text
    table = "collection" if path.startswith(PAIRS) else "stack"
    assert sum(gate.ended) == TILES
    assert left(place, table) == 0
    assert tile_ids(url, SMALL) == ["x1", "x2", "x3"]


def test_what_waited_is_done_with_what_was_there_then(service, monkeypatch):
    """Imports into the stack that wait all come in, beside those of others."""
    _, url = service
    gate = Gate(monkeypatch)
    with (
        sent("put", f"{url}{LARGE}/resolvedTiles", body("a", z=3)) as first,
        sent("put", f"{url}{LARGE}/resolvedTiles", body("b", z=1)) as second,
    ):
        gate.wait()
        gate.let(1000)
    assert [first[0].status_code, second[0].status_code] == [201, 201]
    assert tile_ids(url) == ["a", "b", "rest"]
    assert sum(gate.ended) == TILES


def test_another_large_change_that_comes_between_is_waited_for_too(service, place, monkeypatch):
    """When the last row of the first one is gone, another server deletes the other layer."""
    _, url = service
    gate, between = Gate(monkeypatch), []

    def delete_the_rest():
        if not between:
            between.append(True)
            with open_store(place) as other:
                assert hide(other, z=2.0) == 1

    gate.at_the_end = delete_the_rest
    gate.let(1000)
    with sent("put", f"{url}{LARGE}/resolvedTiles", body("new", z=3)) as answers:
        pass
    assert answers[0].ok
    assert between
    assert sum(gate.ended) == TILES + 1
    assert tile_ids(url) == ["new"]
    assert left(place) == 0


def test_one_thread_moves_rows_for_all_that_wait(service, monkeypatch):
    """Reading goes on, and other changes, however many wait."""
    app, url = service
    gate = Gate(monkeypatch)
    many = app._service.settings.threads + 2
    with ExitStack() as waiting:
        answers = [
            waiting.enter_context(sent("put", f"{url}{LARGE}/resolvedTiles", body(f"n{k}")))
            for k in range(many)
        ]
        wait_until(lambda: app._service._waiting == many)
        gate.wait()
        assert tile_ids(url) == ["rest"]
        assert save(url, "x").ok
        assert len(gate.begun) == 1
        gate.let(1000)
    assert all(one[0].ok for one in answers)
    assert tile_ids(url) == [*sorted(f"n{k}" for k in range(many)), "rest"]


def test_a_client_that_goes_away_is_not_waited_for(service, place, monkeypatch):
    """Its change is not made, and what is left of the rows waits for the next one."""
    _, url = service
    gate = Gate(monkeypatch)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(f"DELETE {LARGE}/tile/rest HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        gate.wait()
    gate.let(TILES // 2)
    wait_until(lambda: len(gate.ended) in (len(gate.begun), TILES // 2))
    assert save(url, "x").ok
    gate.let(1000)
    assert tile_ids(url) == ["rest"]
    assert left(place) == 1
    assert save(url, "new", LARGE).ok
    assert left(place) == 0


def test_the_end_of_the_service_is_told_to_those_that_wait(service, place, monkeypatch):
    app, url = service
    gate = Gate(monkeypatch)
    with sent("delete", f"{url}{LARGE}/tile/rest") as answers:
        gate.wait()
        app._service.drawings.stop_all()
        gate.let(1000)
    assert answers[0].status_code == 503
    assert "stopping" in answers[0].text
    assert left(place) == 1
    with open_store(place) as store:
        assert list(store.tile_ids(STACK)) == ["rest"]


def test_a_piece_that_fails_is_told_and_nothing_has_changed(service, place, monkeypatch):
    _, url = service

    def fail(*_):
        raise StoreError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(settling, "do_piece", fail)
        answer = save(url, "new", LARGE)
    assert (answer.status_code, answer.text) == (500, "the disk is on fire")
    assert tile_ids(url) == ["rest"]
    assert save(url, "new", LARGE).ok
    assert tile_ids(url) == ["new", "rest"]


@pytest.mark.soak
@pytest.mark.parametrize("killed_after", [0.3, 1.0, 2.0])
def test_two_servers_of_which_one_is_killed_while_imports_wait(
    place, tmp_path, serve_process, killed_after
):
    """Each import is there as a whole or not at all, those that were acknowledged are."""
    servers = [serve_process(tmp_path, store=str(place)) for _ in range(2)]
    url = servers[0].base
    assert requests.post(url + LARGE, json={}, timeout=60).ok
    for part in range(4):
        many = body(*(f"{part}_{n}" for n in range(10_000)))
        assert requests.put(f"{url}{LARGE}/resolvedTiles", json=many, timeout=60).ok
    acknowledged = []

    def save_two(server, name):
        tiles = body(f"{name}0", f"{name}1", z=2)
        with suppress(requests.ConnectionError):
            if requests.put(f"{server.base}{LARGE}/resolvedTiles", json=tiles, timeout=60).ok:
                acknowledged.append(name)

    def delete():
        with suppress(requests.ConnectionError):
            requests.delete(f"{url}{LARGE}/z/1", timeout=60)

    threads = [threading.Thread(target=delete)]
    threads += [
        threading.Thread(target=save_two, args=(servers[k % 2], name))
        for k, name in enumerate("abcd")
    ]
    for thread in threads:
        thread.start()
    time.sleep(killed_after)
    servers[0].end(signal.SIGKILL)
    for thread in threads:
        thread.join()
    url = servers[1].base
    found = tile_ids(url)
    assert save(url, "last", LARGE).ok
    new = [one for one in found if one[0] in "abcd"]
    assert {name for name in "abcd" if f"{name}0" in new} >= set(acknowledged) >= {"b", "d"}
    assert len(new) == 2 * len({one[0] for one in new})
    assert len(found) - len(new) in (0, 40_000)
    with open_store(place) as store:
        assert store.check() == []
        assert store.count_tiles(STACK, TileQuery()) == len(found) + 1
