"""Layers of very many tiles are deleted at once, and their rows removed in pieces."""

from __future__ import annotations

import subprocess
import sys

import pytest
from interrupted_pieces import Crash, between_pieces, crash_after, places_begun

from renderws.store import pieces, progress, removals, settling
from renderws.store.conformance.samples import (
    ALL,
    COLLECTION,
    OTHER,
    STACK,
    affine,
    ids,
    loading,
    match,
    reference,
    tile,
)
from renderws.store.copying import copy_store
from renderws.store.documents import new_tiles
from renderws.store.opening import open_store
from renderws.store.protocol import MatchQuery, NotFound, StackChange, StoreError, TileQuery

COUNT, GONE = 60, 2.0
TILES = [
    tile(f"t{n:03d}", None if n == 7 else float(n % 3), 30.0 * (n % 11), 9.0 * n,
         transforms=[reference("lens"), affine(n, 0)], section=f"{n % 3}.0", group="g")
    for n in range(COUNT)
]  # fmt: skip
LEFT = [one for one in TILES if one.z != GONE]
OF_LAYER = COUNT - len(LEFT)
BOX = (50.0, 100.0, 220.0, 400.0)


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(removals, "LARGE", 10)
    monkeypatch.setattr(pieces, "ROWS", 4)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)  # one batch of rows a piece
    with open_store(place) as store:
        yield loading(store, *TILES, lens=affine(1, 1))


def rows_of_layer(store, z=GONE):
    with store._source.read() as connection:
        sql = "SELECT count(*) FROM tile WHERE z = ?"
        return connection.execute(sql, (z,)).fetchone()[0]


def reaches(one):
    return BOX[0] <= one.max_x and BOX[2] >= one.min_x and BOX[1] <= one.max_y and (
        BOX[3] >= one.min_y)  # fmt: skip


def assert_gone(store):
    """All questions are answered as if the layer had never been."""
    assert list(store.tiles(STACK, ALL)) == LEFT
    assert list(store.tile_ids(STACK)) == [one.tile_id for one in LEFT]
    assert store.count_tiles(STACK, ALL) == len(LEFT)
    assert store.z_values(STACK) == [0.0, 1.0]
    assert store.z_values(STACK, 2.0, 5.0) == []
    for query in (TileQuery(z=GONE), TileQuery(section_id="2.0"), TileQuery(z=GONE, box=BOX)):
        assert ids(store, query) == [] == store.tile_bounds(STACK, query)
        assert store.count_tiles(STACK, query) == 0
    for query in (TileQuery(group_id="g"), TileQuery(tile_ids=[one.tile_id for one in TILES])):
        assert ids(store, query) == [one.tile_id for one in LEFT]
    within = [one.tile_id for one in LEFT if reaches(one)]
    assert ids(store, TileQuery(box=BOX)) == within
    assert sorted(one.tile_id for one in store.tile_bounds(STACK, TileQuery(box=BOX))) == within
    assert ids(store, TileQuery(min_z=1.0)) == [one.tile_id for one in LEFT if one.z == 1.0]
    assert store.layer_bounds(STACK, GONE) is None
    assert store.section_data_now(STACK, GONE) == []
    for missing in (lambda: store.tile(STACK, "t002"), lambda: store.section_z(STACK, "2.0")):
        with pytest.raises(NotFound):
            missing()


