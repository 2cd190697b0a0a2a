"""Which match collection a module works with, and in which coordinates its points are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from typing import Any

from argschema.fields import Int, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import Range

import renderapi
from renderapi import stackchanges
from renderapi.errors import NotFoundError
from renderapi.utils import put_json
from renderapps.module import RenderModule, RenderModuleException, parameter
from renderapps.module.addresses import collection_url
from renderapps.module.job import note_output
from renderapps.module.running import Run
from renderapps.module.stack_lock import locked

BATCH = 1000
LOCKS = "locks_of_match_collections"
Json = dict[str, Any]


class MatchOwnerParameters(DefaultSchema):
    """Whose match collections. Add to a schema that has `render`."""

    matchOwner = parameter(
        Str,
        "owner of the match collection",
        default=None,
        default_text="render.owner",
        aliases=["match_owner"],
    )


class MatchCollectionParameters(MatchOwnerParameters):
    """A match collection and its owner. Add to a schema that has `render`."""

    matchCollection = parameter(
        Str,
        "match collection of the tiles",
        aliases=["match_collection", "collection", "pointmatch_collection"],
    )


class PointSpaceParameters(DefaultSchema):
    """In which coordinates the points of a collection are that is only read."""

    local_transforms = parameter(
        Int,
        "number of leading transforms of each tile that the points are stored after (0: raw "
        "pixels)",
        default=None,
        default_text="as recorded with the collection, else 0",
        validate=Range(min=0),
    )


def owner_of_matches(module: RenderModule) -> str:
    """Owner of the match collection: that of the stacks unless another is given."""
    return str(module.args["matchOwner"] or module.render.DEFAULT_OWNER)


def collection_names(render: renderapi.Render, owner: str) -> set[str]:
    """Names of the match collections of an owner."""
    found = renderapi.pointmatch.get_matchcollections(owner=owner, render=render)
    return {entry["collectionId"]["name"] for entry in found}


def is_recorded(render: renderapi.Render, owner: str, collection: str) -> bool:
    """Whether there is a match collection, or anything recorded for one."""
    if collection in collection_names(render, owner):
        return True
    found = renderapi.pointmatch.get_collection_metadata(collection, owner=owner, render=render)
    return bool(found)


def delete_if_there(render: renderapi.Render, owner: str, collection: str) -> None:
    """Delete a match collection, unless there is none of that name."""
    with suppress(NotFoundError):
        renderapi.pointmatch.delete_collection(collection, owner=owner, render=render)


def rename_collection(render: renderapi.Render, owner: str, name: str, new_name: str) -> None:
    """Give a match collection another name; an error where that is taken."""
    url = collection_url(render, owner, name, "collectionId")
    put_json(render.session, url, {"owner": owner, "name": new_name})


def record_metadata(
    render: renderapi.Render, owner: str | None, collection: str, found: Mapping[str, Any]
) -> bool:
    """Record metadata with a match collection; False where the service cannot."""
    try:
        renderapi.pointmatch.set_collection_metadata(collection, found, owner=owner, render=render)
    except NotFoundError:
        return False
    return True


def import_in_batches(
    render: renderapi.Render,
    owner: str | None,
    collection: str,
    matches: Sequence[Mapping[str, Any]],
) -> None:
    """Store matches, so many with each request; those of pairs that are there are replaced."""
    for start in range(0, len(matches), BATCH):
        batch = matches[start : start + BATCH]
        renderapi.pointmatch.import_matches(collection, batch, owner=owner, render=render)


@contextmanager
def locked_collection(
    render: renderapi.Render, owner: str, collection: str, module: str
) -> Iterator[Json | None]:
    """Keep other runs out of a match collection, where the service has locks.

    The lock is that of a stack of its name in project LOCKS, where nobody has stacks; it is what
    `MatchTarget.close` gives back with the change of the collection.

    Raises
    ------
    RenderModuleException
        Another run writes to the collection; which one.
    """
    note_output("collection", owner, None, collection)
    if "stackLocks" not in stackchanges.additions(render=render):
        yield None
        return
    where = copy(render)
    where.DEFAULT_OWNER, where.DEFAULT_PROJECT = owner, LOCKS
    run = Run(module)
    with locked(run, where, collection, None, what="match collection"):
        yield {"stackId": {"project": LOCKS, "stack": collection}, "id": run.id}


def p_groups_of(render: renderapi.Render, owner: str | None, collection: str) -> list[str]:
    """Group ids that occur as p; RenderModuleException when there is no such collection."""
    try:
        return renderapi.pointmatch.get_match_groupIds_from_only(
            collection, owner=owner, render=render
        )
    except NotFoundError as error:
        raise RenderModuleException(
            f"owner {owner or render.DEFAULT_OWNER} has no match collection {collection}"
        ) from error


def recorded_transforms(
    render: renderapi.Render, owner: str, collection: str, given: int | None
) -> tuple[int, bool]:
    """Number of transforms that points are stored after, and whether anything says so.

    0 where it is neither recorded nor given. RenderModuleException where these differ.
    """
    found = renderapi.pointmatch.get_collection_metadata(collection, owner=owner, render=render)
    recorded = found.get("local_transforms")
    if recorded is None:
        return given or 0, given is not None
    if given is not None and given != recorded:
        raise RenderModuleException(
            f"match collection {collection} holds points after {recorded} transforms of each "
            f"tile, not {given}: give local_transforms {recorded}, or another collection"
        )
    return int(recorded), True
