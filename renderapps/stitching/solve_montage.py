"""Place the tiles of each section by their point matches: regularised, robust least squares.

Every section is solved by itself. A pair of tiles is rejected where its matches contradict others
around a cycle. Tiles without accepted matches, and groups of tiles that no match connects with the
rest, are placed by a model of how the stage errs, which is fitted to the other tiles. The output
JSON tells of every tile what placed it, and of every pair what was thought of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Float, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

from renderapps.module import (
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.module.effort import ALWAYS
from renderapps.pointmatch.match_collection import MatchCollectionParameters, owner_of_matches

if TYPE_CHECKING:
    import numpy as np

    from renderapps.alignment.solving import Solution
    from renderapps.alignment.stage_model import StageModel
    from renderapps.alignment.volume import Volume

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
    robust_points = parameter(
        Boolean,
        "let points that depart from what the others of their pair have in common, by more than "
        "half of minimum_tolerance and than they scatter, count less or not at all; false: all "
        "count by their weights",
        default=True,
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
    effort = ALWAYS

    def prepare(self) -> None:
        """Find out which coordinates the matches are in; the collection must exist."""
        from renderapps.alignment.stored_matches import find_collection

        owner, name = owner_of_matches(self), self.args["matchCollection"]
        given = self.args["local_transforms"]
        self.collection = find_collection(self.render, owner, name, 1.0, given)
        self.stage = self.stage_of_stack() if self.args["stage_model"] == "stack" else None

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """Solve one section."""
        from renderapps.alignment.models import apply_changes
        from renderapps.alignment.placing import place
        from renderapps.alignment.section_tiles import with_map
        from renderapps.stitching import montage_report

        (section,) = sections
        volume, solution = self.solved(section)
        corners, names = volume.corners, volume.names
        placed = place(
            solution, corners, self.args["model"], self.stage_for(), self.args["whole_pixels"]
        )
        report = montage_report.section_report(names, volume.moments, solution, placed)
        centres = solution.centres
        moves = apply_changes(placed.changes, centres) - centres
        for k, tile in enumerate(section.tiles):
            report["tiles"][names[k]]["moved"] = moves[k].round(4).tolist()
            section.tiles[k] = with_map(
                tile,
                section.transforms,
                self.collection.after,
                solution.model,
                placed.terms[k],
                centres[k],
                float(solution.sizes[k]),
            )
        for warning in report["warnings"]:
            self.logger.warning("z = %g: %s", section.z, warning)
        return section, report

    def solved(self, section: Section) -> tuple[Volume, Solution]:
        """The tiles of a section and their matches as a problem, and what they say."""
        from renderapps.alignment.point_trust import OF_TOLERANCE
        from renderapps.alignment.section_tiles import SectionTiles
        from renderapps.alignment.solving import Rules
        from renderapps.alignment.tile_problem import Stiffness
        from renderapps.alignment.volume import TILES, Weighting, make_volume, read_matches

        tiles = [SectionTiles.of(section)]
        matches = read_matches(self.render, [self.collection], tiles)
        least = OF_TOLERANCE * self.args["minimum_tolerance"]
        tolerance = least if self.args["robust_points"] else None
        volume = make_volume(
            tiles, matches, TILES, self.args["model"], Weighting(), point_tolerance=tolerance
        )
        rules = Rules(
            Stiffness(shape=self.args["regularization"]),
            minimum_tolerance=self.args["minimum_tolerance"],
            maximum_tolerance=self.args["maximum_tolerance"],
        )
        return volume, volume.solved(rules)

    def stage_for(self) -> StageModel | None:
        """The model that places the unconnected; None: what the section itself tells."""
        from renderapps.alignment.stage_model import unmoved

        return unmoved() if self.args["stage_model"] == "none" else self.stage

    def stage_of_stack(self) -> StageModel:
        """How the stage errs, by the tiles of all sections that are worked on."""
        from renderapps.alignment.placing import stage_of_sections

        def parts() -> Iterator[tuple[np.ndarray, Solution]]:
            for z in self.select_zs():
                volume, solution = self.solved(self.read(self.input_stacks[0], z))
                yield volume.corners, solution

        return stage_of_sections(parts())


if __name__ == "__main__":
    SolveMontage.main()
