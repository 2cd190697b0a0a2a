"""Tiles of several stacks in one: ids that collide, transforms that do, and metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from argschema.fields import Str
from argschema.schemas import DefaultSchema
from marshmallow.validate import OneOf

from renderapi.render import Render
from renderapps.module import RenderModuleException, parameter
from renderapps.module.stacks import stack_metadata
from renderapps.module.tile_documents import (
    Json,
    Section,
    replace_references,
    same_transform,
    shared_transform,
    tile_ids_at,
)

POLICIES = ("fail", "first", "last", "prefix")
RESOLUTION = ("stackResolutionX", "stackResolutionY", "stackResolutionZ")


class CollisionParameters(DefaultSchema):
    """What happens to tiles of different stacks that have one id."""

    on_collision = parameter(
        Str,
        "tiles of different stacks with the same tileId: fail refuses, first and last keep the "
        "tile of the first or last stack that has it, prefix puts the name of its stack before "
        "the tileId in all stacks but the first",
        default=POLICIES[0],
        validate=OneOf(POLICIES),
    )


@dataclass(frozen=True)
class Source:
    """A stack to take tiles from, the connection to it and the sections that are taken."""

    render: Render
    stack: str
    zs: Sequence[float]

    @property
    def label(self) -> str:
        """What the ids of this source get as a prefix."""
        return self.stack


@dataclass(frozen=True)
class JoinPlan:
    """What to do with tiles that are in several sources.

    Attributes
    ----------
    owner : dict
        Index of the source whose tile is kept, by each tileId that is in several.
    prefixed : bool
        Whether the others get a prefix instead of being left out.
    """

    owner: dict[str, int] = field(default_factory=dict)
    prefixed: bool = False


def plan_join(sources: Sequence[Source], policy: str) -> JoinPlan:
    """Look for tiles that are in several sources.

    Raises
    ------
    RenderModuleException
        There are some and the policy is fail, or an id with a prefix is taken too.
    """
    holders: dict[str, list[int]] = {}
    for index, source in enumerate(sources):
        for tile in tile_ids_at(source.render, source.stack, source.zs):
            holders.setdefault(tile, []).append(index)
    shared = {tile: found for tile, found in holders.items() if len(found) > 1}
    if shared and policy == "fail":
        tile, found = next(iter(shared.items()))
        names = " and ".join(sources[i].stack for i in found)
        raise RenderModuleException(
            f"{len(shared)} tileIds are in several stacks; {tile} is in {names}: "
            "give on_collision first, last or prefix"
        )
    if policy == "prefix":
        _refuse_taken_prefixes(sources, shared, holders)
    owner = {tile: found[-1 if policy == "last" else 0] for tile, found in shared.items()}
    return JoinPlan(owner, policy == "prefix")


def _refuse_taken_prefixes(
    sources: Sequence[Source], shared: Mapping[str, list[int]], holders: Mapping[str, Any]
) -> None:
    made: set[str] = set()
    for tile, found in shared.items():
        for index in found[1:]:
            new = prefixed_id(sources[index], tile)
            if new in holders or new in made:
                raise RenderModuleException(
                    f"tile {tile} of stack {sources[index].stack} cannot become {new}, which is "
                    "taken: give on_collision first or last"
                )
            made.add(new)


def prefixed_id(source: Source, tile: str) -> str:
    """Id of a tile of a source whose own id is taken."""
    return f"{source.label}_{tile}"


def joined_ids(sources: Sequence[Source], plan: JoinPlan) -> Iterator[str]:
    """Ids of the tiles that the joined stack will have."""
    for index, source in enumerate(sources):
        for tile in tile_ids_at(source.render, source.stack, source.zs):
            if plan.owner.get(tile, index) == index:
                yield tile
            elif plan.prefixed:
                yield prefixed_id(source, tile)


def joinable(
    sources: Sequence[Source], index: int, section: Section, plan: JoinPlan
) -> tuple[Section, dict[str, Any]]:
    """A section of source `index`, fit to be joined with the other sources, and what was changed.

    Tiles that another source keeps are left out or renamed; shared transforms whose id means
    something else in an earlier source get the name of their stack before the id.
    """
    source = sources[index]
    tiles, dropped, renamed = [], [], {}
    for tile in section.tiles:
        tile_id = tile["tileId"]
        if plan.owner.get(tile_id, index) == index:
            tiles.append(tile)
        elif plan.prefixed:
            renamed[tile_id] = prefixed_id(source, tile_id)
            tiles.append({**tile, "tileId": renamed[tile_id]})
        else:
            dropped.append(tile_id)
    new_ids = _new_transform_ids(sources[:index], source, section.transforms)
    if new_ids:
        for tile in tiles:
            tile["transforms"] = replace_references(tile["transforms"], new_ids)
    transforms = {
        new_ids.get(key, key): _renamed(spec, new_ids, new_ids.get(key, key))
        for key, spec in section.transforms.items()
    }
    report = {"left_out": dropped, "renamed_tiles": renamed, "renamed_transforms": new_ids}
    return Section(section.z, tiles, transforms), {k: v for k, v in report.items() if v}


def _renamed(spec: Json, new_ids: Mapping[str, str], key: str) -> Json:
    return {**(replace_references(spec, new_ids) if new_ids else spec), "id": key}


def _new_transform_ids(
    earlier: Sequence[Source], source: Source, transforms: Mapping[str, Json]
) -> dict[str, str]:
    """New ids of the transforms of a section that earlier sources use for something else."""
    new_ids: dict[str, str] = {}
    for key, spec in transforms.items():
        for other in earlier:
            there = shared_transform(other.render, other.stack, key)
            if there is not None and not same_transform(there, spec):
                new_ids[key] = f"{source.label}_{key}"
    return new_ids


def resolution_warnings(sources: Sequence[Source]) -> list[str]:
    """Lines for stacks whose resolution is not that of the first."""
    first, *others = [
        (stack_metadata(s.render, s.stack).get("currentVersion") or {}) for s in sources
    ]
    wanted = [first.get(key) for key in RESOLUTION]
    return [
        f"stack {source.stack} has resolution {[v.get(key) for key in RESOLUTION]}, "
        f"stack {sources[0].stack} {wanted}; the output has that of {sources[0].stack}"
        for source, v in zip(sources[1:], others, strict=True)
        if [v.get(key) for key in RESOLUTION] != wanted
    ]


def join_sections(sections: Sequence[Section], z: float) -> Section:
    """The tiles of several sections in one, in their order."""
    joined = Section(z)
    for section in sections:
        joined.tiles += section.tiles
        joined.transforms |= section.transforms
    return joined
