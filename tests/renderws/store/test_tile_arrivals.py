"""Very many tiles take the place of others at once, and their rows move in pieces."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from interrupted_pieces import IN_A_FILE, Crash, between_pieces, crash_after, places_begun
from tile_questions import assert_tiles, bounds

from renderws.store import arrivals, drops, exchangeviews, pieces
from renderws.store.conformance.changes import ChangeTests
from renderws.store.conformance.samples import (
    ALL,
    OTHER,
    STACK,
    affine,
    loading,
    reference,
    tile,
)
from renderws.store.copying import copy_store
from renderws.store.documents import new_tiles
from renderws.store.opening import open_store
from renderws.store.protocol import Conflict, NotFound, StackChange, StackId, TileQuery

BUILT = StackId(*STACK[:2], "built")
ZS, SOME = (0.0, 1.0, 2.0, 7.0), [1.0, 2.0]


def tiles(numbers, z, lens, **extra):
    return [
        tile(f"t{n:03d}", z(n), 30.0 * (n % 11), 9.0 * n, **extra,
             transforms=[reference(lens), affine(n, 0)])
        for n in numbers
    ]  # fmt: skip


OLD = [
    *tiles(range(18), lambda n: float(n % 3), "lens", section="s", group="g"),
    *tiles(range(18, 42), lambda n: float(n % 3), "lens", section="other",
           channels=[{"name": "old"}]),
    *tiles([42], lambda _: None, "lens"),
]  # fmt: skip
# some again, some at another z, some that are new
AGAIN = [n for n in range(42) if n % 3 == 1][::2]
NEW = [
    *tiles(AGAIN, lambda _: 1.0, "new", size=900.0, section="s", channels=[{"name": "new"}]),
    *tiles(range(80, 90), lambda _: 7.0, "new", group="g"),
    *tiles([2, 5, 90], lambda _: 1.0, "new", section="moved"),
    *tiles([91], lambda _: None, "new"),
]
IDS = {one.tile_id for one in NEW}
KEEP = {
    keep: [*NEW, *(t for t in OLD if t.z not in SOME or (keep and t.tile_id not in IDS))]
    for keep in (False, True)
}
GONE = {keep: {t.tile_id for t in OLD} - {t.tile_id for t in KEEP[keep]} for keep in KEEP}


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(exchangeviews, "LARGE", 10)
    monkeypatch.setattr(pieces, "ROWS", 8)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)  # one batch of rows a piece
    with open_store(place) as store:
        yield filled(store)


def filled(store):
    loading(store, *OLD, lens=affine(1, 1))
    return loading(store, *NEW, stack=BUILT, new=affine(2, 2))


def change(keep=False, state="LOADING"):
    return StackChange(BUILT, STACK, SOME, keep, state)


def assert_there(store, keep=False, stack=STACK):
    assert_tiles(store, KEEP[keep], ZS, GONE[keep], stack)
    assert set(store.transforms(stack, ["lens", "new"])) == {"lens", "new"}
    with pytest.raises(NotFound):
        store.stack(BUILT)
    assert store.check() == []


def assert_derived(store, keep=False):
    after, stats = KEEP[keep], store.stack(STACK)["stats"]
    low_x, low_y, high_x, high_y = bounds(after)
    assert stats["stackBounds"] == {
        "minX": low_x, "minY": low_y, "minZ": 0.0, "maxX": high_x, "maxY": high_y, "maxZ": 7.0,
    }  # fmt: skip
    zs = sorted({t.z for t in after if t.z is not None})
    assert (stats["tileCount"], stats["sectionCount"]) == (len(after), len(zs))
    assert (stats["transformCount"], stats["tilesWithoutZ"]) == (2, 2)
    assert stats["channelNames"] == ["new", "old"]
    found = {(d.section_id, d.z): d.tile_count for d in store.section_data(STACK)}
    keys = [(t.section_id, t.z) for t in after if t.section_id is not None]
    assert found == {key: keys.count(key) for key in set(keys)}


def reclaim(store):
    while store.reclaim():
        pass


@IN_A_FILE
def test_each_piece_begins_where_the_last_has_stopped(store, monkeypatch):
    """And the removal of the stack that they came from does not pass them again."""
    begun, removed = (places_begun(monkeypatch, one) for one in (arrivals, drops))
    store.change_stacks([change()])
    zs = [one.z for one in NEW if one.z is not None]
    assert begun[0] < min(zs)
    assert begun[1:] == sorted(begun[1:])
    assert begun[-1] == max(zs)
    store.undelete_stack(BUILT)  # what was replaced
    reclaim(store)
    assert removed[0] > max(IDS)


@pytest.mark.parametrize("keep", [False, True])
def test_tiles_are_there_while_their_rows_move_in_pieces(store, monkeypatch, keep):
    replaced = len(OLD) - (len(KEEP[keep]) - len(NEW))

    def look(_):
        assert_there(store, keep)
        assert_derived(store, keep)
        assert [one.tile_count for one in store.dropped_stacks()] in ([], [replaced])
        loading(store, tile("other", 5.0), stack=OTHER)  # nobody waits for the end

    with monkeypatch.context() as patched:
        done = between_pieces(patched, arrivals, look)
        store.change_stacks([change(keep, "COMPLETE")])
    assert len(done) > sum(done) / 8 > 3
    assert done[-1] == 0
    assert sum(done) == len(NEW) + replaced
    assert_there(store, keep)
    assert_derived(store, keep)
    store.undelete_stack(BUILT)  # what was replaced
    left = {one.tile_id for one in KEEP[keep][len(NEW) :]}
    assert list(store.tiles(BUILT, ALL)) == [t for t in OLD if t.tile_id not in left]


@IN_A_FILE
def test_nothing_is_derived_while_others_cannot_write(store, monkeypatch):
    monkeypatch.setattr("renderws.store.stacks.derive", None)
    store.change_stacks([change(state="COMPLETE")])
    assert_derived(store)
    loading(store, *NEW, stack=BUILT)
    store.change_stacks([StackChange(BUILT, STACK)])
    assert store.stack(STACK)["stats"]["tileCount"] == len(NEW)


@IN_A_FILE
def test_what_comes_without_replacing_anything_is_there(store):
    zs = [7.0, 9.0]
    store.delete_tiles(BUILT, TileQuery(tile_ids=[t.tile_id for t in NEW if t.z != 7.0]))
    store.save_tiles(BUILT, new_tiles(tiles(range(50, 60), lambda _: 9.0, "new")), {})
    store.change_stacks([StackChange(BUILT, STACK, zs, state="LOADING")])
    assert store.count_tiles(STACK, ALL) == len(OLD) + 20
    assert store.z_values(STACK) == [0.0, 1.0, 2.0, 7.0, 9.0]
    assert store.dropped_stacks() == []
    assert store.check() == []


def test_a_change_that_fails_changes_nothing(store):
    missing = StackChange(StackId(*STACK[:2], "nothing"), OTHER)
    double = StackChange(BUILT, STACK, [1.0], state="LOADING")  # t002 is kept at z=2
    for changes, locks, error in (
        ([change(), missing], (), NotFound),
        ([change()], [(STACK, "lost")], NotFound),
        ([double], (), Conflict),
    ):
        with pytest.raises(error):
            store.change_stacks(changes, locks)
        assert_tiles(store, OLD, ZS)
        assert list(store.tiles(BUILT, ALL)) == sorted(NEW)
        assert store.check() == []


@IN_A_FILE
def test_tiles_that_were_saved_since_they_were_counted_are_replaced_too(store, monkeypatch):
    see = exchangeviews._seen

    def and_save(*arguments):
        found = see(*arguments)
        monkeypatch.setattr(exchangeviews, "_seen", see)
        store.save_tiles(STACK, new_tiles([tile("late", 1.0)]), {})
        return found

    monkeypatch.setattr(exchangeviews, "_seen", and_save)
    store.change_stacks([change(state="COMPLETE")])
    assert_there(store)
    assert_derived(store)


def complete(store):
    store.set_state(STACK, "COMPLETE")
    assert_derived(store)


def clone(store):
    store.clone_stack(STACK, OTHER, {})
    assert_tiles(store, KEEP[False], ZS, stack=OTHER)


def change_one(store):
    store.save_tiles(STACK, new_tiles([tile("x", 1.0)]), {})
    assert store.delete_tiles(STACK, TileQuery(tile_ids=["x"])) == 1


def exchange_again(store):
    loading(store, *(one for one in NEW if one.z == 1.0), stack=BUILT, new=affine(2, 2))
    store.change_stacks([change()])


def compact(store):
    store.compact()
    with store._source.read() as connection:
        rows = connection.execute("SELECT count(*) FROM tile").fetchone()[0]
    assert rows == len(KEEP[False])


def rename_and_back(store):
    store.rename_stack(STACK, OTHER)
    assert_there(store, stack=OTHER)
    store.rename_stack(OTHER, STACK)


def drop_and_return(store):
    store.delete_stack(STACK)
    reclaim_none = store.reclaim(grace=3600.0)
    assert reclaim_none == 0
    store.undelete_stack(STACK)


@pytest.mark.parametrize(
    ("done", "next_change"),
    [(0, complete), (2, clone), (0, change_one), (2, exchange_again), (2, reclaim), (0, compact),
     (2, rename_and_back), (2, drop_and_return)],
)  # fmt: skip
def test_whatever_is_done_after_a_crash_they_are_there(store, monkeypatch, done, next_change):
    crash_after(monkeypatch, arrivals, done)
    with pytest.raises(Crash):
        store.change_stacks([change()])
    assert_there(store)
    next_change(store)
    assert_there(store)


@pytest.mark.parametrize("done", [1, 3])
def test_deleted_before_they_have_come_they_are_all_gone(store, monkeypatch, done):
    crash_after(monkeypatch, arrivals, done)
    with pytest.raises(Crash):
        store.change_stacks([change()])
    store.delete_stack(STACK)
    reclaim(store)
    with store._source.read() as connection:
        for table in ("tile", "stack"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == 0


def test_deleted_and_removed_while_some_come_they_are_all_gone(store, monkeypatch):
    """By another server, which does not wait longer than for the piece."""
    come, calls = arrivals._come, []

    def and_remove(*arguments):
        found = come(*arguments)
        calls.append(found)
        if len(calls) == 2:
            removal.start()
            removal.join(2.0)
        return found

    def remove():
        store.delete_stack(STACK)
        reclaim(store)

    removal = threading.Thread(target=remove)
    monkeypatch.setattr(arrivals, "_come", and_remove)
    store.change_stacks([change()])
    removal.join()
    reclaim(store)
    with store._source.read() as connection:
        assert connection.execute("SELECT count(*) FROM tile").fetchone()[0] == 0
    assert store.check() == []


@IN_A_FILE
def test_a_copy_of_the_store_has_them(store, monkeypatch, tmp_path):
    crash_after(monkeypatch, arrivals, 2)
    with pytest.raises(Crash):
        store.change_stacks([change(keep=True)])
    with open_store(tmp_path / "copy.db") as target:
        for _ in range(2):  # and the second time it finds them the same
            assert [one.rows for one in copy_store(store, target)] == [len(KEEP[True])]
        assert_there(target, keep=True)


KILLED = """
import os, signal, sys
from renderws.store import arrivals, exchanges, exchangeviews, pieces, settling
from renderws.store.conformance.samples import STACK
from renderws.store.opening import open_store
from renderws.store.protocol import StackChange, StackId
exchangeviews.LARGE, pieces.ROWS, pieces.SECONDS = 10, 8, 0.0
count, done, where = int(sys.argv[2]), [], sys.argv[3]
def die():
    os.kill(os.getpid(), signal.SIGKILL)
