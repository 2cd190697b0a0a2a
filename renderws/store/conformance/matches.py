"""Tests of match collections and trials."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from renderws.store.conformance.samples import COLLECTION, match, same_match
from renderws.store.protocol import (
    CollectionChange,
    CollectionId,
    Conflict,
    Invalid,
    Match,
    MatchQuery,
    NotFound,
    StackId,
    Store,
)

BUILT = CollectionId(COLLECTION.owner, "built")
SET = {"index": 0, "originalPId": "a", "originalQId": "b"}


def keys(found: list[Match]) -> list[tuple[str, str, str, str]]:
    return [(one.p_group_id, one.q_group_id, one.p_id, one.q_id) for one in found]


def all_pairs() -> list[Match]:
    """Every pair of nine canvases of three groups, written both ways round."""
    canvases = [f"{group}/{name}" for group in ("10.0", "9.0", "é") for name in "abc"]
    pairs = itertools.combinations(canvases, 2)
    return [match(*(pair[::-1] if n % 2 else pair), seed=n) for n, pair in enumerate(pairs)]


class MatchTests:
    """Collections, pairs and trials."""

    def test_points_come_back_exactly(self, store: Store) -> None:
        rng = np.random.default_rng(3)
        kinds = {
            "doubles": rng.uniform(-1e6, 1e6, (4, 50)),
            "floats": rng.uniform(0, 2e3, (4, 50)).astype(np.float32).astype(np.float64),
            "integers": rng.integers(0, 4000, (4, 50)).astype(np.float64),
            "huge": rng.uniform(-1, 1, (4, 50)) * 1e300,
            "none": np.empty((4, 0)),
            "one": np.array([[0.1], [-0.0], [5e-324], [1e22]]),
        }
        weights = {"ones": np.ones, "mixed": lambda n: rng.uniform(0, 1, n)}
        saved = {}
        for (kind, points), (name, weight) in itertools.product(kinds.items(), weights.items()):
            count = points.shape[1]
            saved[f"{kind} {name}"] = Match(
                "1", f"{kind} {name}", "2", "q", points[:2], points[2:], weight(count), count
            )
        store.save_matches(COLLECTION, list(saved.values()))
        found = list(store.matches(COLLECTION, MatchQuery()))
        assert len(found) == len(saved)
        for one in found:
            assert same_match(one, saved[one.p_id])
            assert one.p is not None
            assert one.p.dtype == np.float64

    def test_points_that_come_point_by_point_stay_so(self, store: Store) -> None:
        rng = np.random.default_rng(4)
        saved = {}
        for count in (1, 2, 3, 5):
            p, q = rng.uniform(0, 1e3, (2, count, 2))
            if count % 2:
                p, q = np.round(p), np.round(q)
            saved[f"{count}"] = Match("1", f"{count}", "2", "q", p, q, np.ones(count), count)
        store.save_matches(COLLECTION, list(saved.values()))
        found = list(store.matches(COLLECTION, MatchQuery()))
        assert [one.count for one in found] == [1, 2, 3, 5]
        for one in found:
            assert same_match(one, saved[one.p_id])

    def test_pairs_are_normalised(self, store: Store) -> None:
        backwards = match("9.0/a", "10.0/b", consensus_set=SET)
        within = match("1/b", "1/a", seed=1)
        store.save_matches(COLLECTION, [backwards, within])
        first, second = store.matches(COLLECTION, MatchQuery())
        assert same_match(first, replace(within, p_id="a", q_id="b", p=within.q, q=within.p))
        assert (second.p_group_id, second.p_id) == ("10.0", "b")
        assert (second.q_group_id, second.q_id) == ("9.0", "a")
        assert np.array_equal(second.p, backwards.q)  # type: ignore[arg-type]
        assert np.array_equal(second.w, backwards.w)  # type: ignore[arg-type]
        assert second.consensus_set == SET

    def test_saving_replaces_and_the_last_one_wins(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match("1/a", "1/b", consensus_set=SET)])
        last = match("1/b", "1/a", count=7, seed=3)
        store.save_matches(COLLECTION, [match("1/a", "1/b", seed=2), last])
        (found,) = store.matches(COLLECTION, MatchQuery())
        assert same_match(found, replace(last, p_id="a", q_id="b", p=last.q, q=last.p))
        assert store.match_collections("owner") == [(COLLECTION, 1)]

    def test_count_is_the_number_of_weights(self, store: Store) -> None:
        store.save_matches(COLLECTION, [replace(match("1/a", "1/b", count=4), count=99)])
        (found,) = store.matches(COLLECTION, MatchQuery())
        assert found.count == 4

    def test_details_can_be_left_out(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match("1/a", "1/b", count=4, consensus_set=SET)])
        (found,) = store.matches(COLLECTION, MatchQuery(), details=False)
        assert found == Match("1", "a", "1", "b", None, None, None, 4, SET)

    def test_bad_points_are_refused(self, store: Store) -> None:
        good = match("1/a", "1/b", count=3)
        for bad in (
            replace(good, w=np.ones(2)),
            replace(good, p=np.ones((3, 3))),
            replace(good, q=np.ones(3)),
            replace(good, p=None),
        ):
            with pytest.raises(Invalid):
                store.save_matches(COLLECTION, [good, bad])
        assert not store.has_collection(COLLECTION)

    def test_every_query_agrees_with_a_plain_search(self, store: Store) -> None:
        store.save_matches(COLLECTION, all_pairs())
        store.save_matches(CollectionId("owner", "another"), all_pairs())
        everything = list(store.matches(COLLECTION, MatchQuery()))
        assert keys(everything) == sorted(keys(everything))
        assert len(everything) == 36

        def check(query: MatchQuery, wanted: list[Match]) -> None:
            assert keys(list(store.matches(COLLECTION, query))) == keys(wanted), query
            assert keys(list(store.matches(COLLECTION, query, details=False))) == keys(wanted)

        def sides(one: Match) -> list[tuple[str, str]]:
            return [(one.p_group_id, one.p_id), (one.q_group_id, one.q_id)]

        groups = ["10.0", "9.0", "é", "none"]
        for group in groups:
            counts = [[side[0] for side in sides(one)].count(group) for one in everything]
            paired = list(zip(everything, counts, strict=True))
            check(MatchQuery(p_group=group), [one for one in everything if one.p_group_id == group])
            check(MatchQuery(within=group), [one for one, count in paired if count == 2])
            check(MatchQuery(outside=group), [one for one, count in paired if count == 1])
        for group, other in itertools.product(groups, groups):
            between = [
                one
                for one in everything
                if sorted((one.p_group_id, one.q_group_id)) == sorted((group, other))
            ]
            check(MatchQuery(group=group, other_group=other), between)
            canvas = (group, "b")
            involved = [one for one in everything if canvas in sides(one)]
            check(MatchQuery(group=group, id="b"), involved)
            check(
                MatchQuery(group=group, id="b", other_group=other),
                [
                    one
                    for one in involved
                    if next(side for side in sides(one) if side != canvas)[0] == other
                ],
            )
            for name in "ac":
                pair = [one for one in involved if (other, name) in sides(one)]
                check(MatchQuery(group=group, id="b", other_group=other, other_id=name), pair)
                check(MatchQuery(group=other, id=name, other_group=group, other_id="b"), pair)

    def test_a_canvas_matched_with_itself_is_listed_once(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match("1/a", "1/a"), match("1/a", "1/b")])
        assert len(list(store.matches(COLLECTION, MatchQuery(group="1", id="a")))) == 2

    def test_unknown_shape_of_query_is_refused(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match("1/a", "1/b")])
        for query in (
            MatchQuery(id="a"),
            MatchQuery(within="1", outside="2"),
            MatchQuery(group="1"),
        ):
            with pytest.raises(Invalid):
                store.matches(COLLECTION, query)

    def test_groups(self, store: Store) -> None:
        pairs = [
            match("1/a", "2/a"),
            match("2/a", "3/a", consensus_set=SET),
            match("2/b", "2/c"),
            match("10/a", "9/a"),
        ]
        store.save_matches(COLLECTION, pairs)
        assert store.match_groups(COLLECTION, "p") == ["1", "10", "2"]
        assert store.match_groups(COLLECTION, "q") == ["2", "3", "9"]
        assert store.match_groups(COLLECTION, "both") == ["1", "10", "2", "3", "9"]
        assert store.multi_consensus_groups(COLLECTION, "p") == ["2"]
        assert store.multi_consensus_groups(COLLECTION, "both") == ["2", "3"]
        with pytest.raises(Invalid):
            store.match_groups(COLLECTION, "r")

    def test_delete_matches(self, store: Store) -> None:
        for query in (
            MatchQuery(p_group="9.0"),
            MatchQuery(outside="9.0"),
            MatchQuery(group="é", other_group="10.0"),
            MatchQuery(group="9.0", id="a"),
            MatchQuery(group="é", id="c", other_group="9.0", other_id="a"),
            MatchQuery(group="none", id="a"),
            MatchQuery(),
        ):
            store.save_matches(COLLECTION, all_pairs())
            gone = keys(list(store.matches(COLLECTION, query)))
            kept = [
                key
                for key in keys(list(store.matches(COLLECTION, MatchQuery())))
                if key not in gone
            ]
            assert store.delete_matches(COLLECTION, query) == len(gone), query
            assert keys(list(store.matches(COLLECTION, MatchQuery()))) == kept
            assert store.match_collections("owner") == [(COLLECTION, len(kept))]
        assert store.has_collection(COLLECTION)
        assert store.check() == []

    def test_collections_exist_from_the_first_pair_until_deleted(self, store: Store) -> None:
        store.save_matches(COLLECTION, [])
        store.set_collection_metadata(COLLECTION, {"local_transforms": 1})
        assert store.match_owners() == []
        assert store.match_collections("owner") == []
        assert not store.has_collection(COLLECTION)
        for missing in (
            lambda: store.matches(COLLECTION, MatchQuery()),
            lambda: store.match_groups(COLLECTION, "p"),
            lambda: store.multi_consensus_groups(COLLECTION, "q"),
            lambda: store.delete_matches(COLLECTION, MatchQuery()),
            lambda: store.delete_collection(COLLECTION),
            lambda: store.rename_collection(COLLECTION, CollectionId("a", "b")),
        ):
            with pytest.raises(NotFound, match="match collection matches of owner owner"):
                missing()
        store.save_matches(COLLECTION, [match("1/a", "1/b")])
        assert store.match_owners() == ["owner"]
        assert store.collection_metadata(COLLECTION) == {"local_transforms": 1}
        store.delete_collection(COLLECTION)
        assert not store.has_collection(COLLECTION)
        assert store.collection_metadata(COLLECTION) == {}
        store.save_matches(COLLECTION, [match("2/a", "2/b")])
        assert store.match_groups(COLLECTION, "both") == ["2"]

    def test_collections_are_listed_by_name(self, store: Store) -> None:
        for name in ("b", "a", "C"):
            store.save_matches(CollectionId("owner", name), [match("1/a", "1/b")])
        store.save_matches(CollectionId("another", "z"), [match("1/a", "1/b")])
        assert [collection.name for collection, _ in store.match_collections("owner")] == [
            "C",
            "a",
            "b",
        ]
        assert store.match_owners() == ["another", "owner"]
        assert store.match_collections("nobody") == []

    def test_rename_collection(self, store: Store) -> None:
        to = CollectionId("somebody", "renamed")
        store.save_matches(COLLECTION, [match("1/a", "1/b")])
        store.set_collection_metadata(COLLECTION, {"local_transforms": 2})
        store.set_collection_metadata(to, {"local_transforms": 5})
        store.rename_collection(COLLECTION, to)
        assert not store.has_collection(COLLECTION)
        assert store.match_collections("somebody") == [(to, 1)]
        assert store.collection_metadata(to) == {"local_transforms": 2}
        store.save_matches(COLLECTION, [match("1/a", "1/b")])
        with pytest.raises(Invalid, match="exists already"):
            store.rename_collection(COLLECTION, to)

    def test_metadata_are_replaced(self, store: Store) -> None:
        assert store.collection_metadata(COLLECTION) == {}
        store.set_collection_metadata(COLLECTION, {"local_transforms": 1, "note": None})
        store.set_collection_metadata(COLLECTION, {"local_transforms": 0})
        assert store.collection_metadata(COLLECTION) == {"local_transforms": 0}

    def test_reading_matches_sees_one_moment(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match(f"1/a{n:04d}", "2/b") for n in range(1000)])
        reading = store.matches(COLLECTION, MatchQuery())
        next(reading)
        store.delete_collection(COLLECTION)
        assert sum(1 for _ in reading) == 999

    def test_trials(self, store: Store) -> None:
        trial_id = "0123456789abcdef01234567"
        with pytest.raises(NotFound, match=trial_id):
            store.trial(trial_id)
        store.save_trial(trial_id, b'{"id": 1}')
        store.save_trial(trial_id, b'{"id": 2}')
        assert store.trial(trial_id) == b'{"id": 2}'
        store.delete_trial(trial_id)
        store.delete_trial(trial_id)
        with pytest.raises(NotFound):
            store.trial(trial_id)

    def test_a_collection_takes_the_place_of_another(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match("1/a", "1/b"), match("1/a", "1/c")])
        store.save_matches(BUILT, [match("2/a", "2/b", seed=5)])
        store.set_collection_metadata(BUILT, {"local_transforms": 1})
        change = CollectionChange(BUILT, COLLECTION)
        with pytest.raises(NotFound):
            store.change_collections([change, CollectionChange(BUILT, COLLECTION)])
        assert store.match_collections(COLLECTION.owner) == [(BUILT, 1), (COLLECTION, 2)]
        store.change_collections([change])
        assert store.match_collections(COLLECTION.owner) == [(COLLECTION, 1)]
        (found,) = store.matches(COLLECTION, MatchQuery())
        assert same_match(found, match("2/a", "2/b", seed=5))
        assert store.collection_metadata(COLLECTION) == {"local_transforms": 1}
        with pytest.raises(Conflict):
            store.change_collections([CollectionChange(COLLECTION, COLLECTION)])

    def test_pairs_of_a_collection_come_into_another(self, store: Store) -> None:
        old = [match("1/a", "1/b", seed=1), match("1/a", "1/c", seed=2)]
        new = [match("1/a", "1/b", seed=3), match("1/a", "2/b", seed=4)]
        store.save_matches(COLLECTION, old)
        store.set_collection_metadata(COLLECTION, {"note": "x"})
        for _ in range(2):
            store.save_matches(BUILT, new)
            store.change_collections([CollectionChange(BUILT, COLLECTION, keep=True)])
        assert store.match_collections(COLLECTION.owner) == [(COLLECTION, 3)]
        found = list(store.matches(COLLECTION, MatchQuery()))
        expected = [new[0], old[1], new[1]]
        assert all(same_match(*both) for both in zip(found, expected, strict=True))
        assert store.collection_metadata(COLLECTION) == {"note": "x"}
        store.save_matches(BUILT, new[:1])
        store.set_collection_metadata(BUILT, {"note": "y"})
        store.change_collections([CollectionChange(BUILT, COLLECTION, keep=True)])
        assert store.collection_metadata(COLLECTION) == {"note": "y"}

    def test_a_lock_that_was_lost_stops_a_change_of_collections(self, store: Store) -> None:
        store.save_matches(BUILT, [match("1/a", "1/b")])
        lock = StackId(COLLECTION.owner, "p", COLLECTION.name)
        change = CollectionChange(BUILT, COLLECTION)
        with pytest.raises(NotFound):
            store.change_collections([change], [(lock, "mine")])
        assert store.match_collections(COLLECTION.owner) == [(BUILT, 1)]
        store.lock_stack(lock, "mine", None, 60, {"name": "n"})
        store.change_collections([change], [(lock, "mine")])
        assert store.match_collections(COLLECTION.owner) == [(COLLECTION, 1)]
        assert store.stack_locks(lock) == []
