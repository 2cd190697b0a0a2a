"""Hierarchical alignment: operations 146 to 153 of the contract (section 1.12)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from renderapi.errors import RenderError
from renderws.cleaning import parse
from renderws.documents import HierarchicalStack
from renderws.routes.answers import Answer, HttpError, done, json_answer, text_answer
from renderws.routes.call import Call
from renderws.routes.flattening import flat_tiles
from renderws.routes.router import Route
from renderws.routes.values import Parameter, integer, one_of
from renderws.store.protocol import (
    CollectionId,
    Conflict,
    Invalid,
    NotFound,
    StackId,
    TileQuery,
)
from renderws.store.states import stack_text

Json = dict[str, Any]

_STACK = ("owner", "project", "stack")
_IDENTITIES = {
    **dict.fromkeys(
        ("roughTilesStackId", "parentTierStackId", "alignedStackId", "warpTilesStackId"), _STACK
    ),
    "matchCollectionId": ("owner", "name"),
}
_MOST_CELLS = 500
_SHOWN = ("alignedStackId", "tier", "tierRow", "tierColumn", "fullScaleBounds", "alignmentQuality")


def get_data(call: Call) -> Answer:
    """Place of the stack in a hierarchical alignment."""
    return json_answer(call.store.stack(call.stack).get("hierarchicalData"))


def put_data(call: Call) -> Answer:
    """Set the place of the stack in a hierarchical alignment."""
    data = parse(call.body, HierarchicalStack, "the hierarchical data")
    if data is None:
        raise HttpError(400, "the request body must hold hierarchical data")
    for key, parts in _IDENTITIES.items():
        missing = [part for part in parts if part not in data[key]] if data.get(key) else []
        if missing:
            raise HttpError(400, f"{key} of the hierarchical data has no {', '.join(missing)}")
    call.store.set_hierarchical_data(call.stack, data)
    return done()


def delete_data(call: Call) -> Answer:
    """Remove the stack from its hierarchical alignment."""
    call.store.set_hierarchical_data(call.stack, None)
    return done()


def get_missing_layers(call: Call) -> Answer:
    """z values of the stack that have no matches in its hierarchical collection."""
    stack = call.stack
    data = call.store.stack(stack).get("hierarchicalData")
    if not data:
        raise Invalid(f"{stack_text(stack)} has no hierarchical data")
    return json_answer(_missing_layers(call, stack, data))


def get_missing_layers_of_project(call: Call) -> Answer:
    """The same for every stack of the project that has saved matches."""
    found = []
    for stack, data in tier_stacks(call):
        if data.get("savedMatchPairCount", 0) > 0:
            layers = _missing_layers(call, stack, data)
            found.append({"stackId": stack._asdict(), "zValues": layers})
    return json_answer(found)


def tier_stacks(call: Call) -> list[tuple[StackId, Json]]:
    """Stacks of the project that have hierarchical data."""
    return [
        (StackId(**metadata["stackId"]), metadata["hierarchicalData"])
        for metadata in call.store.stacks(call.path["owner"], call.path["project"])
        if metadata.get("hierarchicalData")
    ]


def _missing_layers(call: Call, stack: StackId, data: Json) -> list[float]:
    collection = _collection(data)
    groups: set[float] = set()
    if collection is not None and call.store.has_collection(collection):
        for group in call.store.match_groups(collection, "both"):
            try:
                groups.add(float(group))
            except ValueError as error:
                raise Invalid(f"group id '{group}' of {collection.name} is no number") from error
    return [z for z in call.store.z_values(stack) if z not in groups]


def _collection(data: Json) -> CollectionId | None:
    named = data.get("matchCollectionId")
    return CollectionId(named["owner"], named["name"]) if named else None


def delete_tier_data(call: Call) -> Answer:
    """Remove the tier stacks of a project, their aligned stacks and their match collections."""
    tiers = tier_stacks(call)
    removed: dict[str, int] = {"match collections": 0, "aligned stacks": 0, "tier stacks": 0}
    doomed = [(stack, data, _aligned(data)) for stack, data in tiers]
    for stack, _, aligned in doomed:
        for victim in (stack, aligned):
            if victim is not None and _state(call, victim) == "READ_ONLY":
                raise Conflict(f"{stack_text(victim)} is READ_ONLY; nothing was removed")
    for stack, data, aligned in doomed:
        collection = _collection(data)
        if collection is not None and call.store.has_collection(collection):
            call.store.delete_collection(collection)
            removed["match collections"] += 1
        if aligned is not None and _state(call, aligned) is not None:
            call.store.delete_stack(aligned)
            removed["aligned stacks"] += 1
        call.store.delete_stack(stack)
        removed["tier stacks"] += 1
    summary = ", ".join(f"{count} {what}" for what, count in removed.items())
    return text_answer(f"removed {summary}")


def _aligned(data: Json) -> StackId | None:
    named = data.get("alignedStackId")
    return StackId(**named) if named else None


def _state(call: Call, stack: StackId) -> str | None:
    """State of a stack, None when there is none."""
    for metadata in call.store.stacks(stack.owner, stack.project):
        if metadata["stackId"]["stack"] == stack.stack:
            return metadata["state"]
    return None


def get_warp_field(call: Call) -> Answer:
    """Transform that moves the full-scale layer as its aligned boxes say."""
    return json_answer(_warp_field(call)[0])


def get_warp_field_debug(call: Call) -> Answer:
    """The same transform with what it was made of."""
    transform, parts = _warp_field(call)
    method = call.query["consensusBuildMethod"]
    return json_answer({"z": call.path["z"], "method": method, "transform": transform} | parts)


def _warp_field(call: Call) -> tuple[Json, Json]:
    from renderws.warpfield import aligned_box, warp_field

    rows, columns = call.query["consensusRows"], call.query["consensusColumns"]
    method, z = call.query["consensusBuildMethod"], call.path["z"]
    if not (0 < rows <= _MOST_CELLS and 0 < columns <= _MOST_CELLS):
        raise Invalid(f"consensusRows and consensusColumns must be 1 to {_MOST_CELLS}")
    boxes, entries = [], []
    for stack, data, tile in _aligned_layers(call, z):
        try:
            box = aligned_box(data, tile)
        except RenderError as error:
            raise Invalid(f"{stack_text(stack)}: {error}") from error
        boxes.append(box)
        shown = {key: data[key] for key in _SHOWN if key in data}
        entries.append({"stackId": stack._asdict(), **shown, "affine": box.affine.tolist()})
    if not boxes:
        owner, project = call.path["owner"], call.path["project"]
        raise NotFound(f"project '{project}' of owner '{owner}' has no aligned stacks at z {z}")
    field = warp_field(boxes, rows, columns, method, f"{z}_AFFINE_WARP_FIELD")
    planes = field.values.reshape(6, rows * columns).T.tolist()
    parts = {"rows": rows, "columns": columns, "stacks": entries, "cells": planes}
    return field.to_dict(), parts


def _aligned_layers(call: Call, z: float) -> Iterator[tuple[StackId, Json, Json]]:
    """Tier stacks of the highest tier that are aligned at z, their data and aligned tile; by rows
    and columns.
    """
    tiers = sorted(
        tier_stacks(call), key=lambda one: [one[1].get(k, 0) for k in ("tierRow", "tierColumn")]
    )
    highest = max((data.get("tier", 0) for _, data in tiers), default=0)
    for stack, data in tiers:
        aligned = _aligned(data)
        if aligned is None or data.get("tier", 0) != highest:
            continue
        first = list(islice(call.store.tile_documents(aligned, TileQuery(z=z)), 1))
        for tile in flat_tiles(call.store, aligned, first):
            yield stack, data, tile


def routes() -> tuple[Route, ...]:
    """Operations 146 to 153."""
    data, missing = "S/hierarchicalData", "missingTierMatchLayers"
    field = "P/z/{z}/affineWarpFieldTransform"
    asked = (
        Parameter("consensusRows", integer, 10),
        Parameter("consensusColumns", integer, 10),
        Parameter("consensusBuildMethod", one_of("SIMPLE", "INTERPOLATE"), "SIMPLE"),
    )
    return (
        Route(146, "DELETE", "P/tierData", delete_tier_data),
        Route(147, "GET", f"S/{missing}", get_missing_layers),
        Route(148, "GET", f"P/{missing}", get_missing_layers_of_project),
        Route(149, "GET", data, get_data, quick=True),
        Route(150, "PUT", data, put_data, body="HierarchicalStack"),
        Route(151, "DELETE", data, delete_data),
        Route(152, "GET", field, get_warp_field, asked),
        Route(153, "GET", field + "Debug", get_warp_field_debug, asked),
    )
