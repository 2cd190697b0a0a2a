"""What completing a large stack derives is derived while others write."""

from __future__ import annotations

import pytest

from renderws.store import stacks
from renderws.store.conformance.samples import OTHER, STACK, ids, loading, tile
from renderws.store.documents import new_tiles
from renderws.store.opening import open_store
from renderws.store.protocol import SectionData

COUNT = 30
TILES = [tile(f"t{n:02d}", float(n % 3), 50.0 * n, section=f"{n % 3}.0") for n in range(COUNT)]


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(stacks, "LARGE", 10)
    with open_store(place) as store:
        yield loading(store, *TILES)


def while_deriving(monkeypatch, what):
    """Do something once, after the first time that a stack was looked through."""
    derive, calls = stacks.derive, []

    def and_then(*arguments):
        found = derive(*arguments)
        calls.append(1)
        if len(calls) == 1:
            what()
        return found

    monkeypatch.setattr(stacks, "derive", and_then)
    return calls


def section(n, tiles, right):
    return SectionData(f"{n}.0", float(n), tiles, 50.0 * n, 0.0, right, 100.0)


def test_another_stack_is_written_meanwhile(store, monkeypatch):
    calls = while_deriving(monkeypatch, lambda: loading(store, tile("x"), stack=OTHER))
    store.set_state(STACK, "COMPLETE")
    assert calls == [1]
    assert ids(store, stack=OTHER) == ["x"]
    rights = [50.0 * (27 + n) + 100.0 for n in range(3)]
    assert store.section_data(STACK) == [section(n, 10, rights[n]) for n in range(3)]
    stats = store.stack(STACK)["stats"]
    assert (stats["tileCount"], stats["sectionCount"]) == (COUNT, 3)
    assert stats["stackBounds"]["maxX"] == rights[2]
    assert store.z_values(STACK) == [0.0, 1.0, 2.0]


def test_a_change_meanwhile_is_in_what_is_derived(store, monkeypatch):
    late = new_tiles([tile("late", 2.0, 5000.0, section="2.0")])
    calls = while_deriving(monkeypatch, lambda: store.save_tiles(STACK, late, {}))
    store.set_state(STACK, "COMPLETE")
    assert calls == [1, 1]
    assert store.section_data(STACK)[2] == section(2, 11, 5100.0)
    assert store.stack(STACK)["stats"]["tileCount"] == COUNT + 1
    assert store.check() == []


def test_another_stack_of_the_name_meanwhile(store, monkeypatch):
    def replace():
        store.delete_stack(STACK)
        loading(store, *(one._replace(tile_id=f"n{one.tile_id}") for one in TILES[:12]))

    while_deriving(monkeypatch, replace)
    store.set_state(STACK, "COMPLETE")
    assert store.stack(STACK)["stats"]["tileCount"] == 12
    assert [one.tile_count for one in store.section_data(STACK)] == [4, 4, 4]