piece, move = settling.do_piece, arrivals._move
def and_die(*arguments):
    if len(done) == count and not where:
        die()
    done.append(piece(*arguments))
    return done[-1]
def within(*arguments):
    move(*arguments)
    if len(done) == count:
        die()
settling.do_piece = and_die
if where:
    arrivals._move = lambda *arguments: within(*arguments) or move(*arguments)
if count < 0:  # within the transaction that lets them in
    let_in = exchanges.let_in
    exchanges.let_in = lambda *arguments: (let_in(*arguments), die())
change = StackChange(StackId(*STACK[:2], "built"), STACK, [1.0, 2.0], False, "LOADING")
open_store(sys.argv[1]).change_stacks([change])
"""


@IN_A_FILE
@pytest.mark.parametrize(("count", "where"), [(-1, ""), (0, "within")])
def test_a_kill_leaves_all_of_them_there_or_none(store, place, count, where):
    run = subprocess.run([sys.executable, "-c", KILLED, str(place), str(count), where])
    assert run.returncode == -9
    if count < 0:
        assert_tiles(store, OLD, ZS)
        assert list(store.tiles(BUILT, ALL)) == sorted(NEW)
        return
    assert_there(store)
    reclaim(store)
    assert_there(store)


@pytest.mark.soak
class TestExchangesOfAnySizeInPieces(ChangeTests):
    """What is promised of exchanges holds, however many tiles they are of."""

    @pytest.fixture
    def store(self, tmp_path, monkeypatch):
        monkeypatch.setattr(exchangeviews, "LARGE", 0)
        with open_store(tmp_path / "render.db") as store:
            yield store
