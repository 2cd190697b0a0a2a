"""The service on a PostgreSQL store: the database is lost and comes back, is full, is held; what a
password is told to."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from urllib.parse import quote

import pytest
import requests
from postgres_server import PostgresServer, postgres_server, programs

import renderapi
from renderws.local import close_local_services
from renderws.store.conformance.samples import ALL, STACK, loading, tile
from renderws.store.documents import new_tiles
from renderws.store.postgres.store import PostgresStore
from renderws.store.protocol import CannotOpen, StoreBusy, StoreFull, StoreGone

PATH = "/render-ws/v1/owner/o/project/p/stack/s"
SECRET = "pass:word/4711%"


@pytest.fixture(scope="module")
def durable():
    """A server of its own, which is stopped and crashed, and asks one role for a password."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    server = PostgresServer()
    rules = server.data / "pg_hba.conf"
    rules.write_text("local all guarded scram-sha-256\n" + rules.read_text())
    server.execute("SELECT pg_reload_conf()")
    server.execute("CREATE ROLE guarded LOGIN PASSWORD '" + SECRET + "'")
    server.execute("GRANT CREATE ON DATABASE render TO guarded")
    yield server
    server.end()


def put(base, z):
    tiles = {f"{z}_{k}": {"z": z, "minX": 0, "minY": 0, "maxX": 9, "maxY": 9} for k in range(50)}
    url = f"{base}{PATH}/resolvedTiles"
    return requests.put(url, json={"tileIdToSpecMap": tiles}, timeout=60)


def layers(base):
    return {z: len(requests.get(f"{base}{PATH}/z/{z}/tileBounds", timeout=60).json())
            for z in requests.get(f"{base}{PATH}/zValues", timeout=60).json()}  # fmt: skip


def test_what_was_acknowledged_is_there_after_the_database_crashed_and_the_service_goes_on(
    durable, tmp_path, serve_process
):
    server = serve_process(tmp_path, store=durable.address("crashes"))
    assert requests.post(f"{server.base}{PATH}", json={}, timeout=60).status_code == 201
    done = 0
    for _ in range(2):
        for _ in range(5):
            assert put(server.base, done).status_code == 201
            done += 1
        durable.stop("immediate")
        for answer in (
            put(server.base, done),
            requests.get(f"{server.base}{PATH}", timeout=60),
            requests.get(f"{server.base}/health", timeout=60),
        ):
            assert answer.status_code == 503
            assert answer.headers["Retry-After"]
            assert "cannot be reached" in answer.text
            assert "\n" not in answer.text
        durable.start()
        assert layers(server.base) == {float(z): 50 for z in range(done)}
        assert requests.get(f"{server.base}/health", timeout=60).status_code == 200
    assert server.end() == 0


