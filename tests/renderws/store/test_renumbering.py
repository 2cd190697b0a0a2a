"""Very many tiles of a section get another z at once, though their rows go in pieces."""

from __future__ import annotations

import subprocess
import sys

import orjson
import pytest
from interrupted_pieces import IN_A_FILE, Crash, between_pieces, crash_after
from tile_questions import assert_tiles

from renderws.store import arrivals, pieces, renumbering
from renderws.store.conformance.samples import OTHER, STACK, affine, loading, reference, tile
from renderws.store.documents import new_tiles
from renderws.store.opening import open_store
from renderws.store.protocol import Conflict, Invalid

TILES = [
    tile(f"t{n:03d}", float(n % 3), 30.0 * (n % 11), 9.0 * n, size=90.0 * (1 + n % 2),
         transforms=[reference("lens"), affine(n, 0)], section="s" if n % 3 < 2 else "other")
    for n in range(42)
]  # fmt: skip
OF_SECTION = sum(one.section_id == "s" for one in TILES)
ZS = (0.0, 1.0, 2.0, 7.0)


def moved(one, z):
    if one.section_id != "s":
        return one
    return one._replace(z=z, document=orjson.dumps({**orjson.loads(one.document), "z": z}))


AFTER = {z: [moved(one, z) for one in TILES] for z in (1.0, 2.0, 7.0)}


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(renumbering, "LARGE", 10)
    monkeypatch.setattr(pieces, "ROWS", 8)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)  # one batch of rows a piece
    monkeypatch.setattr(renumbering, "MOST", 8)
    with open_store(place) as store:
        yield loading(store, *TILES, lens=affine(1, 1))


def assert_there(store, z=7.0):
    assert_tiles(store, AFTER[z], ZS)
    assert store.check() == []


def reclaim(store):
    while store.reclaim():
        pass
    with store._source.read() as connection:
        for table, count in (("tile", len(TILES)), ("stack", 1)):
            found = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert found == count


@IN_A_FILE
@pytest.mark.parametrize("z", [7.0, 2.0, 1.0])
def test_tiles_have_it_while_their_rows_go_in_pieces(store, monkeypatch, z):
    def look(number):
        if number % 3 == 0:
            assert_there(store, z)
        assert store.dropped_stacks() == []

    before = store.data_version(STACK)
    with monkeypatch.context() as patched:
        done = between_pieces(patched, arrivals, look)
        store.set_section_z(STACK, "s", z)
    assert sum(done) == 2 * OF_SECTION
    assert len(done) > OF_SECTION / 8
    assert store.data_version(STACK) > before
    assert_there(store, z)
    reclaim(store)
    assert_there(store, z)


@IN_A_FILE
def test_few_tiles_and_those_that_have_no_z_get_it_in_one_transaction(store, monkeypatch):
    done = between_pieces(monkeypatch, arrivals, lambda _: None)
    store.save_tiles(STACK, new_tiles([tile("none", None, section="s")]), {})
    store.set_section_z(STACK, "s", 7.0)
    assert store.z_values(STACK) == [2.0, 7.0]
    monkeypatch.setattr(renumbering, "LARGE", 100)
    store.set_section_z(STACK, "s", 3.0)
    assert store.z_values(STACK) == [2.0, 3.0]
    assert done == []


@IN_A_FILE
def test_bad_ones_are_refused(store):
    with pytest.raises(Invalid, match="finite"):
        store.set_section_z(STACK, "s", float("nan"))
    store.set_state(STACK, "COMPLETE")
    with pytest.raises(Conflict, match="COMPLETE"):
        store.set_section_z(STACK, "s", 7.0)
    assert_tiles(store, TILES, ZS)


def test_tiles_that_were_saved_meanwhile_get_it_too(store, monkeypatch):
    write = renumbering._write

    def and_import(*arguments):
        write(*arguments)
        monkeypatch.setattr(renumbering, "_write", write)
        store.save_tiles(STACK, new_tiles([tile("late", 0.0, section="s")]), {})

    monkeypatch.setattr(renumbering, "_write", and_import)
    store.set_section_z(STACK, "s", 7.0)
    assert store.tile(STACK, "late").z == 7.0
    assert store.z_values(STACK) == [2.0, 7.0]
    assert store.check() == []


def test_after_a_crash_it_is_done_or_not(store, monkeypatch):
    crash_after(monkeypatch, arrivals, 2)
    with pytest.raises(Crash):
        store.set_section_z(STACK, "s", 7.0)
    assert_there(store)
    loading(store, tile("other", 5.0), stack=OTHER)
    store.set_section_z(STACK, "s", 2.0)
    assert_there(store, 2.0)


KILLED = """
import os, signal, sys
from renderws.store import pieces, renumbering, settling
from renderws.store.conformance.samples import STACK
from renderws.store.opening import open_store
renumbering.LARGE, renumbering.MOST, pieces.ROWS, pieces.SECONDS = 10, 8, 8, 0.0
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
where = sys.argv[2]
if where == "written":
    add = renumbering.add_hidden
    calls = []
    def and_die(*arguments):
        add(*arguments)
        calls.append(arguments)
        if len(calls) == 3:
            die()
    renumbering.add_hidden = and_die
elif where == "let in":
    let_in = renumbering.let_in
    renumbering.let_in = lambda *arguments, **more: (let_in(*arguments, **more), die())
else:
    settling.do_piece = die
open_store(sys.argv[1]).set_section_z(STACK, "s", 7.0)
"""


@IN_A_FILE
@pytest.mark.parametrize("where", ["written", "first piece"])
def test_a_kill_leaves_all_of_them_or_none(store, place, where):
    run = subprocess.run([sys.executable, "-c", KILLED, str(place), where])
    assert run.returncode == -9
    wanted = AFTER[7.0] if where == "first piece" else TILES
    assert_tiles(store, wanted, ZS)
    assert store.check() == []
    reclaim(store)
    assert_tiles(store, wanted, ZS)
