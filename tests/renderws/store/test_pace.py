"""Pieces of long work are as large as their time allows, whatever a row costs just now."""

from __future__ import annotations

import pytest

from renderws.store import pace, pairremovals, pieces
from renderws.store.conformance.samples import COLLECTION, match
from renderws.store.opening import open_store
from renderws.store.pace import Pace
from renderws.store.pieces import MOST


@pytest.fixture
def clock(monkeypatch):
    """A clock that only goes on where it is told to."""
    now = [0.0]
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(pace, "_rows", {})
    return now


def pieces_of(clock, count, a_row, a_commit=0.0, waits=0.0):
    """Seconds and rows of so many pieces, where a row and a commit take so long."""
    found = []
    for _ in range(count):
        with Pace("work") as one:
            clock[0] += waits  # for the turn
            rows = one.done(one.rows(MOST))
            clock[0] += rows * a_row + a_commit
        found.append((rows * a_row + a_commit, rows))
    return found


def test_the_first_piece_is_small_and_the_next_ones_grow_to_the_most_there_may_be(clock):
    rows = [rows for _, rows in pieces_of(clock, 8, 1e-7)]
    assert rows == [500, 1000, 2000, 4000, 8000, 16000, MOST, MOST]


@pytest.mark.parametrize("a_row", [1e-5, 1e-4, 1e-3])
def test_a_piece_stays_within_its_time_once_rows_are_known(clock, a_row):
    found = pieces_of(clock, 30, a_row)[1:]
    assert max(seconds for seconds, _ in found) <= pace.GOAL + a_row
    assert sum(rows for _, rows in found) * a_row > 0.6 * pace.GOAL * len(found)


def test_a_slow_commit_counts_and_the_wait_for_others_does_not(clock):
    assert pieces_of(clock, 8, 1e-7, waits=5.0)[-1][1] == MOST
    assert pieces_of(clock, 1, 1e-7, a_commit=0.6)[0][1] == MOST
    assert pieces_of(clock, 1, 1e-7)[0][1] == pytest.approx(MOST / 4, abs=20)


def test_a_piece_that_was_undone_says_nothing_of_the_next(clock):
    with pytest.raises(ValueError, match="no room"), Pace("work") as one:
        one.done(one.rows(MOST))
        clock[0] += 9.0
        raise ValueError("no room")
    assert pieces_of(clock, 1, 1e-7)[0][1] == 500


def test_who_sleeps_through_short_pauses_gets_a_turn_soon(clock, monkeypatch):
    pauses, left = [], iter([5] * 20 + [0])
    monkeypatch.setattr(pieces.time, "sleep", pauses.append)

    def piece():
        clock[0] += 0.01
        return next(left)

    pieces.in_pieces(piece)
    assert len(pauses) == 20
    sqlite_sleeps = 0.1  # at most between two tries (sqliteDefaultBusyCallback)
    assert all(max(pauses[n : n + 3]) > sqlite_sleeps for n in range(18))
    assert sum(pauses) < 20 * 0.06


def test_pairs_of_very_many_points_go_a_few_at_a_time(place, monkeypatch):
    monkeypatch.setattr(pairremovals, "POINTS", 25)  # two pairs have 20 points
    monkeypatch.setattr("renderws.store.pieces.SECONDS", 0.0)
    with open_store(place) as store:
        pairs = [match(f"1/a{n}", f"1/b{n}", 10, seed=n) for n in range(5)]
        assert {len(one.w) for one in pairs} == {10}
        store.save_matches(COLLECTION, pairs)
        store.delete_collection(COLLECTION)
        assert [store.reclaim() for _ in range(5)] == [2, 2, 1, 1, 0]
