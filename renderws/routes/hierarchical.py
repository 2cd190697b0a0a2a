"""Hierarchical alignment: operations 146 to 151 of the contract (section 1.12)."""

from __future__ import annotations

from typing import Any

from renderws.cleaning import parse
from renderws.documents import HierarchicalStack
from renderws.routes.answers import Answer, HttpError, done, json_answer, text_answer
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.store.protocol import CollectionId, Conflict, Invalid, StackId
from renderws.store.states import stack_text

Json = dict[str, Any]


def get_data(call: Call) -> Answer:
    """Place of the stack in a hierarchical alignment."""
    return json_answer(call.store.stack(call.stack).get("hierarchicalData"))


def put_data(call: Call) -> Answer:
    """Set the place of the stack in a hierarchical alignment."""
    data = parse(call.body, HierarchicalStack, "the hierarchical data")
    if data is None:
        raise HttpError(400, "the request body must hold hierarchical data")
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


def routes() -> tuple[Route, ...]:
    """Operations 146 to 151."""
    data, missing = "S/hierarchicalData", "missingTierMatchLayers"
    return (
        Route(146, "DELETE", "P/tierData", delete_tier_data),
        Route(147, "GET", f"S/{missing}", get_missing_layers),
        Route(148, "GET", f"P/{missing}", get_missing_layers_of_project),
        Route(149, "GET", data, get_data),
        Route(150, "PUT", data, put_data, body="HierarchicalStack"),
        Route(151, "DELETE", data, delete_data),
    )
