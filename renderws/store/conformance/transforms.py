"""Tests of shared transforms, and of tiles whose shared transform changes."""

from __future__ import annotations

import orjson
import pytest

from renderws.store.conformance.samples import (
    OTHER,
    STACK,
    affine,
    documents,
    ids,
    loading,
    reference,
    spec_of,
    tile,
)
from renderws.store.documents import new_tiles
from renderws.store.protocol import Invalid, Json, NotFound, Store, TileQuery


def many(*specs: Json) -> Json:
    return {"type": "list", "specList": list(specs)}


def box_of(store: Store, tile_id: str) -> tuple[float, ...]:
    """Box of a tile; checks that columns and document agree."""
    record, spec = store.tile(STACK, tile_id), spec_of(store, tile_id)
    box = (record.min_x, record.min_y, record.max_x, record.max_y)
    assert box == tuple(spec[key] for key in ("minX", "minY", "maxX", "maxY"))
    return box


class TransformTests:
    """Shared transforms."""

    def test_transforms_are_kept_byte_for_byte(self, store: Store) -> None:
        text = b'{"type": "leaf",  "id": "t", "className": "c", "dataString": "1 2"}'
        loading(store)
        store.save_tiles(STACK, new_tiles([tile("a")]), {"t": text})
        assert store.transform(STACK, "t") == text
        with pytest.raises(NotFound, match="transform u"):
            store.transform(STACK, "u")

    def test_transforms_bring_all_they_refer_to(self, store: Store) -> None:
        loading(
            store,
            tile("x"),
            a=many(reference("b"), affine(1, 1)),
            b={
                "type": "interpolated",
                "a": reference("c"),
                "b": many(many(reference("d"))),
                "lambda": 0.5,
            },
            c=affine(0, 0),
            d=reference("a"),
            e=affine(0, 0),
        )
        assert list(store.transforms(STACK, ["a"])) == ["a", "b", "c", "d"]
        assert list(store.transforms(STACK, ["c", "missing"])) == ["c"]
        assert store.transforms(STACK, []) == {}
        assert store.transforms(OTHER, ["a"]) == {}

    def test_a_changed_transform_moves_the_tiles_that_use_it(self, store: Store) -> None:
        shift = affine(10, 20)
        loading(
            store,
            tile("direct", 1.0, 110, 220, transforms=[reference("lens"), affine(100, 200)]),
            tile("indirect", 1.0, 15, 25, transforms=[reference("outer")]),
            tile("nested", 1.0, 10, 20, transforms=[many(many(reference("lens")))]),
            tile("without", 1.0, 50, 50),
            tile("lookalike", 1.0, 50, 50, transforms=[affine(50, 50, id="lens")]),
            lens=shift,
            outer=many(reference("lens"), affine(5, 5)),
        )
        store.save_tiles(
            STACK, new_tiles([tile("new", 1.0, 0, 0)]), documents(lens=affine(1010, -20))
        )
        assert box_of(store, "direct") == (1110, 180, 1210, 280)
        assert box_of(store, "indirect") == (1015, -15, 1115, 85)
        assert box_of(store, "nested") == (1010, -20, 1110, 80)
        assert box_of(store, "without") == box_of(store, "lookalike") == (50, 50, 150, 150)
        assert ids(store, TileQuery(z=1.0, box=(1000, -100, 1300, 300))) == [
            "direct",
            "indirect",
            "nested",
        ]
        assert ids(store, TileQuery(z=1.0, box=(105, 215, 115, 225))) == []
        spec = spec_of(store, "direct")
        assert spec["transforms"]["specList"] == [reference("lens"), affine(100, 200)]
        assert store.check() == []

    def test_of_tiles_with_one_id_the_last_follows_its_transform(self, store: Store) -> None:
        tiles = [tile("a", transforms=[reference("t"), reference("t")]), tile("b")]
        loading(store)
        store.save_tiles(STACK, new_tiles(tiles), documents(t=affine(0, 0)))
        store.save_tiles(STACK, new_tiles([]), documents(t=affine(30, 0)))
        assert box_of(store, "a") == (60, 0, 160, 100)
        assert box_of(store, "b") == (0, 0, 100, 100)
        twice = [tile("b"), tile("b", transforms=[reference("t")])]
        store.save_tiles(STACK, new_tiles(twice), {})
        store.save_tiles(STACK, new_tiles([]), documents(t=affine(50, 0)))
        assert box_of(store, "b") == (50, 0, 150, 100)

    def test_tiles_saved_with_the_change_keep_the_boxes_they_bring(self, store: Store) -> None:
        loading(store, tile("a", transforms=[reference("t")]), t=affine(0, 0))
        store.save_tiles(
            STACK,
            new_tiles([tile("a", x=7.5, transforms=[reference("t")])]),
            documents(t=affine(99, 99)),
        )
        assert box_of(store, "a") == (7.5, 0, 107.5, 100)

    def test_tiles_that_no_longer_use_it_stay(self, store: Store) -> None:
        loading(
            store,
            tile("a", transforms=[reference("t")]),
            tile("b", transforms=[reference("t")]),
            t=affine(0, 0),
        )
        store.save_tiles(STACK, new_tiles([tile("a", transforms=[affine(0, 0)])]), {})
        store.save_tiles(STACK, new_tiles([]), documents(t=affine(30, 0)))
        assert box_of(store, "a") == (0, 0, 100, 100)
        assert box_of(store, "b") == (30, 0, 130, 100)

    def test_the_same_content_moves_nothing(self, store: Store) -> None:
        """A box from elsewhere, which need not be the derived one, survives a mere rewrite."""
        loading(store, tile("a", x=0.25, transforms=[reference("t")]), t=affine(0, 0))
        rewritten = orjson.dumps(dict(reversed({"id": "t", **affine(0, 0)}.items())))
        store.save_tiles(STACK, new_tiles([tile("b")]), {"t": rewritten})
        assert box_of(store, "a") == (0.25, 0, 100.25, 100)
        assert store.transform(STACK, "t") == rewritten

    def test_a_change_in_one_stack_leaves_the_others(self, store: Store) -> None:
        loading(store, tile("a", transforms=[reference("t")]), t=affine(0, 0))
        store.clone_stack(STACK, OTHER, {})
        store.save_tiles(OTHER, new_tiles([tile("b")]), documents(t=affine(500, 0)))
        assert box_of(store, "a") == (0, 0, 100, 100)
        assert store.tile(OTHER, "a").min_x == 500
        assert ids(store, TileQuery(z=1.0, box=(550, 0, 560, 10)), OTHER) == ["a"]

    def test_references_between_transforms_follow_their_changes(self, store: Store) -> None:
        loading(
            store,
            tile("a", transforms=[reference("outer")]),
            outer=many(reference("one")),
            one=affine(1, 0),
            two=affine(2, 0),
        )
        store.save_tiles(STACK, new_tiles([]), documents(outer=many(reference("two"))))
        assert box_of(store, "a")[0] == 2
        store.save_tiles(STACK, new_tiles([]), documents(one=affine(100, 0)))
        assert box_of(store, "a")[0] == 2
        store.save_tiles(STACK, new_tiles([]), documents(two=affine(200, 0)))
        assert box_of(store, "a")[0] == 200

    def test_a_change_that_breaks_stored_tiles_is_refused(self, store: Store) -> None:
        loading(store, tile("a", transforms=[reference("t")]), t=affine(0, 0))
        with pytest.raises(Invalid, match="transforms \\(t\\) are used by stored tiles"):
            store.save_tiles(
                STACK,
                new_tiles([tile("b")]),
                documents(t={**affine(0, 0), "className": "no.such.Model"}),
            )
        assert orjson.loads(store.transform(STACK, "t")) == {"id": "t", **affine(0, 0)}
        assert ids(store) == ["a"]
