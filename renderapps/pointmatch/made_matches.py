"""Match collections that modules fill with matches of their own making."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from argschema.fields import Int, Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapps.module import parameter
from renderapps.module.errors import RenderModuleException
from renderapps.pointmatch.match_collection import MatchOwnerParameters, locked_collection
from renderapps.pointmatch.match_target import EXISTING, MatchTarget


def collection_field(*aliases: str) -> Str:
    """The parameter that names the collection to write; themes spell it differently."""
    others = ["match_collection", "collection", "output_collection", "pointmatch_collection"]
    return parameter(Str, "match collection to write", aliases=[*aliases, *others])


class MadeMatchesParameters(MatchOwnerParameters, DefaultSchema):
    """Where matches go that a module makes, and in which coordinates they are."""

    local_transforms = parameter(
        Int,
        "number of leading transforms of each tile that points are stored after "
        "(0: raw pixels); recorded with the collection",
        default=0,
        aliases=["num_local_transforms"],
        validate=Range(min=0),
    )
    existing = parameter(
        Str,
        "what to do with a collection that is there: append adds pairs (those "
        "of this run replace earlier ones of the same tiles, all others stay), replace lets "
        "the new one take its place when it is complete, fail refuses",
        default="append",
        validate=OneOf(EXISTING),
    )


@contextmanager
def filled(
    render: renderapi.Render,
    owner: str,
    name: str,
    existing: str,
    local_transforms: int,
    module: str,
) -> Iterator[MatchTarget]:
    """A collection to write to; it is there, or is changed, when the block ends without an error.

    `module` is what other runs are told meanwhile.

    Raises
    ------
    RenderModuleException
        It must not be written, another run writes it, or it holds points in other coordinates.
    """
    with locked_collection(render, owner, name, module) as lock:
        target = MatchTarget(render, owner, name, existing, lock)
        yield from _filled(target, local_transforms)


def _filled(target: MatchTarget, local_transforms: int) -> Iterator[MatchTarget]:
    render, owner, name, existing = target.render, target.owner, target.name, target.existing
    target.recover()
    target.open()
    recorded = renderapi.pointmatch.get_collection_metadata(name, owner=owner, render=render)
    there = recorded.get("local_transforms", local_transforms)
    if existing == "append" and there != local_transforms:
        raise RenderModuleException(
            f"match collection {name} holds points after {there} transforms of each tile, those to "
            f"add are after {local_transforms}: name another one, or give local_transforms {there}"
        )
    try:
        yield target
        target.record({**recorded, "local_transforms": local_transforms})
        target.close()
    except BaseException:
        target.abandon()
        raise
