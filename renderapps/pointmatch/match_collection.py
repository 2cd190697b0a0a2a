"""Which match collection a module works with."""

from __future__ import annotations

from argschema.fields import Str
from argschema.schemas import DefaultSchema

from renderapps.module import RenderModule


class MatchCollectionParameters(DefaultSchema):
    """A match collection and its owner. Add to a schema that has `render`."""

    matchCollection = Str(
        required=True,
        metadata={
            "description": "match collection of the tiles",
            "aliases": ["match_collection", "collection", "pointmatch_collection"],
        },
    )
    matchOwner = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "owner of the match collection",
            "default_text": "render.owner",
            "aliases": ["match_owner"],
        },
    )


def owner_of_matches(module: RenderModule) -> str:
    """Owner of the match collection: that of the stacks unless another is given."""
    owner: str = module.args["matchOwner"] or module.render.DEFAULT_OWNER
    return owner
