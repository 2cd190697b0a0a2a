"""Place the tiles of each section by their point matches: regularised, robust least squares.

Every section is solved by itself. Pairs of tiles whose matches contradict the rest are rejected;
tiles without accepted matches keep the place they had; both are listed in the output JSON with the
residuals of all tiles and pairs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from argschema.fields import Float, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf, Range

import renderapi
from renderapi.matching.neighbours import group_of
from renderapi.resolvedtiles import ResolvedTiles
from renderapi.tilespec import TileSpec
from renderapps.module import RenderModuleException, StackEditModule, StackEditParameters
from renderapps.pointmatch.match_collection import MatchCollectionParameters, owner_of_matches

MODELS = ("translation", "rigid", "similarity", "affine")


class SolveMontageParameters(MatchCollectionParameters, StackEditParameters):
    """Parameters of the montage solver."""

    input_stack = Str(required=True, metadata={"description": "stack with the tiles as acquired"})
    output_stack = Str(
        allow_none=True,
        load_default=None,
        metadata={"description": "stack to make, with the tiles in their solved places"},
    )
    model = Str(
        load_default="translation",
        validate=OneOf(MODELS),
        metadata={"description": "how a tile may change"},
    )
    regularization = Float(
        load_default=1e-3,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "how strongly rotation, scale and shear are held at what they are now, "
            "against matches that weigh about 1 per pair of tiles; nothing to the translation model"
        },
    )
    minimum_tolerance = Float(
        load_default=0.75,
        validate=Range(min=0, min_inclusive=False),
        metadata={"description": "a pair whose residual is below this is never rejected, pixels"},
    )
    maximum_tolerance = Float(
        load_default=20.0,
        validate=Range(min=0, min_inclusive=False),
        metadata={
            "description": "a pair whose residual is above this is always rejected, pixels; in "
            "between the limit is three times the spread of the pairs that agree"
        },
    )
    local_transforms = Int(
        allow_none=True,
        load_default=None,
        validate=Range(min=0),
        metadata={
            "description": "number of leading transforms of a tile that its match points were "
            "stored after; they stay as they are (0: points are pixels of the stored image)",
            "default_text": "what the match collection says",
        },
    )

    @validates_schema
    def tolerances_in_order(self, data: dict[str, Any], **_: Any) -> None:
        """The bounds of the tolerance must leave something between them."""
        if data["minimum_tolerance"] > data["maximum_tolerance"]:
            raise ValidationError("is above maximum_tolerance", "minimum_tolerance")


class SolveMontage(StackEditModule):
    """Place the tiles of each section by their point matches."""

    default_schema = SolveMontageParameters
    inputs = ("input_stack",)
    output = "output_stack"

    def prepare(self) -> None:
        """Find out which coordinates the matches are in; the collection must exist."""
        self.owner = owner_of_matches(self)
        self.local_transforms = self.coordinates_of_matches()

    def coordinates_of_matches(self) -> int:
        """Number of transforms the points were stored after: given or recorded, never guessed."""
        collection, given = self.args["matchCollection"], self.args["local_transforms"]
        collections = renderapi.pointmatch.get_matchcollections(
            owner=self.owner, render=self.render
        )
        if collection not in {entry["collectionId"]["name"] for entry in collections}:
            raise RenderModuleException(
                f"owner {self.owner} has no match collection {collection}; check the name, "
                "or make it with pointmatch.generate_point_matches"
            )
        recorded = renderapi.pointmatch.get_collection_metadata(
            collection, owner=self.owner, render=self.render
        ).get("local_transforms")
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

    def edit(self, sections: tuple[ResolvedTiles, ...]) -> tuple[ResolvedTiles, dict[str, Any]]:
        """Solve one section."""
        import numpy as np

        from renderapps.stitching import montage
        from renderapps.stitching.solving import solve

        (section,) = sections
        tiles, references = section.tilespecs, section.transforms
        links = montage.links_from_matches(
            self.section_matches(tiles), tiles, references, self.local_transforms
        )
        corners = np.stack([montage.world_corners(tile, references) for tile in tiles])
        solution = solve(
            corners,
            links,
            self.args["model"],
            regularization=self.args["regularization"],
            minimum_tolerance=self.args["minimum_tolerance"],
            maximum_tolerance=self.args["maximum_tolerance"],
        )
        solved = [
            montage.moved_tile(tile, change, self.local_transforms)
            for tile, change in zip(tiles, solution.changes, strict=True)
        ]
        report = montage.section_report(tiles, links, solution)
        for tile, move in zip(tiles, montage.moves(corners, solution.changes), strict=True):
            report["tiles"][tile.tileId]["moved"] = move.round(4).tolist()
        return ResolvedTiles(tilespecs=solved, transformList=references), report

    def section_matches(self, tiles: Sequence[TileSpec]) -> list[dict[str, Any]]:
        """Stored matches between tiles of one z, whose sections are groups of the collection."""
        groups = sorted({group_of(tile.layout.sectionId, tile.z) for tile in tiles})
        where = {"owner": self.owner, "render": self.render}
        collection = self.args["matchCollection"]
        found: list[dict[str, Any]] = []
        for group in groups:
            found += renderapi.pointmatch.get_matches_within_group(collection, group, **where)
        for one, other in combinations(groups, 2):
            found += renderapi.pointmatch.get_matches_from_group_to_group(
                collection, one, other, **where
            )
        return found


if __name__ == "__main__":
    SolveMontage.main()
