"""Stored tiles with their shared transforms put in: by exchanging text, and by parsing."""

from __future__ import annotations

import orjson
import pytest

from renderws.routes.flattening import flat_tiles, flatten_tile
from renderws.store.protocol import Invalid, StackId, TileRecord

STACK = StackId("o", "p", "s")
LEAF = {"type": "leaf", "className": "C", "dataString": 'say "1 2"'}
REF = {"type": "ref", "refId": "lens"}
SHARED = {
    "lens": {"id": "lens", "type": "leaf", "className": "C", "dataString": "1 2"},
    "two": {"id": "two", "type": "list", "specList": [REF, LEAF]},
    "empty": {"id": "empty", "type": "list", "specList": []},
    "labelled": {"id": "labelled", **LEAF, "metaData": {"labels": ["x"]}},
    'odd"id\\': {"id": 'odd"id\\', **LEAF},
}


class Store:
    """The one thing of a store that is needed here: it hands out shared transforms."""

    def transforms(self, stack, ids):
        assert stack == STACK
        reached = {"lens", *ids} if "two" in ids else ids
        return {key: orjson.dumps(SHARED[key]) for key in sorted(reached)}


LISTS = [
    [REF],
    [REF, LEAF, REF],
    [REF, {"refId": "lens", "type": "ref"}],
    [{"refId": "two", "type": "ref"}, LEAF],
    [{"type": "ref", "refId": "empty"}],
    [{"type": "ref", "refId": "labelled"}],
    [{"type": "ref", "refId": 'odd"id\\'}],
    [{**REF, "metaData": {"labels": ["y"]}}],
    [{"type": "list", "specList": [REF, LEAF], "metaData": {"labels": ["z"]}}],
    [{"type": "list", "specList": [REF]}, REF],
    [{"type": "interpolated", "a": REF, "b": LEAF, "lambda": 0.5}],
    [LEAF],
    [{"type": "leaf", "className": '{"type":"ref","refId":"lens"}', "dataString": ""}, REF],
]


def tile_and_record(specs, name="t"):
    tile = {"tileId": name, "transforms": {"type": "list", "specList": specs}, "z": 1.0}
    flat = specs == [LEAF]
    return tile, TileRecord(name, 1.0, 0, 0, 1, 1, None, None, flat, orjson.dumps(tile))


@pytest.mark.parametrize("specs", LISTS)
def test_both_ways_give_the_same(specs):
    tile, record = tile_and_record(specs)
    (found,) = flat_tiles(Store(), STACK, [record])
    assert found == flatten_tile(tile, SHARED)


@pytest.mark.parametrize("count", [2, 3, 300])
@pytest.mark.parametrize("first", range(len(LISTS)))
def test_both_ways_give_the_same_for_many_tiles_of_several_kinds(first, count):
    specs = [LISTS[(first + n) % len(LISTS)] for n in range(count)]
    for chosen in (specs, specs[:1] * count):
        pairs = [tile_and_record(one, str(n)) for n, one in enumerate(chosen)]
        found = flat_tiles(Store(), STACK, [record for _, record in pairs])
        assert found == [flatten_tile(tile, SHARED) for tile, _ in pairs]


def test_flat_tiles_are_passed_on_byte_for_byte():
    from renderws.routes.flattening import flat_documents

    document = b'{"tileId": "t",  "transforms": {"type":"list","specList":[]}}'
    size = len(document)
    assert flat_documents(Store(), STACK, [document], [True], size, size) == [document]


@pytest.mark.parametrize("specs", [[REF], [REF, {"refId": "lens", "type": "ref"}]])
def test_references_count_with_the_text_that_takes_their_place(specs):
    from renderws.routes.flattening import flat_documents

    _, record = tile_and_record(specs)
    documents, size = [record.document] * 2, 2 * len(record.document)
    (one, other) = flat_documents(Store(), STACK, documents, [False] * 2, size, 10_000)
    assert one == other and len(one) > len(record.document)
    with pytest.raises(Invalid, match="more than"):
        flat_documents(Store(), STACK, documents, [False] * 2, size, 2 * len(one) - 1)