def test_a_password_is_told_to_nobody(durable, tmp_path, serve_process, monkeypatch, caplog):
    monkeypatch.delenv("RENDER_STORE_SECRETS", raising=False)
    address = durable.address("guarded_store", user=f"guarded:{quote(SECRET, safe='')}")
    texts = []
    render = renderapi.connect(host="local", store=address, owner="o", project="p")
    renderapi.stack.create_stack("s", render=render)
    texts += [repr(render), str(render.DEFAULT_HOST), pickle.dumps(render).decode("latin-1")]
    # processes that are started from here find the password
    script = "import pickle, sys, renderapi; r = pickle.load(sys.stdin.buffer);"
    script += "print(renderapi.render.get_stacks_by_owner_project(render=r))"
    child = subprocess.run(
        [sys.executable, "-c", script], input=pickle.dumps(render), capture_output=True, check=True
    )
    assert child.stdout.decode().strip() == "['s']"
    # a module and its report, the command line, a server with two processes
    report = tmp_path / "report.json"
    parameters = {
        "render": {"host": "local", "store": address, "owner": "o", "project": "p"},
        "stack": "missing", "output_stack": "t", "zValues": [1], "output_json": str(report),
    }  # fmt: skip
    (tmp_path / "in.json").write_text(json.dumps(parameters))
    environment = {**os.environ, "RENDER_STORE": address}
    environment.pop("RENDER_STORE_SECRETS", None)
    for command, status in (
        (["run", "stack.merge_stacks", "--input_json", str(tmp_path / "in.json"),
          "--log_level", "DEBUG"], None),
        (["store", "info"], 0),
        (["store", "info", "--store", address.replace("guarded:", "unknown:")], 1),
        (["store", "info", "--store", address.replace("@", "@@")], 2),
    ):  # fmt: skip
        done = subprocess.run(
            [sys.executable, "-m", "renderapps", *command],
            env=environment, capture_output=True, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert status is None or done.returncode == status, done.stderr
        assert "Traceback" not in done.stderr or "--log_level" in command
        texts += [done.stdout, done.stderr]
    server = serve_process(tmp_path, "--workers", "2", "--access-log", store=address)
    assert requests.get(f"{server.base}{PATH}", timeout=60).status_code == 200
    texts += [server.lines[0], requests.get(f"{server.base}{PATH}x", timeout=60).text]
    assert server.end() == 0
    texts += [server.errors, report.read_text() if report.exists() else "", caplog.text]
    for secret in (SECRET, quote(SECRET, safe=""), quote(quote(SECRET, safe=""), safe="")):
        assert not [text for text in texts if secret in text]
    close_local_services()


def test_a_wrong_password_is_a_clear_error(durable):
    with pytest.raises(CannotOpen, match="password authentication failed") as caught:
        PostgresStore(durable.address(user="guarded:wrong4711"))
    assert "wrong4711" not in str(caught.value)


def test_a_full_disk_changes_nothing(tmp_path):
    server = postgres_server()
    address = server.address()
    schema = address.rpartition("=")[2]
    with PostgresStore(address) as store:
        loading(store, tile("kept"))
        # what PostgreSQL raises where its disk is full, at the same place
        server.execute(
            f"CREATE FUNCTION {schema}.full_disk() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'"
            " USING ERRCODE = 'disk_full'; END $$"
        )
        server.execute(
            f"CREATE TRIGGER no_room AFTER INSERT ON {schema}.tile FOR EACH ROW"
            f" WHEN (NEW.tile_id = 'last') EXECUTE FUNCTION {schema}.full_disk()"
        )
        with pytest.raises(StoreFull, match=r"No space left .*nothing was changed"):
            store.save_tiles(STACK, new_tiles([tile("a"), tile("last")]), {})
        assert [one.tile_id for one in store.tiles(STACK, ALL)] == ["kept"]
        store.save_tiles(STACK, new_tiles([tile("b")]), {})
        assert store.check() == []


def test_a_change_waits_for_another_server_but_not_for_long():
    address = postgres_server().address()
    with PostgresStore(address) as store, PostgresStore(address, busy_seconds=0.2) as other:
        loading(store, tile("a"))
        with store._source.write(STACK):
            start = time.monotonic()
            with pytest.raises(StoreBusy, match="try again"):
                other.save_tiles(STACK, new_tiles([tile("b")]), {})
            assert time.monotonic() - start < 10
            assert other.count_tiles(STACK, ALL) == 1  # readers do not wait
            loading(other, tile("c"), stack=STACK._replace(stack="elsewhere"))  # nor do others
        other.save_tiles(STACK, new_tiles([tile("b")]), {})
        assert store.count_tiles(STACK, ALL) == 2


def test_lost_connections_are_replaced():
    server = postgres_server()
    with PostgresStore(server.address()) as store:
        loading(store, tile("a"))
        with store.snapshot() as view:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'renderws' AND pid <> pg_backend_pid()"
            )
            with pytest.raises(StoreGone):
                view.count_tiles(STACK, ALL)
        assert store.count_tiles(STACK, ALL) == 1
        store.save_tiles(STACK, new_tiles([tile("b")]), {})
        assert store.count_tiles(STACK, ALL) == 2


def test_a_connection_lost_while_committing_is_told_apart():
    server = postgres_server()
    with PostgresStore(server.address()) as store:
        loading(store)
        with (
            pytest.raises(StoreGone, match="as a whole or not at all"),
            store._source.write(STACK) as connection,
        ):
            (pid,) = connection.execute("SELECT pg_backend_pid()").fetchone()
            server.execute("SELECT pg_terminate_backend(%s)", pid)
        assert store.has_tiles(STACK)


def test_a_role_without_rights_and_a_place_that_is_not_there_are_named(durable):
    durable.execute("CREATE ROLE visitor LOGIN")
    with pytest.raises(CannotOpen, match="permission denied"):
        PostgresStore(durable.address("forbidden", user="visitor"))
    with pytest.raises(StoreGone, match="cannot be reached"):
        PostgresStore("postgresql://render@%2Fno%2Fsuch%2Ffolder/render")
    with pytest.raises(CannotOpen, match="does not exist"):
        PostgresStore(durable.address().replace("/render?", "/nowhere?"))
    with pytest.raises(CannotOpen, match="there is no store in schema"):
        PostgresStore(durable.address("never_made"), create=False)


def test_other_encodings_are_refused():
    server = postgres_server()
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0")
    with pytest.raises(CannotOpen, match="UTF8"):
        PostgresStore(server.address().replace("/render?", "/latin?"))
