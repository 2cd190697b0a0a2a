"""Tiles with the transforms they share: operations 47 to 50 of the contract (section 1.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TypeVar

import orjson

from renderws.ids import check_distinct_ids, check_ids
from renderws.routes.answers import Answer, created, json_bytes
from renderws.routes.call import Call
from renderws.routes.flattening import limited, wanted_references
from renderws.routes.layers import require_tiles
from renderws.routes.router import Route
from renderws.routes.values import MAX_Z, MIN_Z, Parameter, boolean, double
from renderws.saving import TilesToSave
from renderws.store.protocol import NotFound, StackId, TileQuery
from renderws.store.states import LOADING, not_loading, stack_text
from renderws.usual_tiles import Unusual, UsualTiles

T = TypeVar("T", UsualTiles, TilesToSave)

_FAR = 1e30
_SIDES = (("minX", -_FAR), ("minY", -_FAR), ("maxX", _FAR), ("maxY", _FAR))


def get_layer(call: Call) -> Answer:
    """Tiles of a layer and the transforms they depend on, as stored."""
    return _resolved_tiles(call, TileQuery(z=call.path["z"]))


def get_stack_tiles(call: Call) -> Answer:
    """Tiles of a range of z, a box or a group, and the transforms they depend on, as stored."""
    asked = call.query
    box = None
    if any(asked[side] is not None for side, _ in _SIDES):
        min_x, min_y, max_x, max_y = (
            far if asked[side] is None else asked[side] for side, far in _SIDES
        )
        box = (min_x, min_y, max_x, max_y)
    query = TileQuery(min_z=asked["minZ"], max_z=asked["maxZ"], group_id=asked["groupId"], box=box)
    return _resolved_tiles(call, query)


def _resolved_tiles(call: Call, query: TileQuery) -> Answer:
    stack = call.stack
    records = limited(call, stack, query)
    if not records:
        require_tiles(call, stack)
        raise NotFound(f"{stack_text(stack)} has no such tiles")
    wanted = wanted_references(orjson.loads(r.document) for r in records if not r.flat)
    transforms = call.store.transforms(stack, sorted(wanted)) if wanted else {}
    tiles = ((record.tile_id, record.document) for record in records)
    body = (
        b'{"transformIdToSpecMap":'
        + _object(transforms.items())
        + b',"tileIdToSpecMap":'
        + _object(tiles)
        + b"}"
    )
    return json_bytes(body)


def _object(items: Iterable[tuple[str, bytes]]) -> bytes:
    """JSON object of values that are JSON already."""
    return b"{" + b",".join(orjson.dumps(key) + b":" + value for key, value in items) + b"}"


def put_tiles(call: Call) -> Answer:
    """Store tiles and shared transforms; all of them or none. With `replace`, which is an addition
    to the contract, other tiles of the layer go."""
    tiles = _to_save(call)
    documents, transforms = tiles.to_save(), tiles.transform_documents()
    longest = call.settings.max_id_length
    check_distinct_ids("tileId", documents.tile_ids, longest)
    check_ids("sectionId", documents.section_ids, longest)
    check_ids("groupId", documents.group_ids, longest)
    check_ids("id of a shared transform", transforms, longest)
    z = call.path["z"] if call.query.get("replace") else None
    call.store.save_tiles(call.stack, documents, transforms, z)
    return created(call.url)


def _to_save(call: Call) -> UsualTiles | TilesToSave:
    """The tiles of the request, fit to be stored."""
    with suppress(Unusual):
        return _checked(call, UsualTiles(call.body))
    return _checked(call, TilesToSave(call.body))


def _checked(call: Call, tiles: T) -> T:
    stack = call.stack
    _require_loading(call, stack)

    def stored(ids: Iterable[str]) -> Mapping[str, bytes]:
        return call.store.transforms(stack, ids)

    lookup = tiles.resolve(stored)
    if call.query["deriveData"]:
        tiles.derive_boxes(lookup)
    tiles.check(call.path.get("z"))
    return tiles


def _require_loading(call: Call, stack: StackId) -> None:
    state = call.store.stack(stack)["state"]
    if state != LOADING:
        raise not_loading(stack, state)


def routes() -> tuple[Route, ...]:
    """Operations 47 to 50."""
    sides = tuple(Parameter(side, double) for side, _ in _SIDES)
    asked = (MIN_Z, MAX_Z, Parameter("groupId"), *sides)
    derive = (Parameter("deriveData", boolean, False),)
    layer = (*derive, Parameter("replace", boolean, False))
    body = "ResolvedTileSpecCollection"
    return (
        Route(47, "GET", "S/z/{z}/resolvedTiles", get_layer),
        Route(48, "GET", "S/resolvedTiles", get_stack_tiles, asked),
        Route(49, "PUT", "S/resolvedTiles", put_tiles, derive, body=body),
        Route(50, "PUT", "S/z/{z}/resolvedTiles", put_tiles, layer, body=body),
    )
