"""New tiles for a stack: made, filled section by section, and closed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from argschema.fields import Boolean, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf

import renderapi
from renderapi.stack import StackVersion
from renderapps.module import RenderModuleException
from renderapps.module.kept_sections import KeptSections
from renderapps.module.stack_target import EXISTING, open_output
from renderapps.module.tile_documents import (
    Json,
    Section,
    read_section,
    same_transform,
    write_section,
)

POLICIES = (*EXISTING, "append")


class UploadParameters(DefaultSchema):
    """How an output stack is treated."""

    existing = Str(
        load_default=POLICIES[0],
        validate=OneOf(POLICIES),
        metadata={
            "description": "what to do with an output stack that has tiles: overwrite_z replaces "
            "the sections that are written and keeps the others, append keeps also the tiles of "
            "these sections that have other ids, replace empties the stack first, fail refuses"
        },
    )
    close_stack = Boolean(
        load_default=True,
        metadata={"description": "set the output stack to COMPLETE at the end"},
    )


class ReplaceableStacks(UploadParameters):
    """How an output stack is treated, with the older way to say that it is emptied first."""

    delete_stack = Boolean(
        load_default=False,
        metadata={
            "description": "delete output stacks first, with all their sections: the same as "
            "existing replace"
        },
    )

    @validates_schema
    def deleting_is_replacing(self, data: dict[str, Any], **_: Any) -> None:
        """delete_stack and another way to treat stacks contradict each other."""
        if data["delete_stack"] and data["existing"] not in ("overwrite_z", "replace"):
            raise ValidationError(f"contradicts existing {data['existing']}", "delete_stack")


def chosen_policy(args: Mapping[str, Any]) -> str:
    """What `existing` and `delete_stack` say together."""
    return "replace" if args.get("delete_stack") else args["existing"]


def sections_of(
    tiles: Iterable[Json], transforms: Mapping[str, Json] | None = None
) -> list[Section]:
    """Tiles by z, ascending, each section with all shared transforms.

    Raises
    ------
    RenderModuleException
        Two tiles have one id.
    """
    by_z: dict[float, list[Json]] = {}
    seen: set[str] = set()
    for tile in tiles:
        if tile["tileId"] in seen:
            raise RenderModuleException(f"two tiles have the tileId {tile['tileId']}")
        seen.add(tile["tileId"])
        by_z.setdefault(float(tile["z"]), []).append(tile)
    return [Section(z, by_z[z], dict(transforms or {})) for z in sorted(by_z)]


def upload(
    render: renderapi.Render,
    stack: str,
    sections: Iterable[Section],
    version: StackVersion,
    existing: str,
    close: bool,
) -> list[dict[str, Any]]:
    """Write sections to a stack, which is opened once and closed once; z and tiles of each."""
    sections = list(sections)
    open_output(render, stack, version, existing)
    kept = KeptSections.beside(render, stack, [section.z for section in sections])
    for section in sections:
        kept.check(section)
    written = []
    for section in sections:
        new = len(section.tiles)
        if existing == "append":
            section = _joined(read_section(render, stack, section.z, missing_ok=True), section)
        write_section(render, stack, section)
        written.append({"z": section.z, "tiles": new})
    if close:
        renderapi.stack.set_stack_state(stack, "COMPLETE", render=render)
    return written


def _joined(old: Section, new: Section) -> Section:
    """Tiles of both; of one id the new one counts. A transform keeps its meaning."""
    for key in old.transforms.keys() & new.transforms.keys():
        if not same_transform(old.transforms[key], new.transforms[key]):
            raise RenderModuleException(
                f"section z={new.z:g} has another shared transform {key} already: "
                "write to another stack, or give existing replace"
            )
    tiles = {tile["tileId"]: tile for tile in (*old.tiles, *new.tiles)}
    return Section(new.z, list(tiles.values()), old.transforms | new.transforms)
