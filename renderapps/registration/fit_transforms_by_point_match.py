"""Place the tiles of a stack by fitting a transform to the matches of each with another stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from argschema.fields import Boolean, Int, Str
from marshmallow.validate import Range

from renderapi.errors import SpecError
from renderapps.module import Section, parameter
from renderapps.module.fitting import Fit, Placement, fit_points
from renderapps.module.section_table import section_table
from renderapps.pointmatch.match_collection import (
    MatchOwnerParameters,
    owner_of_matches,
    p_groups_of,
    recorded_transforms,
)
from renderapps.registration.cross_matches import CrossMatches, Targets
from renderapps.registration.fit_parameters import FitParameters, fit_rules
from renderapps.registration.placed_stack import (
    PlacedStackModule,
    PlacedStackParameters,
    Planned,
)
from renderapps.stack.consolidate_render_transforms import drop_unused


class FitTransformsByPointMatchParameters(
    FitParameters, MatchOwnerParameters, PlacedStackParameters
):
    """Parameters of fit_transforms_by_point_match."""

    dst_stack = parameter(Str, "stack that is already in the wanted space")
    src_stack = parameter(Str, "stack to bring over", aliases=["input_stack"])
    output_stack = parameter(
        Str, "stack to make, with the resolution of dst_stack", aliases=["outputStack"]
    )
    matchcollection = parameter(
        Str,
        "matches between tiles of the two stacks",
        aliases=["matchCollection", "match_collection"],
    )
    num_local_transforms = parameter(
        Int,
        "number of leading transforms of each tile that its matches are stored "
        "after; tiles of src_stack keep these",
        aliases=["local_transforms"],
        validate=Range(min=0),
    )
    dst_local_transforms = parameter(
        Int,
        "the same for the tiles of dst_stack",
        default=None,
        default_text="num_local_transforms",
        validate=Range(min=0),
    )
    setz = parameter(
        Boolean, "take z from dst_stack: that at which most of a tile's points lie", default=True
    )


class FitTransformsByPointMatch(PlacedStackModule):
    """The fit leads from a tile's pixels behind its local transforms to the world of dst_stack.

    Points of weight 0 take no part, the others count by their weights. Tiles that nothing can be
    fitted to are left out and named, as are tiles that dst_stack lacks.
    """

    default_schema = FitTransformsByPointMatchParameters
    source = "src_stack"
    reference = "dst_stack"
    output_role = "output_stack"
    like = "dst_stack"

    def prepare(self) -> None:
        """Check the collection, find the sections of the other stack."""
        owner, collection = owner_of_matches(self), self.args["matchcollection"]
        p_groups_of(self.render, owner, collection)
        count = self.args["num_local_transforms"]
        recorded_transforms(self.render, owner, collection, count)
        there = self.args["dst_local_transforms"]
        stack = self.args["dst_stack"]
        self.matches = CrossMatches(
            self.render,
            owner,
            collection,
            stack,
            section_table(self.render, stack),
            count if there is None else there,
        )

    def plan(self, section: Section) -> Planned:
        """Fits to the matches of the tiles of a section."""
        placement = Placement(self.args["num_local_transforms"])
        targets, missing = self.matches.of(section)
        rows = [targets[tile["tileId"]] for tile in section.tiles]
        found = fit_points(
            [row.points for row in rows],
            [row.world for row in rows],
            fit_rules(self.args),
            [row.weights for row in rows],
        )
        places, fits, dropped = {}, [], []
        for tile, row, fit in zip(section.tiles, rows, found, strict=True):
            entry = {"tileId": tile["tileId"]} | _checked(tile, fit, placement).report()
            if "reason" in entry or fit.spec is None:
                dropped.append(entry)
                continue
            z = self.z_of(row, section.z)
            places[tile["tileId"]] = (z, dict(fit.spec))
            fits.append(entry | {"z": z})
        lost = [{"tileId": tile, "reason": reason} for tile, reason in sorted(missing.items())]
        return Planned(places, {"fits": fits, "not_fitted": dropped, "without_dst_tile": lost})

    def z_of(self, row: Targets, own: float) -> float:
        """z of a tile in the output."""
        return row.z(own) if self.args["setz"] else own

    def place(self, section: Section, how: Mapping[str, Any]) -> Section:
        """The tiles with their fits behind their local transforms."""
        placement = Placement(self.args["num_local_transforms"])
        for tile in section.tiles:
            placement.put(tile, how[tile["tileId"]])
        drop_unused(section)
        return section


def _checked(tile: Mapping[str, Any], fit: Fit, placement: Placement) -> Fit:
    """The fit, or why a tile has no place for it."""
    try:
        placement.space(tile)
    except SpecError as error:
        return Fit(None, fit.points, fit.outliers, reason=str(error))
    return fit


if __name__ == "__main__":
    FitTransformsByPointMatch.main()
