"""Very many pairs come into a collection at once, and their rows go over in pieces."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from interrupted_pieces import IN_A_FILE, Crash, between_pieces, crash_after, places_begun
from pair_questions import assert_pairs

from renderws.store import drops, pairarrivals, pieces
from renderws.store.conformance.samples import COLLECTION, STACK, loading, match, tile
from renderws.store.copying import copy_store
from renderws.store.opening import open_store
from renderws.store.protocol import CollectionChange, CollectionId, MatchQuery, NotFound

GROUPS = ("a", "b", "c")
NEW, OTHER = CollectionId("owner", "new"), CollectionId("owner", "other")
CHANGE = CollectionChange(NEW, COLLECTION, keep=True)


def pairs(numbers, seed, **extra):
    return [
        match(f"{p}/{p}{n:02d}", f"{q}/{q}{n + 1:02d}", seed=seed + n, **extra)
        for p, q in itertools.combinations_with_replacement(GROUPS, 2)
        for n in numbers
    ]


def ids(one):
    return one.p_group_id, one.p_id, one.q_group_id, one.q_id


OLD = pairs(range(6), 0, consensus_set={"index": 0})
ARRIVING = pairs(range(4, 9), 100)
AFTER = list({ids(one): one for one in OLD + ARRIVING}.values())


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(pairarrivals, "LARGE", 10)
    monkeypatch.setattr(pieces, "ROWS", 6)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)  # one batch of rows a piece
    with open_store(place) as store:
        store.save_matches(COLLECTION, OLD)
        store.save_matches(NEW, ARRIVING)
        store.set_collection_metadata(NEW, {"local_transforms": 2})
        yield store


def rows(store):
    with store._source.read() as connection:
        return connection.execute("SELECT count(*) FROM match").fetchone()[0]


def assert_there(store, collection=COLLECTION):
    assert_pairs(store, AFTER, GROUPS, collection)
    assert store.collection_metadata(collection) == {"local_transforms": 2}
    assert not store.has_collection(NEW)
    assert store.check() == []


def assert_settled(store):
    assert rows(store) == len(AFTER)
    assert_there(store)


def test_pairs_are_there_while_their_rows_come_in_pieces(store, monkeypatch):
    def look(_):
        assert_there(store)
        store.save_matches(OTHER, [match("1/x", "1/y")])  # nobody waits for the end
        store.delete_collection(OTHER)

    done = between_pieces(monkeypatch, pairarrivals, look)
    store.change_collections([CHANGE])
    assert done == [6] * 5 + [0]
    assert sum(done) == len(ARRIVING)
    while store.reclaim():
        pass
    assert_settled(store)


@IN_A_FILE
def test_each_piece_begins_where_the_last_has_stopped(store, monkeypatch):
    """And the removal of the collection that they came from does not pass them again."""
    begun, removed = (places_begun(monkeypatch, one) for one in (pairarrivals, drops))
    store.change_collections([CHANGE])
    pairs = sorted([one.p_group_id, one.q_group_id, one.p_id, one.q_id] for one in ARRIVING)
    assert begun == [[""] * 4, *pairs[5::6], pairs[-1]][: len(begun)]
    assert len(begun) == 6
    while store.reclaim():
        pass
    assert len(removed) == 1
    assert removed[0] > pairs[-1]


def test_few_pairs_and_those_of_a_collection_named_twice_come_in_one_transaction(
    store, monkeypatch
):
    done = between_pieces(monkeypatch, pairarrivals, lambda _: None)
    store.save_matches(OTHER, [match("z/x", "z/y")])
    store.change_collections([CollectionChange(OTHER, COLLECTION, keep=True), CHANGE])
    assert done == []
    store.delete_matches(COLLECTION, MatchQuery(within="z"))
    assert_there(store)
    store.save_matches(NEW, ARRIVING)
    monkeypatch.setattr(pairarrivals, "LARGE", 100)
    store.change_collections([CHANGE])
    assert done == []
    assert_there(store)


def test_a_change_that_fails_lets_nothing_in(store):
    gone = [CHANGE, CollectionChange(CollectionId("owner", "nothing"), OTHER)]
    for changes, locks in ((gone, ()), ([CHANGE], [(STACK, "lost")])):
        with pytest.raises(NotFound):
            store.change_collections(changes, locks)
        assert_pairs(store, OLD, GROUPS)
        assert_pairs(store, ARRIVING, GROUPS, NEW)


@IN_A_FILE
def test_pairs_that_were_saved_since_they_were_counted_are_in_the_number(store, monkeypatch):
    count = pairarrivals._seen

    def and_save(*arguments):
        found = count(*arguments)
        monkeypatch.setattr(pairarrivals, "_seen", count)
        store.save_matches(COLLECTION, ARRIVING[-3:])
        return found

    monkeypatch.setattr(pairarrivals, "_seen", and_save)
    store.change_collections([CHANGE])
    assert_there(store)


def save(store):
    store.save_matches(COLLECTION, ARRIVING[:2])


def delete(store):
    store.save_matches(COLLECTION, [match("z/x", "z/y")])
    assert store.delete_matches(COLLECTION, MatchQuery(within="z")) == 1


def reclaim(store):
    while store.reclaim():
        pass
    assert_settled(store)


def compact(store):
    store.compact()
    assert_settled(store)


def take_in(store):
    store.save_matches(NEW, ARRIVING[5:])
    store.change_collections([CHANGE])


def rename_and_back(store):
    store.rename_collection(COLLECTION, OTHER)
    assert_there(store, OTHER)
    store.rename_collection(OTHER, COLLECTION)


@IN_A_FILE
@pytest.mark.parametrize("change", [save, delete, reclaim, compact, take_in, rename_and_back])
def test_whatever_is_done_after_a_crash_they_are_there(store, monkeypatch, change):
    crash_after(monkeypatch, pairarrivals, 2)
    with pytest.raises(Crash):
        store.change_collections([CHANGE])
    assert_there(store)
    change(store)
    assert_there(store)


def test_deleted_before_they_have_come_they_are_all_gone(store, monkeypatch):
    crash_after(monkeypatch, pairarrivals, 2)
    with pytest.raises(Crash):
        store.change_collections([CHANGE])
    store.delete_collection(COLLECTION)
    store.save_matches(COLLECTION, OLD[:1])
    while store.reclaim():
        pass
    assert rows(store) == 1
    assert_pairs(store, OLD[:1], GROUPS)


@IN_A_FILE
def test_a_copy_of_the_store_has_them(store, monkeypatch, tmp_path):
    crash_after(monkeypatch, pairarrivals, 2)
    with pytest.raises(Crash):
        store.change_collections([CHANGE])
    with open_store(tmp_path / "copy.db") as target:
        for _ in range(2):  # and the second time it finds them the same
            assert sum(one.rows for one in copy_store(store, target)) == len(AFTER)
        assert_settled(target)


KILLED = """
import os, signal, sys
from renderws.store import pairarrivals, pieces, settling
from renderws.store.conformance.samples import COLLECTION
from renderws.store.opening import open_store
from renderws.store.protocol import CollectionChange, CollectionId
pairarrivals.LARGE, pieces.ROWS, pieces.SECONDS = 10, 6, 0.0
count, done = int(sys.argv[2]), []
def die():
    os.kill(os.getpid(), signal.SIGKILL)
piece, take = settling.do_piece, pairarrivals.remove_onward
def and_die(*arguments):
    if len(done) == count:
        die()
    done.append(piece(*arguments))
    return done[-1]
def within(*arguments):
    take(*arguments)
    die()
settling.do_piece = and_die
if sys.argv[3] == "within":
    pairarrivals.remove_onward = within
if count < 0:  # within the transaction that lets them in
    from renderws.store import collections
    collections.let_in = lambda *_: die()
change = CollectionChange(CollectionId("owner", "new"), COLLECTION, keep=True)
open_store(sys.argv[1]).change_collections([change])
"""


@IN_A_FILE
@pytest.mark.parametrize(("count", "where"), [(-1, ""), (9, "within")])
def test_a_kill_leaves_all_of_them_there_or_none(store, place, count, where):
    run = subprocess.run([sys.executable, "-c", KILLED, str(place), str(count), where])
    assert run.returncode == -9
    if count < 0:
        assert_pairs(store, OLD, GROUPS)
        assert_pairs(store, ARRIVING, GROUPS, NEW)
        return
    assert_there(store)
    loading(store, tile("t", 1.0))
    reclaim(store)
