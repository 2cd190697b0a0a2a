"""Which match collection a module works with, and in which coordinates its points are."""

from __future__ import annotations

from argschema.fields import Int, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import Range

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module import RenderModule, RenderModuleException, parameter


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
    owner: str = module.args["matchOwner"] or module.render.DEFAULT_OWNER
    return owner


def p_groups_of(render: renderapi.Render, owner: str, collection: str) -> list[str]:
    """Group ids that occur as p; RenderModuleException when there is no such collection."""
    try:
        return renderapi.pointmatch.get_match_groupIds_from_only(
            collection, owner=owner, render=render
        )
    except NotFoundError as error:
        raise RenderModuleException(
            f"owner {owner} has no match collection {collection}"
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
