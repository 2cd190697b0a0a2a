"""Tests of stacks: metadata, versions, listing, renaming, cloning."""

from __future__ import annotations

import re

import pytest

from renderws.store.conformance.samples import (
    ALL,
    OTHER,
    STACK,
    affine,
    ids,
    loading,
    reference,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import Conflict, Invalid, NotFound, StackId, Store, TileQuery


class StackTests:
    """Stacks and their metadata."""

    def test_empty_store_has_nothing(self, store: Store) -> None:
        assert store.owners() == []
        assert store.stacks("owner") == []
        with pytest.raises(NotFound, match="stack of owner owner, project project"):
            store.stack(STACK)

    def test_new_stack_is_loading_version_zero(self, store: Store) -> None:
        store.create_stack(STACK, {"stackResolutionX": 4.0, "versionNotes": "é", "cycleNumber": 1})
        data = store.stack(STACK)
        assert re.fullmatch(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", data.pop("lastModifiedTimestamp")
        )
        assert data == {
            "stackId": {"owner": "owner", "project": "project", "stack": "stack"},
            "state": "LOADING",
            "currentVersionNumber": 0,
            "currentVersion": {"stackResolutionX": 4.0, "versionNotes": "é", "cycleNumber": 1},
        }

    def test_null_values_of_a_version_are_not_stored(self, store: Store) -> None:
        store.create_stack(STACK, {"versionNotes": None, "cycleNumber": 0})
        assert store.stack(STACK)["currentVersion"] == {"cycleNumber": 0}
        assert store.stack_version(STACK) == {"cycleNumber": 0}

    def test_posting_again_keeps_tiles_and_drops_stats(self, store: Store) -> None:
        loading(store, tile("a", section="1.0"))
        store.set_state(STACK, "COMPLETE")
        store.set_hierarchical_data(STACK, {"tier": 1})
        store.create_stack(STACK, {"cycleNumber": 2})
        data = store.stack(STACK)
        assert (data["state"], data["currentVersionNumber"]) == ("LOADING", 1)
        assert data["currentVersion"] == {"cycleNumber": 2}
        assert "stats" not in data
        assert "hierarchicalData" not in data
        assert ids(store) == ["a"]
        assert [section.section_id for section in store.section_data(STACK)] == ["1.0"]

    def test_version_values_are_set_and_removed(self, store: Store) -> None:
        store.create_stack(STACK, {"stackResolutionX": 4.0, "versionNotes": "n"})
        before = store.data_version(STACK)
        store.update_stack_version(STACK, {"stackResolutionX": None, "defaultChannel": "DAPI"})
        assert store.stack(STACK)["currentVersion"] == {
            "versionNotes": "n",
            "defaultChannel": "DAPI",
        }
        assert store.data_version(STACK) > before
        with pytest.raises(NotFound):
            store.update_stack_version(OTHER, {})

    def test_hierarchical_data_are_kept_until_removed(self, store: Store) -> None:
        loading(store)
        store.set_hierarchical_data(STACK, {"tier": 1, "scale": 0.5})
        assert store.stack(STACK)["hierarchicalData"] == {"tier": 1, "scale": 0.5}
        store.set_hierarchical_data(STACK, None)
        assert "hierarchicalData" not in store.stack(STACK)

    def test_stacks_are_listed_by_project_then_cycle_and_step_descending(
        self, store: Store
    ) -> None:
        cycles = {"none": (None, None), "c1s2": (1, 2), "c1s1": (1, 1), "c2": (2, None)}
        for project in ("b", "a"):
            for name, (cycle, step) in cycles.items():
                version = {"cycleNumber": cycle, "cycleStepNumber": step}
                store.create_stack(StackId("owner", project, name), version)
        store.create_stack(StackId("nobody", "a", "s"), {})
        listed = [
            (data["stackId"]["project"], data["stackId"]["stack"]) for data in store.stacks("owner")
        ]
        order = ["c2", "c1s2", "c1s1", "none"]
        assert listed == [("a", name) for name in order] + [("b", name) for name in order]
        assert [data["stackId"]["stack"] for data in store.stacks("owner", "b")] == order
        assert store.owners() == ["nobody", "owner"]
        assert store.stacks("owner", "c") == []

    def test_stacks_of_one_cycle_are_listed_latest_first(self, store: Store) -> None:
        for name in ("first", "second", "third"):
            store.create_stack(StackId("owner", "p", name), {})
        loading(store, tile("a"), stack=StackId("owner", "p", "first"))
        listed = store.stacks("owner")
        times = [data["lastModifiedTimestamp"] for data in listed]
        assert times == sorted(times, reverse=True)

    def test_rename_moves_everything(self, store: Store) -> None:
        to = StackId("somebody", "else", "renamed")
        loading(store, tile("a", section="1.0", transforms=[reference("t")]), t=affine(1, 1))
        store.set_state(STACK, "COMPLETE")
        store.set_hierarchical_data(STACK, {"tier": 1})
        before = store.stack(STACK)
        store.rename_stack(STACK, to)
        after = store.stack(to)
        assert after.pop("lastModifiedTimestamp") > before.pop("lastModifiedTimestamp")
        before.pop("hierarchicalData")
        assert after == {**before, "stackId": to._asdict()}
        assert ids(store, stack=to) == ["a"]
        assert list(store.transforms(to, ["t"])) == ["t"]
        assert len(store.section_data(to)) == 1
        assert not store.has_tiles(STACK)
        with pytest.raises(NotFound):
            store.stack(STACK)

    def test_rename_is_refused(self, store: Store) -> None:
        loading(store, tile("a"))
        loading(store, stack=OTHER)
        with pytest.raises(NotFound):
            store.rename_stack(StackId("owner", "project", "none"), StackId("a", "b", "c"))
        with pytest.raises(Invalid, match="exists already"):
            store.rename_stack(STACK, OTHER)
        store.set_state(STACK, "COMPLETE")
        for state in ("READ_ONLY", "OFFLINE"):
            store.set_state(STACK, state)
            with pytest.raises(Conflict, match=state):
                store.rename_stack(STACK, StackId("a", "b", "c"))

    def test_clone_copies_tiles_and_transforms(self, store: Store) -> None:
        tiles = [
            tile(f"t{n}", z=n // 2, x=n * 10, transforms=[reference("lens")]) for n in range(6)
        ]
        loading(store, *tiles, lens=affine(3, 4))
        store.set_state(STACK, "COMPLETE")
        store.clone_stack(STACK, OTHER, {"versionNotes": "copy"})
        data = store.stack(OTHER)
        assert (data["state"], data["currentVersionNumber"]) == ("LOADING", 0)
        assert data["currentVersion"] == {"versionNotes": "copy"}
        assert "stats" not in data
        assert list(store.tiles(OTHER, ALL)) == list(store.tiles(STACK, ALL))
        assert store.transforms(OTHER, ["lens"]) == store.transforms(STACK, ["lens"])
        box = TileQuery(z=1.0, box=(0, 0, 25, 5))
        assert ids(store, box, OTHER) == ids(store, box) == ["t2"]

    def test_cloned_stacks_are_independent(self, store: Store) -> None:
        loading(store, tile("a", transforms=[reference("lens")]), lens=affine(0, 0))
        store.clone_stack(STACK, OTHER, {})
        store.delete_tiles(STACK, ALL)
        assert ids(store, stack=OTHER) == ["a"]
        assert store.count_tiles(OTHER, ALL) == 1

    def test_clone_takes_the_named_layers_only(self, store: Store) -> None:
        loading(store, *(tile(f"t{z}", z=z) for z in (0, 1, 2, 2.5)), lens=affine(0, 0))
        store.clone_stack(STACK, OTHER, {}, zs=[2.5, 0, 7, 0], skip_transforms=True)
        assert ids(store, stack=OTHER) == ["t0", "t2.5"]
        assert store.transforms(OTHER, ["lens"]) == {}
        store.clone_stack(STACK, OTHER, {}, zs=[1])
        assert ids(store, stack=OTHER) == ["t0", "t1", "t2.5"]

    def test_clones_of_clones_stay_cheap_to_number(self, store: Store) -> None:
        loading(store, *(tile(f"t{n}", x=n * 10) for n in range(20)))
        name = STACK
        for n in range(70):
            copy = StackId("owner", "project", f"copy{n}")
            store.clone_stack(name, copy, {})
            store.save_tiles(copy, new_tiles([tile("another")]), {})
            store.delete_stack(name)
            name = copy
        assert store.count_tiles(name, ALL) == 21
        assert ids(store, TileQuery(z=1.0, box=(0, 0, 5, 5)), name) == ["another", "t0"]
        assert store.check() == []

    def test_clone_is_refused(self, store: Store) -> None:
        loading(store, tile("a"))
        with pytest.raises(NotFound):
            store.clone_stack(OTHER, STACK, {})
        with pytest.raises(Invalid):
            store.clone_stack(STACK, STACK, {})
        loading(store, tile("a", z=7), stack=OTHER)
        with pytest.raises(Conflict, match="has tiles already"):
            store.clone_stack(STACK, OTHER, {})
        with pytest.raises(Conflict, match="ids of those"):
            store.clone_stack(STACK, OTHER, {"versionNotes": "changed"}, zs=[1.0])
        assert store.stack(OTHER)["currentVersion"] == {"versionNotes": "test"}
        store.set_state(OTHER, "COMPLETE")
        with pytest.raises(Conflict, match="COMPLETE"):
            store.clone_stack(STACK, OTHER, {})
        with pytest.raises(Conflict, match="transform t"):
            self._clone_over_another_transform(store)

    def _clone_over_another_transform(self, store: Store) -> None:
        source, target = StackId("o", "p", "source"), StackId("o", "p", "target")
        loading(store, tile("x"), stack=source, t=affine(1, 1))
        loading(store, tile("y"), stack=target, t=affine(2, 2))
        store.clone_stack(source, target, {}, zs=[1.0])
