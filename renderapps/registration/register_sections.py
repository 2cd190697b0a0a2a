"""Register one section to another one by a single transform, fitted to the matches between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from argschema.fields import Boolean, Float, Str
from marshmallow.validate import OneOf

from renderapi.errors import RenderError
from renderapi.transform.slices import TileTransforms
from renderapps.module import (
    ParallelParameters,
    RenderModuleException,
    RenderParameters,
    Section,
    parameter,
)
from renderapps.module.fitting import LINEAR, Placement, fit_points
from renderapps.module.output_parameters import OutputStackParameters
from renderapps.module.section_module import chosen_zs
from renderapps.module.section_table import section_table
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import Json
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    PointSpaceParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)
from renderapps.registration.cross_matches import CrossMatches, require_matches
from renderapps.registration.fit_parameters import FitParameters, fit_rules
from renderapps.registration.placed_stack import PlacedStackModule, Planned
from renderapps.stack.consolidate_render_transforms import consolidate, drop_unused, listed


class ModelName(Str):
    """Name of a transform, in any case: Affine and affine are the same."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        return super()._deserialize(value, attr, data, **kwargs).lower()


class RegisterSectionsParameters(
    FitParameters,
    PointSpaceParameters,
    MatchOwnerParameters,
    OutputStackParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of register_sections."""

    reference_stack = parameter(Str, "stack that stays as it is")
    moving_stack = parameter(Str, "stack of the section to register")
    output_stack = parameter(
        Str,
        "stack to write the registered section to; its other sections stay",
        aliases=["outputStack"],
    )
    match_collection = parameter(
        Str, "matches between the two sections", aliases=["matchCollection", "matchcollection"]
    )
    reference_z = parameter(Float, "section to register to")
    moving_z = parameter(Float, "section to register; it keeps its z")
    transform_type = parameter(
        ModelName,
        "transform to fit",
        default="affine",
        aliases=["registration_model", "transformType"],
        validate=OneOf(LINEAR),
    )
    consolidate_transforms = parameter(
        Boolean,
        "multiply runs of affine transforms in the lists of the tiles into one",
        default=False,
    )


class RegisterSections(PlacedStackModule):
    """The fit leads from the world of the moving section to that of the reference.

    It is appended to every tile of the section, also to those without a match. All matches between
    tiles of the two sections take part, by their weights.
    """

    default_schema = RegisterSectionsParameters
    source = "moving_stack"
    reference = "reference_stack"
    output_role = "output_stack"
    like = "moving_stack"

    def check_stacks(self) -> None:
        """A section may be registered to another one of its own stack, in place."""
        names = [self.args[role] for role in (self.source, self.reference)]
        if names[0] == names[1] and self.args["reference_z"] == self.args["moving_z"]:
            raise RenderModuleException(
                f"moving_z: section z={self.args['moving_z']:g} of stack {names[0]} is also the "
                "reference"
            )
        if not (self.args["in_place"] and names[0] == names[1]):
            super().check_stacks()

    def select_zs(self) -> list[float]:
        """The moving section."""
        z, stack = self.args["moving_z"], self.z_stack
        return chosen_zs(stack_zs(self.render, stack), [z], None, None, f"stack {stack}")

    def prepare(self) -> None:
        """Check the reference and the collection."""
        owner, collection = owner_of_matches(self), self.args["match_collection"]
        p_groups_of(self.render, owner, collection)
        self.local, _ = recorded_transforms(
            self.render, owner, collection, self.args["local_transforms"]
        )
        stack, z = self.args["reference_stack"], self.args["reference_z"]
        chosen_zs(stack_zs(self.render, stack), [z], None, None, f"stack {stack}")
        table = section_table(self.render, stack)
        only = frozenset([z])
        self.matches = CrossMatches(self.render, owner, collection, stack, table, self.local, only)

    def plan(self, section: Section) -> Planned:
        """One fit for all tiles."""
        targets, missing = self.matches.of(section)
        require_matches(targets, self.args["match_collection"], self.args["reference_stack"])
        sources, worlds, weights = [], [], []
        unusable: dict[str, str] = {}
        for tile in section.tiles:
            row = targets[tile["tileId"]]
            if not len(row.weights):
                continue
            try:
                transforms = TileTransforms(tile, section.transforms)
                sources.append(transforms.forward(row.points, self.local))
            except RenderError as error:
                unusable[tile["tileId"]] = str(error)
                continue
            worlds.append(row.world)
            weights.append(row.weights)
        if not sources:
            raise RenderModuleException(next(iter(unusable.values())))
        points, world = np.concatenate(sources), np.concatenate(worlds)
        (fit,) = fit_points([points], [world], fit_rules(self.args), [np.concatenate(weights)])
        if fit.spec is None:
            raise RenderModuleException(f"the section cannot be registered: {fit.reason}")
        places = {tile["tileId"]: (section.z, dict(fit.spec)) for tile in section.tiles}
        entry: Json = {
            "fit": fit.report() | {"transform": dict(fit.spec)},
            "tiles_with_matches": len(sources),
            "without_reference_tile": sorted(missing),
            "unusable_tiles": [{"tileId": t, "reason": r} for t, r in unusable.items()],
        }
        return Planned(places, entry)

    def place(self, section: Section, how: Mapping[str, Any]) -> Section:
        """All tiles with the fit at the end of their lists."""
        for tile in section.tiles:
            Placement(None).put(tile, how[tile["tileId"]])
            if self.args["consolidate_transforms"]:
                specs = consolidate(listed(tile["transforms"]), section.transforms)
                tile["transforms"] = {"type": "list", "specList": specs}
        drop_unused(section)
        return section

    def finish(self, sections: list[Json]) -> Json:
        """What pipelines read on."""
        return {"out_stack": self.args["output_stack"], "registered_z": self.args["moving_z"]}


if __name__ == "__main__":
    RegisterSections.main()
