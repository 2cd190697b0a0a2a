"""Tests of deleting, undeleting and reclaiming, and of maintenance."""

from __future__ import annotations

import pytest

from renderws.store.conformance.samples import (
    ALL,
    COLLECTION,
    OTHER,
    STACK,
    affine,
    ids,
    loading,
    match,
    tile,
)
from renderws.store.protocol import Conflict, MatchQuery, NotFound, Store


class DropTests:
    """What is dropped is gone at once, can come back, and is reclaimed."""

    def test_deleting_a_missing_stack_succeeds(self, store: Store) -> None:
        store.delete_stack(STACK)
        assert store.dropped_stacks() == []

    def test_deleted_stack_is_gone_at_once(self, store: Store) -> None:
        loading(store, tile("a"), t=affine(0, 0))
        store.delete_stack(STACK)
        assert store.owners() == []
        assert not store.has_tiles(STACK)
        assert ids(store) == []
        loading(store)
        assert ids(store) == []
        assert store.count_tiles(STACK, ALL) == 0
        assert store.transforms(STACK, ["t"]) == {}
        assert store.stack(STACK)["currentVersionNumber"] == 0

    def test_undelete_brings_everything_back(self, store: Store) -> None:
        loading(store, tile("a", section="1.0"), t=affine(0, 0))
        store.set_state(STACK, "COMPLETE")
        before = store.stack(STACK)
        store.delete_stack(STACK)
        (dropped,) = store.dropped_stacks()
        assert (dropped.stack, dropped.state, dropped.tile_count) == (STACK, "COMPLETE", 1)
        store.undelete_stack(STACK)
        after = store.stack(STACK)
        before.pop("lastModifiedTimestamp")
        after.pop("lastModifiedTimestamp")
        assert after == before
        assert ids(store) == ["a"]
        assert len(store.section_data(STACK)) == 1
        assert store.dropped_stacks() == []

    def test_undelete_brings_back_what_was_taken_offline(self, store: Store) -> None:
        loading(store, tile("a"))
        for state in ("COMPLETE", "READ_ONLY", "OFFLINE"):
            store.set_state(STACK, state)
        store.undelete_stack(STACK)
        assert store.stack(STACK)["state"] == "READ_ONLY"
        assert ids(store) == ["a"]

    def test_undelete_takes_the_latest_and_refuses_a_taken_name(self, store: Store) -> None:
        for name in ("first", "second"):
            loading(store, tile(name))
            store.delete_stack(STACK)
        loading(store, tile("third"))
        with pytest.raises(Conflict, match="exists again"):
            store.undelete_stack(STACK)
        store.rename_stack(STACK, OTHER)
        store.undelete_stack(STACK)
        assert ids(store) == ["second"]
        with pytest.raises(NotFound):
            store.undelete_stack(OTHER)

    def test_reclaim_removes_dropped_rows_in_small_steps(self, store: Store) -> None:
        tiles = [tile(f"t{n:03d}", x=n) for n in range(100)]
        loading(store, *tiles)
        loading(store, tile("kept"), stack=OTHER)
        store.delete_stack(STACK)
        assert store.reclaim(limit=30, grace=3600.0) == 0
        assert store.reclaim(limit=30) == 30
        assert store.dropped_stacks() == []
        with pytest.raises(NotFound):
            store.undelete_stack(STACK)
        steps = 0
        while store.reclaim(limit=30):
            steps += 1
        assert steps >= 3
        assert store.info()["droppedTiles"] == 0
        assert ids(store, stack=OTHER) == ["kept"]
        assert store.check() == []

    def test_dropped_collections_are_reclaimed(self, store: Store) -> None:
        store.save_matches(COLLECTION, [match(f"1/a{n}", f"1/b{n}") for n in range(20)])
        store.delete_collection(COLLECTION)
        store.save_matches(COLLECTION, [match("1/x", "1/y")])
        while store.reclaim(limit=7):
            pass
        assert [found.p_id for found in store.matches(COLLECTION, MatchQuery())] == ["x"]
        assert store.check() == []

    def test_what_was_dropped_this_very_moment_is_reclaimed(self, store: Store) -> None:
        loading(store, tile("gone"))
        for state in (
            "COMPLETE",
            "LOADING",
        ) * 20:  # each a millisecond later
            store.set_state(STACK, state)
        store.delete_stack(STACK)
        while store.reclaim():
            pass
        assert store.dropped_stacks() == []

    def test_compact_keeps_what_is_live(self, store: Store) -> None:
        loading(store, *(tile(f"t{n}", x=200 * n) for n in range(20)))
        loading(store, tile("gone"), stack=OTHER)
        store.delete_stack(OTHER)
        before = list(store.tiles(STACK, ALL))
        store.compact()
        assert list(store.tiles(STACK, ALL)) == before
        assert store.dropped_stacks() == []
        assert store.check() == []

    def test_info_counts(self, store: Store) -> None:
        loading(store, tile("a"), tile("b"))
        store.save_matches(COLLECTION, [match("1/x", "1/y")])
        info = store.info()
        counts = ("stacks", "tiles", "droppedStacks", "matchCollections", "matchPairs")
        assert [info[name] for name in counts] == [1, 2, 0, 1, 1]
