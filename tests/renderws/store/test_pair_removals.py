"""Very many pairs are deleted at once, and their rows removed in pieces."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pytest
from interrupted_pieces import Crash, between_pieces, crash_after, places_begun
from pair_questions import assert_pairs

from renderws.store import pairremovals, pieces, progress
from renderws.store.conformance.samples import COLLECTION, match
from renderws.store.copying import copy_store
from renderws.store.opening import open_store
from renderws.store.protocol import CollectionChange, CollectionId, MatchQuery

GROUPS = ("a", "b", "c")
PAIRS = [
    match(f"{p}/{p}{n:02d}", f"{q}/{q}{n + 1:02d}", seed=n)
    for p, q in itertools.combinations_with_replacement(GROUPS, 2)
    for n in range(12)
]
OTHER = CollectionId("owner", "others")


def of_p_group(one):
    return one.p_group_id == "a"


def within(one):
    return one.p_group_id == one.q_group_id == "a"


def outside(one):
    return (one.p_group_id == "b") != (one.q_group_id == "b")


def between(one):
    return {one.p_group_id, one.q_group_id} == {"a", "c"}


def every(one):
    return True


CASES = [
    pytest.param(MatchQuery(p_group="a"), of_p_group, id="p group"),
    pytest.param(MatchQuery(within="a"), within, id="within"),
    pytest.param(MatchQuery(outside="b"), outside, id="outside"),
    pytest.param(MatchQuery(group="c", other_group="a"), between, id="between"),
    pytest.param(MatchQuery(), every, id="all"),
]


@pytest.fixture
def store(place, monkeypatch):
    monkeypatch.setattr(pairremovals, "LARGE", 10)
    monkeypatch.setattr(pieces, "ROWS", 4)
    monkeypatch.setattr(pieces, "SECONDS", 0.0)
    with open_store(place) as store:
        store.save_matches(COLLECTION, PAIRS)
        yield store


def rows(store):
    with store._source.read() as connection:
        return connection.execute("SELECT count(*) FROM match").fetchone()[0]


def assert_left(store, gone, collection=COLLECTION):
    """All questions are answered as if these pairs had never been."""
    assert_pairs(store, [one for one in PAIRS if not gone(one)], GROUPS, collection)


@pytest.mark.parametrize(("query", "gone"), CASES)
def test_very_many_pairs_are_gone_while_their_rows_go_in_pieces(store, monkeypatch, query, gone):
    left = []

    def look(_):
        left.append(rows(store))
        assert_left(store, gone)
        store.save_matches(OTHER, [match("1/x", "1/y")])  # nobody waits for the end
        store.delete_collection(OTHER)

    done = between_pieces(monkeypatch, pairremovals, look)
    count = sum(map(gone, PAIRS))
    assert store.delete_matches(COLLECTION, query) == count
    assert done[-1] == 0
    assert sum(done) == count
    assert len(done) > count / 4
    assert_left(store, gone)
    assert store.check() == []


def test_few_pairs_and_those_of_a_canvas_go_in_one_transaction(store, monkeypatch):
    done = between_pieces(monkeypatch, pairremovals, lambda _: None)
    store.delete_matches(COLLECTION, MatchQuery(group="a", id="a03"))
    monkeypatch.setattr(pairremovals, "LARGE", 12)
    assert store.delete_matches(COLLECTION, MatchQuery(within="b")) == 12
    assert done == []
    assert store.check() == []


def save(store):
    again = PAIRS[0]
    store.save_matches(COLLECTION, [again])
    assert len(list(store.matches(COLLECTION, MatchQuery(within="a")))) == 1
    store.delete_matches(COLLECTION, MatchQuery(within="a"))


def delete_again(store):
    assert store.delete_matches(COLLECTION, MatchQuery(within="a")) == 0


def reclaim(store):
    while store.reclaim():
        pass
    assert rows(store) == len(PAIRS) - 12


def take_in(store):
    store.save_matches(OTHER, [match("z/x", "z/y")])
    store.change_collections([CollectionChange(OTHER, COLLECTION, keep=True)])
    store.delete_matches(COLLECTION, MatchQuery(within="z"))


def rename_and_back(store):
    store.rename_collection(COLLECTION, OTHER)
    assert_left(store, within, OTHER)
    store.rename_collection(OTHER, COLLECTION)


@pytest.mark.parametrize("change", [save, delete_again, reclaim, take_in, rename_and_back])
@pytest.mark.parametrize("done", [0, 2])
def test_whatever_is_done_after_a_crash_the_pairs_are_gone(store, monkeypatch, change, done):
    crash_after(monkeypatch, pairremovals, done)
    with pytest.raises(Crash):
        store.delete_matches(COLLECTION, MatchQuery(within="a"))
    assert rows(store) == len(PAIRS) - 4 * done
    assert_left(store, within)
    assert store.check() == []
    change(store)
    assert_left(store, within)
    assert store.check() == []


def test_a_copy_of_the_store_is_without_them(store, monkeypatch, tmp_path):
    crash_after(monkeypatch, pairremovals, 1)
    with pytest.raises(Crash):
        store.delete_matches(COLLECTION, MatchQuery(outside="b"))
    with open_store(tmp_path / "copy.db") as target:
        for _ in range(2):  # and the second time it finds them the same
            assert sum(one.rows for one in copy_store(store, target)) == len(PAIRS) - 24
        assert_left(target, outside)
        assert target.check() == []


KILLED = """
import os, signal, sys
from renderws.store import pairremovals, pieces, settling
from renderws.store.conformance.samples import COLLECTION
from renderws.store.opening import open_store
from renderws.store.protocol import MatchQuery
pairremovals.LARGE, pieces.ROWS, pieces.SECONDS = 10, 4, 0.0
count, done = int(sys.argv[2]), []
piece = settling.do_piece
def and_die(*arguments):
    if len(done) == count:
        os.kill(os.getpid(), signal.SIGKILL)
    done.append(piece(*arguments))
    return done[-1]
settling.do_piece = and_die
open_store(sys.argv[1]).delete_matches(COLLECTION, MatchQuery(outside="b"))
"""


@pytest.mark.parametrize(("count", "place_reached"), [(0, ["", "", ""]), (4, ["c", "b03", "c04"])])
def test_a_kill_leaves_them_gone(store, place, monkeypatch, count, place_reached):
    """And the next process goes on where the removal has got, in the search that it has got to."""
    begun = places_begun(monkeypatch, progress)
    run = subprocess.run([sys.executable, "-c", KILLED, str(place), str(count)])
    assert run.returncode == -9
    assert rows(store) == len(PAIRS) - 4 * count
    assert_left(store, outside)
    assert store.check() == []
    store.delete_matches(COLLECTION, MatchQuery(outside="b"))
    assert begun[0] == place_reached
    assert rows(store) == len(PAIRS) - 24
    assert_left(store, outside)
