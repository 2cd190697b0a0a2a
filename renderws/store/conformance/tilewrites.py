"""Tests of saving, moving and deleting tiles."""

from __future__ import annotations

import math

import numpy as np
import pytest

from renderws.store.conformance.samples import (
    ALL,
    STACK,
    affine,
    ids,
    loading,
    reference,
    spec_of,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import Conflict, Invalid, Store, TileQuery


class TileWriteTests:
    """Changes of tiles."""

    def test_documents_are_kept_byte_for_byte(self, store: Store) -> None:
        record = tile("a", section="1.0", group="g", transforms=[reference("t"), affine(0.1, 1e-7)])
        loose = record._replace(tile_id="b", document=record.document.replace(b'":', b'" : '))
        loose = loose._replace(document=loose.document.replace(b'"a"', b'"b"'))
        loading(store, record, loose, t=affine(1, 2))
        assert store.tile(STACK, "a") == record
        assert store.tile(STACK, "b") == loose
        assert not store.tile(STACK, "a").flat

    def test_saving_again_replaces_the_whole_tile(self, store: Store) -> None:
        loading(store, tile("a", section="1.0", group="g", labels=["x"]), tile("b", x=10))
        store.save_tiles(STACK, new_tiles([tile("a", z=2.0, x=5000, y=7000)]), {})
        assert store.count_tiles(STACK, ALL) == 2
        assert "labels" not in spec_of(store, "a")
        assert ids(store, TileQuery(z=1.0, box=(0, 0, 1e6, 1e6))) == ["b"]
        assert ids(store, TileQuery(z=2.0, box=(5050, 7050, 5060, 7060))) == ["a"]
        assert ids(store, TileQuery(section_id="1.0")) == []
        assert ids(store, TileQuery(group_id="g")) == []
        assert store.z_values(STACK) == [1.0, 2.0]

    def test_the_last_of_equal_ids_in_a_request_wins(self, store: Store) -> None:
        loading(store, tile("a", z=1), tile("b"), tile("a", z=3))
        assert store.tile(STACK, "a").z == 3.0
        assert store.count_tiles(STACK, ALL) == 2

    def test_saving_changes_the_data_version_but_not_the_time_stamp(self, store: Store) -> None:
        loading(store)
        version, data = store.data_version(STACK), store.stack(STACK)
        for change in (
            lambda: store.save_tiles(STACK, new_tiles([tile("a", section="s")]), {}),
            lambda: store.set_tiles_z(STACK, ["a"], 3.0),
            lambda: store.set_section_z(STACK, "s", 4.0),
            lambda: store.delete_tiles(STACK, ALL),
        ):
            change()
            assert store.data_version(STACK) > version
            version = store.data_version(STACK)
        assert store.stack(STACK) == data

    def test_a_refused_request_changes_nothing(self, store: Store) -> None:
        loading(store, tile("a"))
        for bad in (
            tile("bad")._replace(min_x=math.nan),
            tile("bad")._replace(max_y=math.inf),
            tile("bad")._replace(z=math.inf),
            tile("bad")._replace(tile_id="zero\0character"),
            tile("bad")._replace(flat=False, document=b'{"transforms": 3}'),
            tile("bad")._replace(tile_id="lone \udc80 surrogate"),
        ):
            with pytest.raises(Invalid):
                store.save_tiles(
                    STACK, new_tiles([tile("a", z=9), tile("b"), bad]), {"t": b'{"type":"leaf"}'}
                )
        assert list(store.tiles(STACK, ALL)) == [tile("a")]
        assert store.transforms(STACK, ["t"]) == {}

    def test_transforms_can_be_saved_without_tiles(self, store: Store) -> None:
        loading(store, t=affine(1, 1))
        assert list(store.transforms(STACK, ["t"])) == ["t"]
        assert store.count_tiles(STACK, ALL) == 0

    def test_a_box_with_exchanged_corners_is_kept_as_it_is(self, store: Store) -> None:
        odd = tile("a")._replace(min_x=50.0, max_x=-50.0)
        loading(store, odd)
        assert store.tile(STACK, "a") == odd
        assert ids(store, TileQuery(z=1.0, box=(-100, 0, 100, 10))) == ["a"]

    def test_set_tiles_z_changes_columns_and_documents(self, store: Store) -> None:
        loading(store, tile("a"), tile("b"), tile("c", z=None))
        store.set_tiles_z(STACK, ["a", "c", "missing"], 5)
        assert store.z_values(STACK) == [1.0, 5.0]
        assert spec_of(store, "a") == {**spec_of(store, "a"), "z": 5.0}
        assert store.tile(STACK, "c").z == 5.0
        assert spec_of(store, "b")["z"] == 1.0
        assert ids(store, TileQuery(z=5.0, box=(0, 0, 10, 10))) == ["a", "c"]
        assert ids(store, TileQuery(z=1.0, box=(0, 0, 10, 10))) == ["b"]
        with pytest.raises(Invalid):
            store.set_tiles_z(STACK, ["a"], math.nan)

    def test_set_section_z_moves_the_section(self, store: Store) -> None:
        loading(
            store, tile("a", section="1.0"), tile("b", section="2.0"), tile("c", 3.0, section="1.0")
        )
        store.set_section_z(STACK, "1.0", 9.0)
        assert ids(store, TileQuery(z=9.0)) == ["a", "c"]
        assert [spec_of(store, name)["z"] for name in "abc"] == [9.0, 1.0, 9.0]
        store.set_section_z(STACK, "unknown", 4.0)
        assert store.z_values(STACK) == [1.0, 9.0]

    def test_delete_by_id_layer_and_section(self, store: Store) -> None:
        loading(
            store,
            tile("a", z=1, section="1.0"),
            tile("b", z=1, section="2.0"),
            tile("c", z=2, section="2.0"),
            tile("d", z=3),
        )
        assert store.delete_tiles(STACK, TileQuery(tile_ids=["d", "missing"])) == 1
        assert store.delete_tiles(STACK, TileQuery(z=7.0)) == 0
        assert store.delete_tiles(STACK, TileQuery(section_id="1.0")) == 1
        assert ids(store) == ["b", "c"]
        assert store.delete_tiles(STACK, TileQuery(z=2.0)) == 1
        assert ids(store, TileQuery(min_z=0.0, box=(0, 0, 10, 10))) == ["b"]
        assert store.count_tiles(STACK, ALL) == 1
        assert store.check() == []

    def test_the_store_stays_consistent_under_random_changes(self, store: Store) -> None:
        rng = np.random.default_rng(5)
        loading(store)
        expected: dict[str, tuple[float, float, float]] = {}
        for _ in range(40):
            names = [f"t{n:02d}" for n in rng.choice(60, rng.integers(1, 25), replace=False)]
            z = float(rng.integers(3))
            kind = rng.integers(4)
            if kind < 2:
                places = {name: rng.uniform(0, 5000, 2).tolist() for name in names}
                store.save_tiles(
                    STACK, new_tiles([tile(n, z, *xy) for n, xy in places.items()]), {}
                )
                expected.update({name: (z, x, y) for name, (x, y) in places.items()})
            elif kind == 2:
                store.set_tiles_z(STACK, names, z)
                expected.update({n: (z, *expected[n][1:]) for n in names if n in expected})
            else:
                store.delete_tiles(STACK, TileQuery(tile_ids=names))
                expected = {name: at for name, at in expected.items() if name not in names}
        found = {one.tile_id: (one.z, one.min_x, one.min_y) for one in store.tiles(STACK, ALL)}
        assert found == expected
        box = (1000.0, 2000.0, 1800.0, 4000.0)
        for z in (0.0, 1.0, 2.0):
            hits = [
                name
                for name, (at, x, y) in sorted(expected.items())
                if at == z and 900 <= x <= 1800 and 1900 <= y <= 4000
            ]
            assert ids(store, TileQuery(z=z, box=box)) == hits
        assert store.check() == []

    def test_saving_to_a_completed_stack_changes_nothing(self, store: Store) -> None:
        loading(store, tile("a"))
        store.set_state(STACK, "COMPLETE")
        with pytest.raises(Conflict):
            store.save_tiles(STACK, new_tiles([tile("b")]), {})
        assert ids(store) == ["a"]
