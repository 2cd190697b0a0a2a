"""Tests of locks, of sections that are replaced, and of stacks that take the places of others."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from renderws.store.conformance.samples import (
    ALL,
    STACK,
    affine,
    documents,
    ids,
    loading,
    reference,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import (
    Conflict,
    Json,
    NotFound,
    StackChange,
    StackId,
    Store,
    TileQuery,
    TileRecord,
)

BUILT = StackId(*STACK[:2], "built")
HOLDER = {"name": "set_levels, pid 7 on host h"}


def other(store: Store, stack: StackId, *tiles: TileRecord, **transforms: Json) -> None:
    """A LOADING stack with tiles."""
    store.create_stack(stack, {"versionNotes": stack.stack})
    store.save_tiles(stack, new_tiles(tiles), documents(**transforms))


def ids_at(store: Store, z: float | None = None) -> list[str]:
    return [record.tile_id for record in store.tiles(STACK, TileQuery(z=z))]


class ChangeTests:
    """What runs rely on that write beside a stack."""

    def test_a_lock_keeps_others_out_and_names_its_holder(self, store: Store) -> None:
        store.lock_stack(STACK, "one", None, 60, HOLDER)
        for zs in (None, [3.0]):
            with pytest.raises(Conflict, match=r"written by set_levels, pid 7 on host h since 20"):
                store.lock_stack(STACK, "two", zs, 60, {})
        (lock,) = store.stack_locks(STACK)
        assert (lock["id"], lock["zs"], lock["holder"]) == ("one", None, HOLDER)
        assert 50 < lock["secondsLeft"] <= 60
        store.unlock_stack(STACK, "one")
        store.unlock_stack(STACK, "one")
        store.lock_stack(STACK, "two", None, 60, {})

    def test_locks_of_other_sections_do_not_meet(self, store: Store) -> None:
        store.lock_stack(STACK, "one", [1, 2.5], 60, HOLDER)
        store.lock_stack(STACK, "two", [2], 60, HOLDER)
        with pytest.raises(Conflict, match="pid 7"):
            store.lock_stack(STACK, "three", [9, 2.5], 60, HOLDER)
        assert [lock["zs"] for lock in store.stack_locks(STACK)] == [[1.0, 2.5], [2.0]]
        assert store.stack_locks(BUILT) == []

    def test_a_lock_that_expired_is_its_holders_until_it_is_taken(self, store: Store) -> None:
        store.lock_stack(STACK, "one", None, 1e-9, HOLDER)
        store.renew_lock(STACK, "one", 1e-9)
        store.lock_stack(STACK, "two", [1], 60, {})
        with pytest.raises(NotFound, match="one"):
            store.renew_lock(STACK, "one", 60)
        assert [lock["id"] for lock in store.stack_locks(STACK)] == ["two"]

    def test_a_layer_is_replaced_in_one_step(self, store: Store) -> None:
        loading(store, tile("a", z=1.0), tile("b", z=1.0), tile("c", z=2.0))
        new = new_tiles([tile("b", z=1.0), tile("d", z=1.0)])
        store.save_tiles(STACK, new, {}, replace_z=1.0)
        assert ids(store, ALL) == ["b", "c", "d"]
        assert not store.check()

    def test_a_whole_stack_takes_the_place_of_another(self, store: Store) -> None:
        loading(store, tile("a"))
        store.set_state(STACK, "COMPLETE")
        other(store, BUILT, tile("b"))
        store.change_stacks([StackChange(BUILT, STACK)])
        assert ids(store, ALL) == ["b"]
        metadata = store.stack(STACK)
        assert metadata["state"] == "COMPLETE"
        assert metadata["currentVersion"]["versionNotes"] == "built"
        assert metadata["stats"]["tileCount"] == 1
        with pytest.raises(NotFound):
            store.stack(BUILT)
        assert not store.check()

    @pytest.mark.parametrize("zs", [None, [5.0]])
    def test_a_place_that_is_free_is_taken(self, store: Store, zs: Sequence[float] | None) -> None:
        other(store, BUILT, tile("b"))
        version = {"versionNotes": "new"}
        store.change_stacks([StackChange(BUILT, STACK, zs, state="LOADING", version=version)])
        assert ids(store, ALL) == ["b"]
        assert store.stack(STACK)["state"] == "LOADING"
        assert store.stack_version(STACK) == version

    def test_some_sections_take_the_places_of_others(self, store: Store) -> None:
        loading(store, *(tile(f"t{z}{i}", z=float(z)) for z in range(4) for i in range(11)))
        store.set_state(STACK, "COMPLETE")
        version = store.stack_version(STACK)
        other(store, BUILT, tile("t10", z=1.0), tile("new", z=1.0), tile("t20", z=7.0))
        store.change_stacks([StackChange(BUILT, STACK, [1.0, 2.0])])
        assert ids_at(store, 1.0) == ["new", "t10"]
        assert store.z_values(STACK) == [0.0, 1.0, 3.0, 7.0]
        assert store.count_tiles(STACK, ALL) == 25
        assert store.stack_version(STACK) == version
        assert store.stack(STACK)["stats"]["tileCount"] == 25
        assert [data.z for data in store.section_data(STACK)] == sorted(
            data.z for data in store.section_data(STACK)
        )
        assert not store.check()
        while store.reclaim():
            pass
        assert store.count_tiles(STACK, ALL) == 25
        assert not store.check()

    def test_tiles_that_share_a_block_with_others_move_alone(self, store: Store) -> None:
        loading(store, *(tile(f"t{i}", z=1.0) for i in range(8)))
        store.set_tiles_z(STACK, ["t1", "t6"], 2.0)
        other(store, BUILT, tile("t1", z=2.0))
        store.change_stacks([StackChange(BUILT, STACK, [2.0])])
        assert (ids_at(store, 1.0), ids_at(store, 2.0)) == (
            ["t0", "t2", "t3", "t4", "t5", "t7"],
            ["t1"],
        )
        assert not store.check()
        box = TileQuery(box=(-1e9, -1e9, 1e9, 1e9))
        assert len(list(store.tiles(STACK, box))) == 7

    def test_kept_sections_lose_only_tiles_of_the_same_ids(self, store: Store) -> None:
        loading(store, tile("a", z=1.0), tile("b", z=1.0), tile("c", z=2.0))
        other(store, BUILT, tile("b", z=1.0), tile("d", z=1.0))
        store.change_stacks([StackChange(BUILT, STACK, [1.0], keep=True)])
        assert (ids_at(store, 1.0), ids_at(store, 2.0)) == (["a", "b", "d"], ["c"])
        assert not store.check()

    def test_a_tile_id_of_a_kept_section_undoes_everything(self, store: Store) -> None:
        loading(store, tile("a", z=1.0), tile("b", z=2.0))
        third = StackId(*STACK[:2], "third")
        other(store, BUILT, tile("x", z=1.0))
        other(store, third, tile("b", z=1.0))
        store.lock_stack(STACK, "mine", None, 60, HOLDER)
        with pytest.raises(Conflict, match="tile b is already in section z=2"):
            store.change_stacks(
                [StackChange(BUILT, StackId(*STACK[:2], "y")), StackChange(third, STACK, [1.0])],
                [(STACK, "mine")],
            )
        assert ids(store, ALL) == ["a", "b"]
        assert store.stack(BUILT)["state"] == store.stack(third)["state"] == "LOADING"
        assert len(store.stack_locks(STACK)) == 1

    def test_a_transform_that_kept_tiles_use_does_not_change(self, store: Store) -> None:
        using = [reference("lens")]
        loading(store, tile("a", z=1.0, transforms=using), lens=affine(1, 0))
        other(store, BUILT, tile("b", z=2.0, transforms=using), lens=affine(2, 0))
        with pytest.raises(Conflict, match=r"tile a .*transform lens"):
            store.change_stacks([StackChange(BUILT, STACK, [2.0])])
        store.change_stacks([StackChange(BUILT, STACK, [1.0, 2.0])])
        assert store.transform(STACK, "lens") == documents(lens=affine(2, 0))["lens"]
        assert not store.check()

    def test_stacks_that_must_not_change_are_refused(self, store: Store) -> None:
        loading(store, tile("a"))
        store.set_state(STACK, "COMPLETE")
        other(store, BUILT, tile("b"))
        for state in ("READ_ONLY", "OFFLINE"):  # one leads to the other
            store.set_state(STACK, state)
            with pytest.raises(Conflict, match=state):
                store.change_stacks([StackChange(BUILT, STACK)])
        with pytest.raises(NotFound):
            store.change_stacks([StackChange(StackId(*STACK[:2], "nothing"), BUILT)])

    def test_tiles_that_are_missing_undo_everything(self, store: Store) -> None:
        loading(store, tile("a"))
        other(store, BUILT, tile("b"))
        with pytest.raises(Conflict, match=r"2 tiles were written .* 1 arrived"):
            store.change_stacks([StackChange(BUILT, STACK, tiles=2)])
        store.change_stacks([StackChange(BUILT, STACK, [1.0], state="READ_ONLY", tiles=1)])
        assert (ids(store, ALL), store.stack(STACK)["state"]) == (["b"], "READ_ONLY")
        assert store.stack_version(STACK)["versionNotes"] == "test"
        assert not store.check()

    def test_a_lost_lock_undoes_everything(self, store: Store) -> None:
        loading(store, tile("a"))
        other(store, BUILT, tile("b"))
        with pytest.raises(NotFound, match="mine"):
            store.change_stacks([StackChange(BUILT, STACK)], [(STACK, "mine")])
        assert ids(store, ALL) == ["a"]
        store.lock_stack(STACK, "mine", None, 60, HOLDER)
        store.change_stacks([StackChange(BUILT, STACK)], [(STACK, "mine")])
        assert (ids(store, ALL), store.stack_locks(STACK)) == (["b"], [])
