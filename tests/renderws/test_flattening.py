"""Stored tiles with their shared transforms put in: by exchanging text, and by parsing."""

from __future__ import annotations

import orjson
import pytest

from renderws.routes.flattening import flat_tiles, flatten_tile
from renderws.store.protocol import StackId, TileRecord

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
        return {key: orjson.dumps(spec) for key, spec in SHARED.items()}


@pytest.mark.parametrize(
    "specs",
    [
        [REF],
        [REF, LEAF, REF],
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
    ],
)
def test_both_ways_give_the_same(specs):
    tile = {"tileId": "t", "transforms": {"type": "list", "specList": specs}, "z": 1.0}
    record = TileRecord("t", 1.0, 0, 0, 1, 1, None, None, False, orjson.dumps(tile))
    (found,) = flat_tiles(Store(), STACK, [record])
    assert found == flatten_tile(tile, SHARED)


def test_flat_tiles_are_passed_on_byte_for_byte():
    from renderws.routes.flattening import flat_documents

    document = b'{"tileId": "t",  "transforms": {"type":"list","specList":[]}}'
    record = TileRecord("t", 1.0, 0, 0, 1, 1, None, None, True, document)
    assert list(flat_documents(Store(), STACK, [record])) == [document]
