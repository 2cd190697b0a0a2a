"""Tests of the states of a stack and of what completing it derives."""

from __future__ import annotations

import pytest

from renderws.store.conformance.samples import (
    ALL,
    STACK,
    affine,
    ids,
    loading,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import Conflict, Invalid, Json, NotFound, SectionData, StackId, Store

LEGAL = {
    ("LOADING", "LOADING"),
    ("LOADING", "COMPLETE"),
    ("COMPLETE", "LOADING"),
    ("COMPLETE", "COMPLETE"),
    ("COMPLETE", "READ_ONLY"),
    ("COMPLETE", "OFFLINE"),
    ("READ_ONLY", "COMPLETE"),
    ("READ_ONLY", "READ_ONLY"),
    ("READ_ONLY", "OFFLINE"),
    ("OFFLINE", "OFFLINE"),
}
WAY = {
    "LOADING": [],
    "COMPLETE": ["COMPLETE"],
    "READ_ONLY": ["COMPLETE", "READ_ONLY"],
    "OFFLINE": ["COMPLETE", "OFFLINE"],
}


class StateTests:
    """The state machine, section data and stats."""

    @pytest.mark.parametrize("old", WAY)
    @pytest.mark.parametrize("new", WAY)
    def test_transitions_follow_the_table(self, store: Store, old: str, new: str) -> None:
        loading(store, tile("a"))
        for state in WAY[old]:
            store.set_state(STACK, state)
        if (old, new) in LEGAL:
            store.set_state(STACK, new)
            assert store.stack(STACK)["state"] == new
            return
        before = store.stack(STACK)
        with pytest.raises(Conflict, match=old):
            store.set_state(STACK, new)
        assert store.stack(STACK) == before

    def test_unknown_state_or_stack_is_refused(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.set_state(STACK, "COMPLETE")
        loading(store)
        with pytest.raises(Invalid, match="DONE"):
            store.set_state(STACK, "DONE")

    def test_completing_an_empty_stack_is_a_conflict(self, store: Store) -> None:
        loading(store)
        with pytest.raises(Conflict, match="no tiles"):
            store.set_state(STACK, "COMPLETE")
        assert store.stack(STACK)["state"] == "LOADING"

    def test_version_number_time_stamp_and_stats_follow_the_transitions(self, store: Store) -> None:
        loading(store, tile("a"))

        def go(state: str) -> tuple[int, str, bool]:
            store.set_state(STACK, state)
            data = store.stack(STACK)
            return data["currentVersionNumber"], data["lastModifiedTimestamp"], "stats" in data

        created = store.stack(STACK)["lastModifiedTimestamp"]
        complete = go("COMPLETE")
        assert complete[1] > created
        assert (complete[0], complete[2]) == (0, True)
        assert go("COMPLETE") == go("READ_ONLY") == go("READ_ONLY") == go("COMPLETE") == complete
        reopened = go("LOADING")
        assert (reopened[0], reopened[2]) == (1, False)
        assert reopened[1] > complete[1]
        assert go("LOADING") == reopened
        again = go("COMPLETE")
        offline = go("OFFLINE")
        assert (offline[0], offline[2]) == (1, True)
        assert offline[1] > again[1]
        assert go("OFFLINE") == offline

    def test_stats_describe_the_tiles(self, store: Store) -> None:
        channels: list[Json] = [{"name": name, "mipmapLevels": {}} for name in ("TdTomato", "DAPI")]
        loading(
            store,
            tile("a", z=1, x=-10, y=5, section="1.0"),
            tile("b", z=1, x=500.5, y=20, size=99.9, section="1.0", channels=channels),
            tile("c", z=2.5, x=0, y=0, size=300, section="2.0", channels=channels[1:]),
            t1=affine(0, 0),
            t2=affine(0, 0),
        )
        store.set_state(STACK, "COMPLETE")
        assert store.stack(STACK)["stats"] == {
            "stackBounds": {
                "minX": -10.0,
                "minY": 0.0,
                "minZ": 1.0,
                "maxX": 600.4,
                "maxY": 300.0,
                "maxZ": 2.5,
            },
            "sectionCount": 2,
            "nonIntegralSectionCount": 1,
            "tileCount": 3,
            "transformCount": 2,
            "minTileWidth": 99,
            "maxTileWidth": 300,
            "minTileHeight": 99,
            "maxTileHeight": 300,
            "channelNames": ["DAPI", "TdTomato"],
        }

    def test_sizes_in_the_stats_stop_at_32_bit(self, store: Store) -> None:
        loading(store, tile("far", z=1, x=0, y=0, size=1e300, section="1.0"))
        store.set_state(STACK, "COMPLETE")
        assert store.stack(STACK)["stats"]["maxTileWidth"] == 2**31 - 1

    def test_section_data_are_derived_on_complete_only(self, store: Store) -> None:
        with pytest.raises(NotFound):
            store.section_data(STACK)
        loading(
            store,
            tile("a", z=2, x=0, section="9.0"),
            tile("b", z=2, x=50, y=-7, section="9.0"),
            tile("c", z=1, section="9.0"),
            tile("d", z=3, section="10.0"),
            tile("e", z=3),
            tile("f", z=None, section="11.0"),
        )
        with pytest.raises(Invalid, match="COMPLETE"):
            store.section_data(STACK)
        store.set_state(STACK, "COMPLETE")
        derived = [
            SectionData("10.0", 3.0, 1, 0, 0, 100, 100),
            SectionData("9.0", 1.0, 1, 0, 0, 100, 100),
            SectionData("9.0", 2.0, 2, 0, -7, 150, 100),
        ]
        assert store.section_data(STACK) == derived
        assert store.section_data(STACK, min_z=2.0) == [derived[0], derived[2]]
        assert store.section_data(STACK, min_z=2.0, max_z=2.0) == [derived[2]]
        store.set_state(STACK, "LOADING")
        store.delete_tiles(STACK, ALL)
        store.save_tiles(STACK, new_tiles([tile("g", z=4, section="4.0")]), {})
        assert store.section_data(STACK) == derived
        assert store.section_data_now(STACK, 4.0) == [SectionData("4.0", 4.0, 1, 0, 0, 100, 100)]
        store.set_state(STACK, "COMPLETE")
        assert [section.section_id for section in store.section_data(STACK)] == ["4.0"]

    def test_read_only_refuses_every_change(self, store: Store) -> None:
        loading(store, tile("a"))
        store.set_state(STACK, "COMPLETE")
        store.set_state(STACK, "READ_ONLY")
        before = store.stack(STACK)
        for change in (
            lambda: store.create_stack(STACK, {}),
            lambda: store.update_stack_version(STACK, {"cycleNumber": 1}),
            lambda: store.set_hierarchical_data(STACK, {"tier": 1}),
            lambda: store.delete_stack(STACK),
            lambda: store.save_tiles(STACK, new_tiles([tile("b")]), {}),
        ):
            with pytest.raises(Conflict, match="READ_ONLY"):
                change()
        assert store.stack(STACK) == before
        assert ids(store) == ["a"]

    @pytest.mark.parametrize("state", ["COMPLETE", "READ_ONLY", "OFFLINE"])
    def test_tiles_change_only_while_loading(self, store: Store, state: str) -> None:
        loading(store, tile("a", section="1.0"))
        for step in WAY[state]:
            store.set_state(STACK, step)
        for change in (
            lambda: store.save_tiles(STACK, new_tiles([tile("b")]), {}),
            lambda: store.delete_tiles(STACK, ALL),
            lambda: store.set_tiles_z(STACK, ["a"], 2.0),
            lambda: store.set_section_z(STACK, "1.0", 2.0),
        ):
            with pytest.raises(Conflict, match=state):
                change()

    def test_offline_drops_the_data_and_keeps_the_stats(self, store: Store) -> None:
        loading(store, tile("a", section="1.0"), t=affine(0, 0))
        store.set_state(STACK, "COMPLETE")
        store.set_state(STACK, "OFFLINE")
        assert store.stack(STACK)["stats"]["tileCount"] == 1
        assert not store.has_tiles(STACK)
        assert ids(store) == []
        assert store.transforms(STACK, ["t"]) == {}
        with pytest.raises(NotFound):
            store.section_data(STACK)
        store.create_stack(STACK, {})
        assert store.has_tiles(STACK)
        assert ids(store) == []
        store.save_tiles(STACK, new_tiles([tile("b")]), {})
        assert ids(store) == ["b"]

    def test_changing_a_missing_stack_is_not_found(self, store: Store) -> None:
        nothing = StackId("a", "b", "c")
        for change in (
            lambda: store.save_tiles(nothing, new_tiles([tile("b")]), {}),
            lambda: store.delete_tiles(nothing, ALL),
            lambda: store.set_tiles_z(nothing, ["a"], 2.0),
            lambda: store.set_section_z(nothing, "1.0", 2.0),
            lambda: store.set_hierarchical_data(nothing, None),
        ):
            with pytest.raises(NotFound, match="stack c of owner a, project b"):
                change()
