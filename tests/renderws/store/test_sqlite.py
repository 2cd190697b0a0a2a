"""The SQLite store passes the tests of every store, and opens only what is one."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing

import orjson
import pytest

from renderws.store.conformance import StoreTests
from renderws.store.conformance.samples import (
    ALL,
    STACK,
    affine,
    documents,
    ids,
    loading,
    reference,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import CannotOpen, NewerStore, NotFound, StoreError, TileQuery
from renderws.store.sqlite import SqliteStore
from renderws.store.tiles import FEW


class TestSqliteStore(StoreTests):
    @pytest.fixture
    def store(self, tmp_path):
        with SqliteStore(tmp_path / "render.db") as store:
            yield store


def test_what_was_stored_is_there_after_opening_again(tmp_path):
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store, tile("a"))
    with SqliteStore(tmp_path / "render.db", create=False) as store:
        assert list(store.tiles(STACK, ALL)) == [tile("a")]


def test_commits_are_synchronous_in_wal_mode(tmp_path):
    with SqliteStore(tmp_path / "render.db") as store, store._source.write() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_what_a_reader_knows_is_forgotten_when_another_program_changes_it(tmp_path):
    path = tmp_path / "render.db"
    with SqliteStore(path) as store, SqliteStore(path) as other:
        loading(store, tile("a", transforms=[reference("t")]), t=affine(0, 0))

        def seen(reader):
            text = orjson.loads(reader.transforms(STACK, ["t"])["t"])["dataString"]
            return reader.stack(STACK)["state"], reader.stack_version(STACK), text

        before = ("LOADING", {"versionNotes": "test"}, "1 0 0 1 0 0")
        assert seen(store) == seen(store) == before
        with store.snapshot() as view:
            assert seen(view) == before
            other.save_tiles(STACK, new_tiles([]), documents(t=affine(7, 0)))
            other.update_stack_version(STACK, {"cycleNumber": 3})
            other.set_state(STACK, "COMPLETE")
            assert seen(view) == before
        after = ("COMPLETE", {"versionNotes": "test", "cycleNumber": 3}, "1 0 0 1 7 0")
        assert seen(store) == seen(other) == after
        other.delete_stack(STACK)
        with pytest.raises(NotFound):
            store.stack(STACK)


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 2 * FEW])
def test_tiles_of_a_box_are_in_the_order_of_their_ids_few_or_many(tmp_path, count):
    names = [f"{n * 7919 % 10007:05d}" for n in range(count)] + ["é"]
    with SqliteStore(tmp_path / "render.db") as store:
        loading(store, *(tile(name, x=100.0 * n) for n, name in enumerate(names)))
        query = TileQuery(z=1.0, box=(0, 0, 1e6, 100))
        assert ids(store, query) == sorted(names)
        assert [one.tile_id for one in store.tile_documents(STACK, query)] == sorted(names)


@pytest.mark.parametrize("name", ["with space", "é", "a%20b", "what?mode=memory", "x#y"])
def test_any_file_name_will_do(tmp_path, name):
    with SqliteStore(tmp_path / name) as store:
        loading(store, tile("a"))
    with SqliteStore(tmp_path / name, create=False) as store:
        assert ids(store) == ["a"]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_missing_folder_or_file_is_named(tmp_path):
    with pytest.raises(CannotOpen, match="there is no folder"):
        SqliteStore(tmp_path / "none" / "render.db")
    with pytest.raises(CannotOpen, match=r"there is no store .*render\.db"):
        SqliteStore(tmp_path / "render.db", create=False)
    with pytest.raises(CannotOpen, match="is a folder"):
        SqliteStore(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_kinds_are_refused_and_left_alone(tmp_path):
    text, other = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database, but long enough to have a header of its own" * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE cake (flavour)")
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(CannotOpen, match=r"not a database|another program"):
            SqliteStore(path)
        assert [one.name for one in tmp_path.iterdir() if one.name.startswith(path.name)] == [
            path.name
        ]
        if path == text:
            assert path.read_bytes() == before


def test_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "render.db").touch()
    with SqliteStore(tmp_path / "render.db") as store:
        assert store.owners() == []


def test_newer_version_is_refused(tmp_path):
    SqliteStore(tmp_path / "render.db").close()
    with closing(sqlite3.connect(tmp_path / "render.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    with pytest.raises(NewerStore, match="its version is 999"):
        SqliteStore(tmp_path / "render.db")


def test_closed_store_says_so(tmp_path):
    store = SqliteStore(tmp_path / "render.db")
    loading(store, tile("a"), tile("b"))
    reading = store.tiles(STACK, ALL)
    next(reading)
    store.close()
    store.close()
    assert next(reading).tile_id == "b"
    for use in (store.owners, lambda: store.delete_stack(STACK)):
        with pytest.raises(StoreError, match="is closed"):
            use()


def test_a_forked_child_must_open_the_store_itself(tmp_path):
    script = """
import os, sys
from renderws.store.protocol import StoreError
from renderws.store.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
store.owners()
child = os.fork()
if child == 0:
    try:
        store.owners()
    except StoreError as error:
        store.close()
        os._exit(0 if "open it again" in str(error) else 2)
    os._exit(1)
assert os.waitpid(child, 0)[1] == 0
store.create_stack(("o", "p", "s"), {})
store.close()
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "render.db")], check=True)
