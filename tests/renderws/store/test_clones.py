"""Large stacks are copied in pieces that nobody sees before they are whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from renderws.store import clones
from renderws.store.conformance.samples import (
    ALL,
    OTHER,
    STACK,
    affine,
    documents,
    ids,
    loading,
    reference,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.opening import open_store
from renderws.store.protocol import NotFound, StoreBusy, TileQuery

COUNT = 60


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(clones, "LARGE", 20)
    monkeypatch.setattr(clones, "PIECE", 8)
    with open_store(place) as store:
        tiles = [
            tile(f"t{n:03d}", None if n == 7 else float(n % 5), 30.0 * (n % 11), 9.0 * n,
                 transforms=[reference("lens"), affine(n, 0)], section=f"{n % 5}.0")
            for n in range(COUNT)
        ]  # fmt: skip
        yield loading(store, *tiles, lens=affine(1, 1))


def between_pieces(monkeypatch, store, what, after=3):
    """Do something once, after so many pieces of a clone."""
    done = []
    copy = type(store)._copy_piece

    def and_then(*arguments):
        copy(*arguments)
        done.append(1)
        if len(done) == after:
            what()

    monkeypatch.setattr(type(store), "_copy_piece", and_then)
    return done


def assert_whole(store, zs=(0.0, 1.0, 2.0, 3.0, 4.0)):
    wanted = [one for one in store.tiles(STACK, ALL) if zs is None or one.z in zs or one.z is None]
    assert list(store.tiles(OTHER, ALL)) == wanted
    assert store.count_tiles(OTHER, ALL) == len(wanted)
    box = TileQuery(z=2.0, box=(50.0, 100.0, 220.0, 400.0))
    assert ids(store, box, OTHER) == ids(store, box, STACK)
    assert store.transforms(OTHER, ["lens"]) == store.transforms(STACK, ["lens"])
    assert store.check() == []


def test_a_large_stack_is_copied_whole_and_seen_only_then(store, monkeypatch):
    seen = []

    def look():
        seen.append([one["stackId"]["stack"] for one in store.stacks("owner")])
        seen.append(store.dropped_stacks())
        with pytest.raises(NotFound):
            store.stack(OTHER)

    pieces = between_pieces(monkeypatch, store, look)
    store.clone_stack(STACK, OTHER, {"versionNotes": "copy"})
    assert len(pieces) > COUNT / 8
    assert seen == [["stack"], []]
    assert_whole(store)
    assert store.stack(OTHER)["currentVersion"] == {"versionNotes": "copy"}
    store.set_state(OTHER, "COMPLETE")
    assert store.stack(OTHER)["stats"]["tileCount"] == COUNT


def test_some_sections_of_a_large_stack(store):
    store.clone_stack(STACK, OTHER, {}, zs=[2.0, 3.0])
    assert store.z_values(OTHER) == [2.0, 3.0]
    wanted = [one for one in store.tiles(STACK, ALL) if one.z in (2.0, 3.0)]
    assert list(store.tiles(OTHER, ALL)) == wanted
    assert store.check() == []


def test_an_empty_stack_is_filled_and_keeps_its_transforms(store):
    loading(store, stack=OTHER, own=affine(3, 3))
    before = store.data_version(OTHER)
    store.clone_stack(STACK, OTHER, {})
    assert set(store.transforms(OTHER, ["lens", "own"])) == {"lens", "own"}
    assert store.data_version(OTHER) > before
    assert_whole(store)
    assert store.dropped_stacks() == []


def test_a_change_meanwhile_is_in_the_copy(store, monkeypatch):
    later = new_tiles([tile("t000", 3.0, mark="later"), tile("x", 1.0)])
    pieces = between_pieces(monkeypatch, store, lambda: store.save_tiles(STACK, later, {}))
    store.clone_stack(STACK, OTHER, {})
    assert len(pieces) > 2 * COUNT / 8 - 2
    assert_whole(store)


def test_endless_changes_end_in_one_transaction(store, monkeypatch):
    def change():
        store.save_tiles(STACK, new_tiles([tile("t000", 3.0)]), documents())

    copy = type(store)._copy_piece

    def and_change(*arguments):
        copy(*arguments)
        change()

    monkeypatch.setattr(type(store), "_copy_piece", and_change)
    store.clone_stack(STACK, OTHER, {})
    assert_whole(store)


def test_compacting_meanwhile_is_an_error_and_leaves_nothing(store, monkeypatch):
    between_pieces(monkeypatch, store, store.compact)
    with pytest.raises(StoreBusy, match="compacted"):
        store.clone_stack(STACK, OTHER, {})
    store.compact()
    assert store.info()["droppedStacks"] == 0
    assert store.check() == []
    store.clone_stack(STACK, OTHER, {})
    assert_whole(store)


KILLED = """
import os, sys
from renderws.store import clones
from renderws.store.conformance.samples import OTHER, STACK
from renderws.store.opening import open_store
clones.LARGE, clones.PIECE = 20, 8
store = open_store(sys.argv[1])
copy, done = type(store)._copy_piece, []
def and_die(*arguments):
    copy(*arguments)
    done.append(1)
    if len(done) == 4:
        os._exit(9)
type(store)._copy_piece = and_die
store.clone_stack(STACK, OTHER, {})
"""


def test_a_kill_leaves_nothing_that_is_seen(store, place):
    run = subprocess.run([sys.executable, "-c", KILLED, str(place)])
    assert run.returncode == 9
    assert [one["stackId"]["stack"] for one in store.stacks("owner")] == ["stack"]
    assert store.dropped_stacks() == []
    store.clone_stack(STACK, OTHER, {})
    assert_whole(store)
    store.compact()
    assert_whole(store)
    assert store.info()["droppedStacks"] == 0
