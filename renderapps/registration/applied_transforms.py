"""Give tiles the transforms of the tiles of an aligned stack that they correspond to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from argschema.fields import Boolean, Int, Str
from marshmallow import Schema
from marshmallow.validate import OneOf, Range

from renderapi.errors import SpecError
from renderapi.transform.slices import TileTransforms, entries_of
from renderapps.module import RenderModuleException, Section, TaskFailure, parameter
from renderapps.module.correspondence import (
    AUTO,
    RULES,
    CorrespondenceParameters,
    correspond,
    rule_of,
)
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import Json, read_section, shared_transform
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.registration.placed_stack import (
    PlacedStackModule,
    PlacedStackParameters,
    Planned,
    join,
)
from renderapps.stack.consolidate_render_transforms import drop_unused

MATCH_BY = (
    "what a tile and its aligned tile have in common: tileId (wherever in the aligned stack); in "
    "the same section frame (frameId, or the number in the name of the image), row_column "
    "(imageRow and imageCol), numeric_id (ids are whole numbers that differ by the same amount, "
    "less than id_tolerance), file_name (what the groups of file_pattern find in the name of the "
    "image); auto is the first of numeric_id, frame and row_column by which a tile has a partner"
)


def match_by_field(default: str) -> Str:
    """The parameter `match_by` with another default."""
    return parameter(
        Str, MATCH_BY, default=default, aliases=["matchBy"], validate=OneOf((AUTO, *RULES))
    )


def copy_z_field(default: bool) -> Boolean:
    """The parameter `copy_z` with a default."""
    return parameter(
        Boolean,
        "take also z from the aligned tile; with match_by tileId it may be another one",
        default=default,
    )


class ApplyTransformsParameters(CorrespondenceParameters, PlacedStackParameters):
    """What both modules have in common."""

    alignedStack = parameter(Str, "stack to take transforms from", aliases=["aligned_stack"])
    inputStack = parameter(Str, "stack whose images are wanted", aliases=["input_stack"])
    outputStack = parameter(Str, "stack to make", aliases=["output_stack"])
    keep_local_transforms = parameter(
        Int,
        "number of leading transforms (lens correction) that tiles keep of "
        "their own; the aligned tile's transforms after as many of its own follow",
        default=0,
        aliases=["num_local_transforms"],
        validate=Range(min=0),
    )


class ApplyTransformsModule(PlacedStackModule):
    """Tiles without a partner are left out, and named on both sides with the reason."""

    default_schema: type[Schema] = ApplyTransformsParameters
    source = "inputStack"
    reference = "alignedStack"
    output_role = "outputStack"
    like = "inputStack"

    def prepare(self) -> None:
        """Find the sections of the aligned stack."""
        self.aligned_zs = set(stack_zs(self.render, self.args["alignedStack"]))

    def plan(self, section: Section) -> Planned:
        """Partners of the tiles of a section."""
        partners, _, missing, unused = self.partners(section)
        keep = self.args["keep_local_transforms"]
        places = {}
        for tile in section.tiles:
            name = tile["tileId"]
            if name not in partners:
                continue
            try:
                for some in (tile, partners[name]):
                    TileTransforms(some).space(keep)
            except SpecError as error:
                missing[name] = str(error)
                continue
            z = partners[name]["z"] if self.args["copy_z"] else section.z
            places[name] = (float(z), None)
        entry = {"without_aligned_tile": _listed(missing), "unused_aligned_tiles": _listed(unused)}
        return Planned(places, entry)

    def partners(
        self, section: Section
    ) -> tuple[dict[str, Json], dict[str, Json], dict[str, str], dict[str, str]]:
        """Aligned tile of each tile, shared transforms, and tiles without one on both sides."""
        aligned, rule = self.args["alignedStack"], rule_of(self.args)
        here = read_section(self.render, aligned, section.z, missing_ok=True)
        if rule.by != "tileId":
            found = correspond(section.tiles, here.tiles, rule)
            partners = {name: dict(tile) for name, tile in found.partners.items()}
            return partners, here.transforms, dict(found.missing), dict(found.unused)
        wanted = set(section.tile_ids)
        there = {tile["tileId"]: tile for tile in here.tiles if tile["tileId"] in wanted}
        elsewhere = sorted(wanted - set(there))
        if elsewhere:
            there |= tiles_with_ids(self.render, aligned, elsewhere)
        reason = f"stack {aligned} has no tile of this id"
        missing = {name: reason for name in section.tile_ids if name not in there}
        return there, here.transforms, missing, {}

    def place(self, section: Section, how: Mapping[str, Any]) -> Section:
        """Tiles with the transforms of their partners."""
        keep = self.args["keep_local_transforms"]
        partners, transforms, _, _ = self.partners(section)
        own = Section(section.z, section.tiles, section.transforms)
        for tile in own.tiles:
            tile["transforms"] = {"type": "list", "specList": entries_of(tile)[:keep]}
        drop_unused(own)
        made = Section(section.z)
        join(made, own, "own")
        taken = [
            {"tileId": tile["tileId"], "transforms": self.rest_of(partners[tile["tileId"]])}
            for tile in own.tiles
        ]
        others = Section(section.z, taken, transforms)
        drop_unused(others)
        both = Section(section.z, [], made.transforms | (self.namesakes(others) if keep else {}))
        join(both, others, "aligned")
        for tile, aligned in zip(made.tiles, both.tiles, strict=True):
            tile["transforms"]["specList"] += entries_of(aligned)
        placed = Section(section.z, made.tiles, both.transforms)
        drop_unused(placed)
        return placed

    def namesakes(self, aligned: Section) -> dict[str, Json]:
        """Shared transforms of the input, in any section, with ids of those of aligned tiles."""
        found = {
            key: shared_transform(self.render, self.args["inputStack"], key)
            for key in aligned.transforms
        }
        return {key: spec for key, spec in found.items() if spec is not None}

    def rest_of(self, aligned: Json) -> Json:
        """Transforms of an aligned tile after its local ones."""
        entries = entries_of(aligned)[self.args["keep_local_transforms"] :]
        return {"type": "list", "specList": entries}

    def finish(self, sections: list[Json]) -> Json:
        """Sections and tiles of the aligned stack that have no counterpart."""
        zs = {entry["z"] for entry in sections}
        chosen = any(self.args[key] is not None for key in ("zs", "minZ", "maxZ"))
        if rule_of(self.args).by != "tileId":
            return {"aligned_zs_without_input": [] if chosen else sorted(self.aligned_zs - zs)}
        looked_at = sorted(self.aligned_zs & zs if chosen else self.aligned_zs)
        found = self.map_tasks(
            partial(_unused, self), looked_at, "looking for unused tiles", also_here=True
        )
        for result in found:
            if isinstance(result, TaskFailure):
                raise RenderModuleException(f"z={result.item:g}: {result.reason}")
        reason = f"stack {self.args['inputStack']} has no tile of this id"
        unused = {tile: reason for names in found for tile in names}
        return {"unused_aligned_tiles": _listed(unused)}

    def unused_at(self, z: float) -> list[str]:
        """Tiles of a section of the aligned stack whose ids the input does not have."""
        names = read_section(self.render, self.args["alignedStack"], z).tile_ids
        there = tiles_with_ids(self.render, self.args["inputStack"], names)
        return [name for name in names if name not in there]


def _unused(module: ApplyTransformsModule, z: float) -> list[str]:
    return module.unused_at(z)


def _listed(reasons: Mapping[str, str]) -> list[Json]:
    return [{"tileId": tile, "reason": reason} for tile, reason in reasons.items()]
