"""All questions that a store answers about the tiles of a stack."""

from __future__ import annotations

import pytest

from renderws.store.conformance.samples import ALL, STACK, ids
from renderws.store.protocol import NotFound, TileQuery

BOX = (50.0, 100.0, 220.0, 400.0)


def by_id(tiles):
    return sorted(tiles, key=lambda one: one.tile_id)


def reaches(one):
    return BOX[0] <= one.max_x and BOX[2] >= one.min_x and BOX[1] <= one.max_y and (
        BOX[3] >= one.min_y)  # fmt: skip


def bounds(tiles):
    low, high = zip(*[((t.min_x, t.min_y), (t.max_x, t.max_y)) for t in tiles], strict=True)
    return (*map(min, zip(*low, strict=True)), *map(max, zip(*high, strict=True)))


def assert_tiles(store, tiles, zs, absent=(), stack=STACK):
    """Everything is answered from these tiles and no others: at all of some z, of some ids that
    there are not.
    """
    tiles = by_id(tiles)
    names = [one.tile_id for one in tiles]
    assert list(store.tiles(stack, ALL)) == tiles
    assert list(store.tile_ids(stack)) == names
    assert store.count_tiles(stack, ALL) == len(tiles)
    assert store.z_values(stack) == sorted({t.z for t in tiles if t.z is not None})
    assert store.z_values(stack, 1.5, 5.0) == sorted({t.z for t in tiles if t.z in (2.0, 3.0)})
    for z in zs:
        there = [one for one in tiles if one.z == z]
        assert ids(store, TileQuery(z=z), stack) == [one.tile_id for one in there]
        assert store.count_tiles(stack, TileQuery(z=z)) == len(there)
        assert store.layer_bounds(stack, z) == (bounds(there) if there else None)
        found = {one.section_id: one.tile_count for one in store.section_data_now(stack, z)}
        sections = [one.section_id for one in there if one.section_id is not None]
        assert found == {name: sections.count(name) for name in set(sections)}
        within = [one.tile_id for one in there if reaches(one)]
        assert ids(store, TileQuery(z=z, box=BOX), stack) == within
        bounded = store.tile_bounds(stack, TileQuery(z=z, box=BOX))
        assert sorted(one.tile_id for one in bounded) == within
    within = [one.tile_id for one in tiles if reaches(one)]
    assert ids(store, TileQuery(box=BOX), stack) == within
    late = [one.tile_id for one in tiles if one.z is not None and one.z >= 1.0]
    assert ids(store, TileQuery(min_z=1.0), stack) == late
    assert ids(store, TileQuery(tile_ids=[*names, *absent]), stack) == names
    for key, query in (("section_id", "section_id"), ("group_id", "group_id")):
        for name in {getattr(one, key) for one in tiles} - {None}:
            of_name = [one.tile_id for one in tiles if getattr(one, key) == name]
            assert ids(store, TileQuery(**{query: name}), stack) == of_name
    for one in tiles[::7]:
        assert store.tile(stack, one.tile_id) == one
        if one.section_id is not None and one.z is not None:
            of_section = {t.z for t in tiles if t.section_id == one.section_id}
            assert store.section_z(stack, one.section_id) in of_section
    for name in absent:
        with pytest.raises(NotFound):
            store.tile(stack, name)
