"""The service in-process: streaming, threads, several stores, replaced files."""

from __future__ import annotations

import json
import threading
import time

import pytest
import requests

import renderapi
from renderws import local
from renderws.local import LocalService, close_local_services


def session():
    made = requests.Session()
    made.mount("http+local://", LocalService())
    return made


def url(path, rest):
    from urllib.parse import quote

    return f"http+local://{quote(str(path), safe='')}/render-ws/v1{rest}"


def tiles(count):
    return {
        f"t{i:06d}": {
            "tileId": f"t{i:06d}", "z": 1.0, "minX": i, "minY": 0, "maxX": i + 1, "maxY": 1,
            "transforms": {"type": "list", "specList": []},
        }
        for i in range(count)
    }  # fmt: skip


STACK = "/owner/o/project/p/stack/s"


def test_two_stores_are_two_services(tmp_path):
    with session() as http:
        http.post(url(tmp_path / "a b%.db", STACK), json={})
        assert http.get(url(tmp_path / "a b%.db", "/owners")).json() == ["o"]
        assert http.get(url(tmp_path / "b.db", "/owners")).json() == []


def test_sessions_share_one_application(tmp_path):
    path = tmp_path / "a.db"
    with session() as first, session() as second:
        first.post(url(path, STACK), json={})
        assert second.get(url(path, "/owners")).json() == ["o"]
    assert sum(key[1] == str(path) for key in local._OPEN.entries) == 1


def test_a_streamed_answer_is_made_while_it_is_read(tmp_path):
    path = tmp_path / "a.db"
    with session() as http:
        http.post(url(path, STACK), json={})
        body = json.dumps({"tileIdToSpecMap": tiles(30000)})
        assert http.put(url(path, f"{STACK}/resolvedTiles"), data=body).status_code == 201
        with http.get(url(path, f"{STACK}/tileIds"), stream=True) as response:
            pieces = list(response.iter_content(50_000))
        assert len(pieces) > 5
        assert json.loads(b"".join(pieces)) == list(tiles(30000))


def test_a_streamed_answer_may_be_left_unread(tmp_path):
    path = tmp_path / "a.db"
    with session() as http:
        http.post(url(path, STACK), json={})
        http.put(url(path, f"{STACK}/resolvedTiles"), json={"tileIdToSpecMap": tiles(30000)})
        response = http.get(url(path, f"{STACK}/tileIds"), stream=True)
        response.raw.read(10)
        response.close()
        assert http.put(url(path, f"{STACK}/state/COMPLETE")).status_code == 201


def test_bodies_of_every_kind(tmp_path):
    target = url(tmp_path / "a.db", f"{STACK}/defaultChannel")
    with session() as http:
        http.post(url(tmp_path / "a.db", STACK), json={})
        for body in (b"one", "two", iter([b"th", b"ree"])):
            assert http.put(target, data=body).status_code == 200
        assert http.get(target).text == "three"
        with (tmp_path / "four.txt").open("wb") as file:
            file.write(b"four")
        with (tmp_path / "four.txt").open("rb") as file:
            http.put(target, data=file)
        assert http.get(target).text == "four"


def test_head_has_the_headers_and_no_body(tmp_path):
    with session() as http:
        response = http.head(url(tmp_path / "a.db", "/owners"))
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Length"] == "2"


def test_a_file_that_was_replaced_is_opened_again(tmp_path):
    path = tmp_path / "a.db"
    with session() as http:
        http.post(url(path, STACK), json={})
        for name in path.parent.iterdir():
            name.unlink()
        assert http.get(url(path, "/owners")).json() == []


def test_closed_services_are_opened_again(tmp_path):
    path = tmp_path / "a.db"
    with session() as http:
        http.post(url(path, STACK), json={})
        close_local_services()
        assert http.get(url(path, "/owners")).json() == ["o"]


def test_only_so_many_stores_stay_open(tmp_path):
    with session() as http:
        for number in range(local._KEEP_OPEN + 5):
            http.post(url(tmp_path / f"{number}.db", STACK), json={})
        assert len(local._OPEN.entries) <= local._KEEP_OPEN
        assert http.get(url(tmp_path / "0.db", "/owners")).json() == ["o"]


def test_a_store_that_cannot_be_opened_is_no_connection(tmp_path):
    with session() as http, pytest.raises(requests.ConnectionError, match="no folder"):
        http.get(url(tmp_path / "missing" / "a.db", "/owners"))


def test_a_relative_path_is_no_connection():
    with session() as http, pytest.raises(requests.ConnectionError, match="absolute"):
        http.get("http+local://a.db/render-ws/v1/owners")


def test_many_threads(tmp_path):
    path = tmp_path / "a.db"
    failures = []

    def work(number):
        stack = f"/owner/o/project/p/stack/s{number}"
        with session() as http:
            http.post(url(path, stack), json={})
            for z in range(5):
                body = {"tileIdToSpecMap": {f"t{z}": {**tiles(1)["t000000"], "tileId": f"t{z}"}}}
                if http.put(url(path, f"{stack}/resolvedTiles"), json=body).status_code != 201:
                    failures.append((number, z))
            if http.get(url(path, f"{stack}/tileIds")).json() != [f"t{z}" for z in range(5)]:
                failures.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_call_waits_for_nothing(tmp_path):
    path = tmp_path / "a.db"
    with session() as http:
        http.trust_env = False
        http.get(url(path, "/owners"))
        times = []
        for _ in range(100):
            start = time.perf_counter()
            http.get(url(path, "/owners"))
            times.append(time.perf_counter() - start)
    assert min(times) < 0.02  # a millisecond, as a rule


def test_reading_makes_no_store_file(tmp_path):
    """A store that is not there answers as an empty one; the first change makes it."""
    path = tmp_path / "render.db"
    render = renderapi.connect(host="local", store=path, owner="o", project="p")
    assert renderapi.render.get_stacks_by_owner_project(render=render) == []
    with pytest.raises(renderapi.errors.NotFoundError, match="stack s"):
        renderapi.stack.get_z_values_for_stack("s", render=render)
    assert list(tmp_path.iterdir()) == []
    renderapi.stack.create_stack("s", render=render)
    assert path.is_file()
    assert renderapi.render.get_stacks_by_owner_project(render=render) == ["s"]