@pytest.mark.parametrize("query", [TileQuery(z=GONE), TileQuery(section_id="2.0")])
def test_a_large_layer_is_gone_while_its_rows_go_in_pieces(store, monkeypatch, query):
    left = []

    def look(_):
        left.append(rows_of_layer(store))
        assert_gone(store)
        loading(store, tile("other", 5.0), stack=OTHER)  # nobody waits for the end

    found = between_pieces(monkeypatch, removals, look)
    before = store.data_version(STACK)
    assert store.delete_tiles(STACK, query) == OF_LAYER
    assert left == list(range(OF_LAYER, -1, -4))
    assert found == [4] * (OF_LAYER // 4) + [0]
    assert_gone(store)
    assert store.data_version(STACK) > before
    assert store.check() == []


def test_what_is_no_whole_large_layer_goes_in_one_transaction(store, monkeypatch):
    found = between_pieces(monkeypatch, removals, lambda _: None)
    store.save_tiles(STACK, new_tiles([tile("x", 1.0, section="2.0")]), {})  # shares z with another
    assert store.delete_tiles(STACK, TileQuery(section_id="2.0")) == OF_LAYER + 1
    monkeypatch.setattr(removals, "LARGE", 100)
    assert store.delete_tiles(STACK, TileQuery(z=1.0)) == 19
    assert found == []
    assert store.z_values(STACK) == [0.0]
    assert store.check() == []


AGAIN = new_tiles([tile("t002", GONE, 5.0), tile("new", GONE)])


@pytest.mark.parametrize("done", [0, 1, 3])
def test_the_next_change_finishes_what_a_crash_left(store, monkeypatch, done):
    crash_after(monkeypatch, removals, done)
    with pytest.raises(Crash):
        store.delete_tiles(STACK, TileQuery(z=GONE))
    assert rows_of_layer(store) == OF_LAYER - 4 * done
    assert_gone(store)
    assert store.check() == []
    store.save_tiles(STACK, AGAIN, {})
    assert ids(store, TileQuery(z=GONE)) == ["new", "t002"]
    assert store.count_tiles(STACK, ALL) == len(LEFT) + 2
    assert store.check() == []


def complete(store):
    store.set_state(STACK, "COMPLETE")
    stats = store.stack(STACK)["stats"]
    assert (stats["tileCount"], stats["sectionCount"]) == (len(LEFT), 2)
    assert [one.z for one in store.section_data(STACK)] == [0.0, 1.0]


def clone(store):
    store.clone_stack(STACK, OTHER, {})
    assert list(store.tiles(OTHER, ALL)) == LEFT


def exchange(store):
    loading(store, tile("t002", 1.0), stack=OTHER, lens=affine(1, 1))
    store.change_stacks([StackChange(OTHER, STACK, zs=[1.0], state="LOADING")])
    assert ids(store, TileQuery(z=1.0)) == ["t002"]


def renumber(store):
    store.set_section_z(STACK, "1.0", GONE)
    assert ids(store, TileQuery(z=GONE)) == [
        one.tile_id for one in TILES if one.section_id == "1.0"
    ]


def delete_again(store):
    assert store.delete_tiles(STACK, TileQuery(z=GONE)) == 0


def reclaim(store):
    while store.reclaim():
        pass
    assert rows_of_layer(store) == 0
    assert_gone(store)


def compact(store):
    store.compact()
    assert rows_of_layer(store) == 0
    assert_gone(store)


def rename(store):
    store.rename_stack(STACK, OTHER)
    assert list(store.tiles(OTHER, ALL)) == LEFT


def drop_and_return(store):
    store.delete_stack(STACK)
    store.undelete_stack(STACK)
    assert_gone(store)


@pytest.mark.parametrize(
    "change",
    [complete, clone, exchange, renumber, delete_again, reclaim, compact, rename, drop_and_return],
)
def test_whatever_is_done_next_the_layer_is_gone(store, monkeypatch, change):
    crash_after(monkeypatch, removals, 2)
    with pytest.raises(Crash):
        store.delete_tiles(STACK, TileQuery(z=GONE))
    change(store)
    assert store.check() == []


def test_a_copy_of_the_store_is_without_it(store, monkeypatch, tmp_path):
    crash_after(monkeypatch, removals, 2)
    with pytest.raises(Crash):
        store.delete_tiles(STACK, TileQuery(z=GONE))
    with open_store(tmp_path / "copy.db") as target:
        assert [one.rows for one in copy_store(store, target)] == [len(LEFT)]
        assert rows_of_layer(target) == 0
        assert_gone(target)
        assert target.check() == []


def test_an_import_before_the_layer_is_hidden_goes_with_it(store, monkeypatch):
    count = removals._large_layers

    def and_import(*arguments):
        found = count(*arguments)
        monkeypatch.setattr(removals, "_large_layers", count)
        store.save_tiles(STACK, new_tiles([tile("late", GONE)]), {})
        return found

    monkeypatch.setattr(removals, "_large_layers", and_import)
    assert store.delete_tiles(STACK, TileQuery(z=GONE)) == OF_LAYER + 1
    assert_gone(store)
    assert store.check() == []


def test_a_failure_later_on_is_none_of_the_one_who_deleted(store, monkeypatch):
    def full(number):
        if number == 1:
            monkeypatch.undo()
            raise StoreError("no room left")

    between_pieces(monkeypatch, removals, full)
    assert store.delete_tiles(STACK, TileQuery(z=GONE)) == OF_LAYER
    assert_gone(store)
    assert rows_of_layer(store) == OF_LAYER - 4


KILLED = """
import os, signal, sys
from renderws.store import pieces, removals, settling
from renderws.store.conformance.samples import STACK
from renderws.store.opening import open_store
from renderws.store.protocol import TileQuery
removals.LARGE, pieces.ROWS, pieces.SECONDS = 10, 4, 0.0
count = int(sys.argv[2])
def die():
    os.kill(os.getpid(), signal.SIGKILL)
piece, done = settling.do_piece, []
def and_die(*arguments):
    done.append(piece(*arguments))
    if len(done) == count:
        die()
    return done[-1]
settling.do_piece = and_die
if count < 0:  # within the transaction that hides
    removals.touch_data = lambda *arguments, **named: die()
open_store(sys.argv[1]).delete_tiles(STACK, TileQuery(z=2.0))
"""


@pytest.mark.parametrize(
    ("count", "place_reached"), [(-1, [""]), (1, ["t011"]), (3, ["t035"]), (6, [])]
)
def test_a_kill_leaves_the_layer_whole_or_gone(store, place, monkeypatch, count, place_reached):
    """And the next process goes on where the removal has got."""
    begun = places_begun(monkeypatch, progress)
    run = subprocess.run([sys.executable, "-c", KILLED, str(place), str(count)])
    assert run.returncode == -9
    if count < 0:
        assert list(store.tiles(STACK, ALL)) == TILES
    else:
        assert rows_of_layer(store) == max(0, OF_LAYER - 4 * count)
        assert_gone(store)
    assert store.check() == []
    store.delete_tiles(STACK, TileQuery(z=GONE))
    assert begun[:1] == place_reached
    assert_gone(store)
    assert rows_of_layer(store) == 0
    assert store.check() == []


def test_rows_of_dropped_stacks_and_collections_go_in_pieces(store, monkeypatch):
    transforms = {f"l{n}": affine(n, n) for n in range(9)} | {"both": reference("l0")}
    loading(store, **transforms)
    store.set_state(STACK, "COMPLETE")
    store.save_matches(COLLECTION, [match(f"1/a{n}", f"1/b{n}") for n in range(10)])
    store.delete_stack(STACK)
    store.delete_collection(COLLECTION)
    steps = []
    while now := store.reclaim():
        steps.append(now)
    tiles, lenses, references, sections, end = [4] * 15, [4, 4, 3], [1], [3], [1]
    assert steps == [*tiles, *lenses, *references, *sections, *end, 4, 4, 2, *end]
    with pytest.raises(NotFound):
        list(store.matches(COLLECTION, MatchQuery()))
    with store._source.read() as connection:
        for table in ("tile", "transform", "transform_reference", "section", "match", "stack"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0, table


def test_a_stack_that_goes_keeps_the_note_of_how_far_it_has_gone(store, monkeypatch):
    """From another server, which is about to remove layers that were hidden before."""
    crash_after(monkeypatch, removals, 1)
    with pytest.raises(Crash):
        store.delete_tiles(STACK, TileQuery(z=GONE))
    store.delete_stack(STACK)
    store.reclaim()
    with store._source.read() as connection:
        key, noted = connection.execute("SELECT key, hidden FROM stack").fetchone()
    assert settling.do_piece(store._source, removals.WORK, key) == 0
    with store._source.read() as connection:
        assert connection.execute("SELECT hidden FROM stack").fetchone() == (noted,)
    assert noted == f'"{max(TILES).tile_id}"'


def test_what_an_older_release_has_hidden_goes_too(store, monkeypatch):
    crash_after(monkeypatch, removals, 0)
    with pytest.raises(Crash):
        store.delete_tiles(STACK, TileQuery(z=GONE))
    with store._source.write(STACK) as connection:
        connection.execute("UPDATE stack SET hidden = '[2.0]' WHERE hidden IS NOT NULL")
    assert_gone(store)
    store.reclaim()
    assert rows_of_layer(store) == 0
    assert_gone(store)


def test_another_process_goes_on_where_the_removal_of_a_stack_has_got(store, monkeypatch):
    """And not with what has gone; what was undone is not taken for gone."""
    begun, order = [], pieces.tiles_in_order

    def and_note(*arguments):
        remove = order(*arguments)

        def noted(first, count):
            begun.append(first)
            found = remove(first, count)
            if len(begun) == 3:
                raise StoreError("undone")
            return found

        return noted

    monkeypatch.setattr("renderws.store.drops.tiles_in_order", and_note)
    store.delete_stack(STACK)
    for _ in range(2):
        assert store.reclaim() == 4
    with pytest.raises(StoreError):
        store.reclaim()
    while store.reclaim():
        pass
    last = [one.tile_id for one in sorted(TILES)][3::4]
    assert begun[:5] == ["", last[0], last[1], last[1], last[2]]
    with store._source.read() as connection:
        assert connection.execute("SELECT count(*) FROM tile").fetchone()[0] == 0
    assert store.check() == []
