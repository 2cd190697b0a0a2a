"""Tests of what is kept of runs of modules."""

from __future__ import annotations

import time

import pytest

from renderws.store.protocol import JobEntry, NotFound, Store, StoreError

DAY = 86_400.0


def said(
    number: int = 1, elapsed: float = 0.0, owner: str | None = "o", text: str = ""
) -> JobEntry:
    """An entry that names its number."""
    return JobEntry(owner, "p", elapsed, number, b'{"n":%d}' % number, text.encode() or b"{}")


def ids(store: Store, **asked: object) -> list[str]:
    return [record.id for record in store.jobs(DAY, **asked)]  # type: ignore[arg-type]


class JobTests:
    """What those rely on who look at runs."""

    def test_there_are_none_at_first(self, store: Store) -> None:
        assert store.jobs(DAY) == []
        with pytest.raises(NotFound, match="no run a"):
            store.job("a", DAY)
        store.delete_job("a")

    def test_what_a_run_says_last_counts(self, store: Store) -> None:
        before = time.time() * 1000
        store.save_job("a", said(1, elapsed=2.5, text='{"log": []}'), 10, DAY)
        (first,) = store.jobs(DAY)
        assert first[:3] == ("a", "o", "p") and first.document == b'{"n":1}' and not first.details
        assert abs(first.started - (before - 2500)) < 1000 and first.seen >= before - 1
        store.save_job("a", said(2, elapsed=9.0, text='{"log": [1]}'), 10, DAY)
        second = store.job("a", DAY)
        assert (second.document, second.details) == (b'{"n":2}', b'{"log": [1]}')
        assert second.started == first.started and second.seen >= first.seen

    def test_what_comes_too_late_is_left(self, store: Store) -> None:
        for number in (1, 3, 2):
            store.save_job("a", said(number), 10, DAY)
        assert store.job("a", DAY).document == b'{"n":3}'

    def test_those_started_last_come_first(self, store: Store) -> None:
        for job, elapsed in (("a", 5.0), ("b", 20.0), ("c", 10.0)):
            store.save_job(job, said(elapsed=elapsed), 10, DAY)
        assert ids(store) == ["a", "c", "b"]
        assert ids(store, limit=2) == ["a", "c"]

    def test_they_are_found_by_owner_and_project(self, store: Store) -> None:
        for job, owner in (("a", "o"), ("b", "x"), ("c", None)):
            store.save_job(job, said(owner=owner), 10, DAY)
        assert sorted(ids(store)) == ["a", "b", "c"]
        assert ids(store, owner="x") == ids(store, owner="x", project="p") == ["b"]
        assert ids(store, owner="x", project="q") == ids(store, owner="y") == []

    def test_only_so_many_are_kept_and_those_heard_of_last(self, store: Store) -> None:
        for job in "abcd":
            store.save_job(job, said(), 4, DAY)
            time.sleep(0.002)
        store.save_job("a", said(2), 4, DAY)  # it still goes on
        store.save_job("e", said(), 3, DAY)
        assert sorted(ids(store)) == ["a", "d", "e"]
        store.save_job("f", said(), 1, DAY)
        assert ids(store) == ["f"]

    def test_those_not_heard_of_for_long_are_forgotten(self, store: Store) -> None:
        store.save_job("a", said(), 10, DAY)
        time.sleep(0.02)
        assert store.jobs(0.01) == []
        with pytest.raises(NotFound):
            store.job("a", 0.01)
        assert ids(store) == ["a"]
        store.save_job("b", said(), 10, 0.01)
        assert ids(store) == ["b"]

    def test_one_is_forgotten(self, store: Store) -> None:
        for job in "ab":
            store.save_job(job, said(), 10, DAY)
        store.delete_job("a")
        assert ids(store) == ["b"]

    def test_nothing_is_written_through_a_snapshot(self, store: Store) -> None:
        store.save_job("a", said(), 10, DAY)
        with store.snapshot() as view:
            assert ids(view) == ["a"]
            with pytest.raises(StoreError, match="snapshot"):
                view.save_job("b", said(), 10, DAY)
