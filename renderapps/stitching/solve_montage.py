"""Place the tiles of each section by their point matches: regularised, robust least squares.

Every section is solved by itself. A pair of tiles is rejected where its matches contradict others
around a cycle. Tiles without accepted matches, and groups of tiles that no match connects with the
rest, are placed by a model of how the stage errs, which is fitted to the other tiles. The output
JSON tells of every tile what placed it, and of every pair what was thought of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Float, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapi.matching.neighbours import group_of
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.pointmatch.match_collection import MatchCollectionParameters, owner_of_matches

if TYPE_CHECKING:
    import numpy as np

    from renderapps.alignment.solving import Link, Solution
    from renderapps.alignment.stage_model import StageModel

MODELS = ("translation", "rigid", "similarity", "affine")


class SolveMontageParameters(MatchCollectionParameters, StackEditParameters):
    """Parameters of the montage solver."""

    input_stack = parameter(Str, "stack with the tiles as acquired")
    output_stack = parameter(
        Str, "stack to make, with the tiles in their solved places", default=None
    )
    model = parameter(Str, "how a tile may change", default="translation", validate=OneOf(MODELS))
    regularization = parameter(
        Float,
        "how strongly rotation, scale and shear are held at what they are now, against matches "
        "that weigh about 1 per pair of tiles; nothing to the translation model",
        default=1e-3,
        validate=Range(min=0, min_inclusive=False),
    )
    minimum_tolerance = parameter(
        Float,
        "a pair that misses by less than this is never rejected, pixels",
        default=0.75,
        validate=Range(min=0, min_inclusive=False),
    )
    maximum_tolerance = parameter(
        Float,
        "a pair that misses by more than this and is not the only connection of its two sides is "
        "rejected, pixels; in between the limit is three times the spread of the pairs that agree",
        default=20.0,
        validate=Range(min=0, min_inclusive=False),
    )
    stage_model = parameter(
        Str,
        "what places tiles and groups that no match connects with the rest: a linear model of the "
        "stage's error fitted to the section's other tiles, or to those of all sections; none: "
        "they stay where the stage was",
        default="section",
        validate=OneOf(("section", "stack", "none")),
    )
    whole_pixels = parameter(
        Boolean,
        "bring the common shift of a translation montage, which nothing else determines, onto "
        "whole pixels",
        default=True,
    )
    local_transforms = parameter(
        Int,
        "number of leading transforms of a tile that its match points were stored after; they "
        "stay as they are (0: points are pixels of the stored image)",
        default=None,
        default_text="what the match collection says",
        validate=Range(min=0),
    )

    @validates_schema
    def tolerances_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The bounds of the tolerance must leave something between them."""
        if data["minimum_tolerance"] > data["maximum_tolerance"]:
            raise ValidationError("is above maximum_tolerance", "minimum_tolerance")


class SolveMontage(StackEditModule):
    """Place the tiles of each section by their point matches."""

    default_schema = SolveMontageParameters
    few_tiles = 0

    def prepare(self) -> None:
        """Find out which coordinates the matches are in; the collection must exist."""
        self.owner = owner_of_matches(self)
        self.local_transforms = self.coordinates_of_matches()
        self.stage = self.stage_of_stack() if self.args["stage_model"] == "stack" else None

    def coordinates_of_matches(self) -> int:
        """Number of transforms the points were stored after: given or recorded, never guessed.

        A collection that is recorded and holds nothing is that of a run that found no matches.
        """
        collection, given = self.args["matchCollection"], self.args["local_transforms"]
        collections = renderapi.pointmatch.get_matchcollections(
            owner=self.owner, render=self.render
        )
        recorded = renderapi.pointmatch.get_collection_metadata(
            collection, owner=self.owner, render=self.render
        ).get("local_transforms")
        self.stored = collection in {entry["collectionId"]["name"] for entry in collections}
        if not self.stored and recorded is None:
            raise RenderModuleException(
                f"owner {self.owner} has no match collection {collection}; check the name, "
                "or make it with pointmatch.generate_point_matches"
            )
        if given is None and recorded is None:
            raise RenderModuleException(
                f"match collection {collection} does not say which coordinates its points are in: "
                "give local_transforms"
            )
        if None not in (given, recorded) and given != recorded:
            raise RenderModuleException(
                f"local_transforms is {given}, but the points of match collection {collection} "
                f"were stored after {recorded} transforms"
            )
        return recorded if given is None else given

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """Solve one section."""
        from renderapps.alignment.placing import place
        from renderapps.stitching import montage, montage_report

        (section,) = sections
        resolved = section.resolved()
        tiles = resolved.tilespecs
        corners, links, solution = self.solved(resolved)
        placed = place(
            solution, corners, self.args["model"], self.stage_for(), self.args["whole_pixels"]
        )
        result = [
            montage.moved_tile(tile, change, self.local_transforms)
            for tile, change in zip(tiles, placed.changes, strict=True)
        ]
        names = [tile.tileId for tile in tiles]
        report = montage_report.section_report(names, links, solution, placed)
        for name, move in zip(names, montage.moves(corners, placed.changes), strict=True):
            report["tiles"][name]["moved"] = move.round(4).tolist()
        for warning in report["warnings"]:
            self.logger.warning("z = %g: %s", tiles[0].z, warning)
        return section.with_tilespecs(result), report

    def solved(self, section: ResolvedTiles) -> tuple[np.ndarray, list[Link], Solution]:
        """Corners of the tiles of a section in the world, their links, and what these say."""
        from renderapps.alignment.solving import solve
        from renderapps.stitching import montage

        tiles, references = section.tilespecs, section.transforms
        links = montage.links_from_matches(
            self.section_matches(tiles), tiles, references, self.local_transforms
        )
        corners = montage.corners_of(tiles, references)
        solution = solve(
            corners,
            links,
            self.args["model"],
            regularization=self.args["regularization"],
            minimum_tolerance=self.args["minimum_tolerance"],
            maximum_tolerance=self.args["maximum_tolerance"],
        )
        return corners, links, solution

    def stage_for(self) -> StageModel | None:
        """The model that places the unconnected; None: what the section itself tells."""
        from renderapps.alignment.stage_model import unmoved

        return unmoved() if self.args["stage_model"] == "none" else self.stage

    def stage_of_stack(self) -> StageModel:
        """How the stage errs, by the tiles of all sections that are worked on."""
        from renderapps.alignment.placing import stage_of_sections

        stack = self.input_stacks[0]
        return stage_of_sections(
            self.solved(
                renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, z, render=self.render)
            )[::2]
            for z in self.select_zs()
        )

    def section_matches(self, tiles: Sequence[TileSpec]) -> list[dict[str, Any]]:
        """Stored matches between tiles of one z, whose sections are groups of the collection."""
        groups = sorted({group_of(tile.layout.sectionId, tile.z) for tile in tiles})
        where = {"owner": self.owner, "render": self.render}
        collection = self.args["matchCollection"]
        found: list[dict[str, Any]] = []
        if not self.stored:
            return found
        for group in groups:
            found += renderapi.pointmatch.get_matches_within_group(collection, group, **where)
        for one, other in combinations(groups, 2):
            found += renderapi.pointmatch.get_matches_from_group_to_group(
                collection, one, other, **where
            )
        return found


if __name__ == "__main__":
    SolveMontage.main()
