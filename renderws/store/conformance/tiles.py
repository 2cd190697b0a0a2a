"""Tests of reading tiles: every kind of query against a plain search through all tiles."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from renderws.store.conformance.samples import ALL, OTHER, STACK, ids, loading, tile
from renderws.store.documents import new_tiles
from renderws.store.protocol import (
    NotFound,
    SectionData,
    Store,
    TileBounds,
    TileQuery,
    TileRecord,
)


def scattered(seed: int, count: int = 300) -> list[TileRecord]:
    """Tiles of any size, on five layers, some without z, section or group."""
    rng = np.random.default_rng(seed)
    found = []
    for n in rng.permutation(count).tolist():
        z = [None, -1.0, 0.0, 0.1, 0.2, 7.0][rng.integers(6)]
        x, y = rng.uniform(-1e4, 1e5, 2).round(2).tolist()
        section = [None, "1.0", "10.0", "2.0"][rng.integers(4)]
        group = [None, "g", "h"][rng.integers(3)]
        size = float(rng.choice([1.0, 1000.5, 2e4]))
        found.append(tile(f"tile{n:04d}", z, x, y, size=size, section=section, group=group))
    return found


def fits(record: TileRecord, query: TileQuery) -> bool:
    """What a query means, said plainly."""
    for low, high in ((query.z, query.z), (query.min_z, query.max_z)):
        if (low is not None or high is not None) and record.z is None:
            return False
        if low is not None and record.z is not None and record.z < low:
            return False
        if high is not None and record.z is not None and record.z > high:
            return False
    if query.box is not None:
        min_x, min_y, max_x, max_y = query.box
        if record.max_x < min_x or record.min_x > max_x:
            return False
        if record.max_y < min_y or record.min_y > max_y:
            return False
    if query.group_id is not None and record.group_id != query.group_id:
        return False
    if query.section_id is not None and record.section_id != query.section_id:
        return False
    return query.tile_ids is None or record.tile_id in query.tile_ids


def queries() -> list[TileQuery]:
    """Every combination of conditions."""
    layers = [{}, {"z": 0.1}, {"min_z": 0.0, "max_z": 0.15}, {"min_z": 0.2}, {"max_z": -1.0}]
    boxes = [{}, {"box": (0.0, 0.0, 3e4, 5e4)}, {"box": (2e4, 1e4, 2e4, 1e4)}]
    groups = [{}, {"group_id": "g"}]
    sections = [{}, {"section_id": "10.0"}]
    names = [
        {},
        {"tile_ids": [f"tile{n:04d}" for n in range(300, 0, -2)] + ["missing", "tile0002"]},
    ]
    return [
        TileQuery(**{key: value for part in parts for key, value in part.items()})  # type: ignore[arg-type]
        for parts in itertools.product(layers, boxes, groups, sections, names)
    ]


class TileTests:
    """Questions about tiles."""

    def test_every_query_agrees_with_a_plain_search(self, store: Store) -> None:
        tiles = scattered(seed=1)
        for start in range(0, len(tiles), 37):
            loading(store, *tiles[start : start + 37])
        loading(store, *scattered(seed=2), stack=OTHER)
        for query in queries():
            expected = sorted(
                (record for record in tiles if fits(record, query)), key=lambda one: one.tile_id
            )
            assert list(store.tiles(STACK, query)) == expected, query
            documents = [(one.tile_id, one.flat, one.document) for one in expected]
            assert list(store.tile_documents(STACK, query)) == documents, query
            assert store.count_tiles(STACK, query) == len(expected), query
            bounds = [
                TileBounds(*one[:6], one.section_id)
                for one in sorted(
                    expected,
                    key=lambda r: (r.min_y, r.min_x, r.max_y, r.max_x, r.tile_id),
                )
            ]
            assert store.tile_bounds(STACK, query) == bounds, query

    def test_boxes_touch_inclusively_and_exactly(self, store: Store) -> None:
        edge = 16777217.25  # not a 32-bit float
        loading(store, tile("a", x=edge, y=edge, size=1.0))
        for box, hit in (
            ((0.0, 0.0, edge, edge), True),
            ((0.0, 0.0, edge - 0.125, edge), False),
            ((0.0, 0.0, edge, edge - 0.125), False),
            ((edge + 1, edge + 1, edge + 2, edge + 2), True),
            ((edge + 1.125, edge + 1, edge + 2, edge + 2), False),
        ):
            assert (ids(store, TileQuery(z=1.0, box=box)) == ["a"]) is hit, box

    def test_close_layers_are_told_apart(self, store: Store) -> None:
        zs = [1.0, 1.0000001, 1.001, 1000000.1, 1000000.1000001]
        loading(store, *(tile(f"t{n}", z=z) for n, z in enumerate(zs)))
        assert store.z_values(STACK) == zs
        for n, z in enumerate(zs):
            assert ids(store, TileQuery(z=z, box=(0, 0, 9, 9))) == [f"t{n}"]
            assert ids(store, TileQuery(z=z)) == [f"t{n}"]

    def test_ids_are_ordered_by_their_bytes(self, store: Store) -> None:
        names = ["b", "B", "a/b%2F c", "é", "\U0001f52c", "\uffee", "10.0", "9.0", ""]
        loading(store, *(tile(name) for name in names))
        ordered = sorted(names, key=lambda name: name.encode())
        assert ids(store) == ordered
        assert ids(store, TileQuery(z=1.0)) == ordered
        assert list(store.tile_ids(STACK)) == ordered
        assert ids(store, TileQuery(tile_ids=names)) == ordered
        for name in names:
            assert store.tile(STACK, name).tile_id == name

    def test_tile_ids_of_a_range_of_layers(self, store: Store) -> None:
        loading(store, *(tile(f"t{9 - z}", z=z) for z in range(5)), tile("none", z=None))
        assert list(store.tile_ids(STACK)) == ["none", "t5", "t6", "t7", "t8", "t9"]
        assert list(store.tile_ids(STACK, min_z=1.0, max_z=3)) == ["t6", "t7", "t8"]
        assert list(store.tile_ids(STACK, min_z=2.5)) == ["t5", "t6"]
        assert list(store.tile_ids(STACK, max_z=0.0)) == ["t9"]

    def test_z_values_are_distinct_and_ascending(self, store: Store) -> None:
        layers = [10.0, 9.0, 9.5, -3.0, 9.0, 10.0]
        loading(store, *(tile(f"t{n}", z=z) for n, z in enumerate(layers)), tile("none", z=None))
        assert store.z_values(STACK) == [-3.0, 9.0, 9.5, 10.0]
        assert store.z_values(STACK, min_z=9.0) == [9.0, 9.5, 10.0]
        assert store.z_values(STACK, min_z=8, max_z=9.5) == [9.0, 9.5]
        assert store.z_values(STACK, max_z=-3.0) == [-3.0]
        assert store.z_values(STACK, min_z=11.0) == []

    @pytest.mark.parametrize("section", ["s", None])
    def test_z_values_follow_the_tiles_in_every_state(
        self, store: Store, section: str | None
    ) -> None:
        def add(*zs: float) -> None:
            tiles = [tile(f"t{z:g}", z=z, section=section) for z in zs]
            store.save_tiles(STACK, new_tiles(tiles), {})

        loading(store, tile("first", z=2.0, section="s"))
        add(3.0, 1.5)
        store.set_state(STACK, "COMPLETE")
        assert store.z_values(STACK) == [1.5, 2.0, 3.0]
        assert store.z_values(STACK, min_z=2.0, max_z=2.5) == [2.0]
        store.set_state(STACK, "LOADING")
        add(0.5)
        store.delete_tiles(STACK, TileQuery(z=3.0))
        assert store.z_values(STACK) == [0.5, 1.5, 2.0]
        store.set_state(STACK, "COMPLETE")
        store.set_state(STACK, "READ_ONLY")
        assert store.z_values(STACK) == [0.5, 1.5, 2.0]

    def test_layer_bounds(self, store: Store) -> None:
        loading(store, tile("a", x=-5, y=3), tile("b", x=70, y=-8), tile("c", z=2))
        assert store.layer_bounds(STACK, 1.0) == (-5.0, -8.0, 170.0, 103.0)
        assert store.layer_bounds(STACK, 3.0) is None

    def test_sections_of_a_layer_as_they_are(self, store: Store) -> None:
        loading(
            store,
            tile("a", section="9.0"),
            tile("b", section="10.0", x=5),
            tile("c", section="9.0", y=-5),
            tile("d"),
        )
        assert store.section_data_now(STACK, 1.0) == [
            SectionData("10.0", 1.0, 1, 5, 0, 105, 100),
            SectionData("9.0", 1.0, 2, 0, -5, 100, 100),
        ]

    def test_z_of_a_section(self, store: Store) -> None:
        loading(store, tile("a", z=7, section="9.0"))
        assert store.section_z(STACK, "9.0") == 7.0
        with pytest.raises(NotFound, match=r"section 10\.0"):
            store.section_z(STACK, "10.0")

    def test_missing_tile_is_not_found(self, store: Store) -> None:
        loading(store)
        with pytest.raises(NotFound, match="tile a does not exist in stack stack of owner owner"):
            store.tile(STACK, "a")

    def test_missing_stack_answers_as_an_empty_one(self, store: Store) -> None:
        assert not store.has_tiles(STACK)
        assert ids(store, TileQuery(z=1.0)) == []
        assert store.count_tiles(STACK, ALL) == 0
        assert store.tile_bounds(STACK, ALL) == []
        assert list(store.tile_ids(STACK)) == []
        assert store.z_values(STACK) == []
        assert store.layer_bounds(STACK, 1.0) is None
        assert store.section_data_now(STACK, 1.0) == []
        assert store.transforms(STACK, ["t"]) == {}
        loading(store)
        assert store.has_tiles(STACK)

    def test_iterators_see_one_moment(self, store: Store) -> None:
        tiles = [tile(f"t{n:04d}", section="1.0") for n in range(2000)]
        loading(store, *tiles)
        reading, names = store.tiles(STACK, ALL), store.tile_ids(STACK)
        next(reading)
        store.delete_tiles(STACK, ALL)
        store.save_tiles(STACK, new_tiles([tile("new")]), {})
        assert sum(1 for _ in reading) == 1999
        assert sum(1 for _ in names) == 2000
        assert ids(store) == ["new"]

    def test_abandoned_iterators_do_no_harm(self, store: Store) -> None:
        loading(store, *(tile(f"t{n:04d}") for n in range(1000)))
        for _ in range(50):
            next(store.tiles(STACK, ALL))  # forgotten half-way
            store.tiles(STACK, ALL)  # never begun
        reading = iter(store.tiles(STACK, ALL))
        next(reading)
        del reading
        store.delete_tiles(STACK, ALL)
        assert ids(store) == []

    def test_snapshot_reads_one_moment_and_refuses_writing(self, store: Store) -> None:
        loading(store, tile("a"))
        with store.snapshot() as view:
            store.save_tiles(STACK, new_tiles([tile("b")]), {})
            assert ids(view) == ["a"]
            assert view.count_tiles(STACK, ALL) == 1
            assert ids(store) == ["a", "b"]
            with pytest.raises(Exception, match="snapshot"):
                view.delete_stack(STACK)
            assert view.z_values(STACK) == [1.0]
        with store.snapshot() as view:
            assert ids(view) == ["a", "b"]
