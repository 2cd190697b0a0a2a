"""Express point matches in coordinates after (or before) the first transforms of their tiles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from argschema.fields import Boolean, Int, Str
from marshmallow.validate import Range

from renderapps.module import ParallelParameters, RenderModuleException, RenderParameters, parameter
from renderapps.module.section_table import section_table
from renderapps.pointmatch.match_edit import Edited, MatchEditModule, WrittenMatchesParameters
from renderapps.pointmatch.match_points import Ends, GroupTiles, Tiles, edited_pairs, tile_of
from renderapps.pointmatch.pair_matches import Floats, PairMatches, Tile


class MapPointMatchForwardParameters(
    WrittenMatchesParameters, ParallelParameters, RenderParameters
):
    """Parameters of map_pointmatch_forward."""

    stack = parameter(Str, "stack whose tiles have the transforms", aliases=["input_stack"])
    src_matchcollection = parameter(
        Str, "match collection to read", aliases=["input_collection", "input_matchcollection"]
    )
    dst_matchcollection = parameter(
        Str, "match collection to write", aliases=["output_collection", "output_matchcollection"]
    )
    num_transforms = parameter(
        Int, "how many transforms to apply to the points", default=1, validate=Range(min=1)
    )
    inverse = parameter(
        Boolean,
        "undo the last num_transforms of those that the points are stored after",
        default=False,
    )


class MapPointMatchForward(MatchEditModule):
    """Points stored after k transforms of each tile come to be after k + num_transforms of them.

    k is `local_transforms`; 0, raw pixels, where nothing is recorded. Pairs of tiles that the stack
    does not have, or that have fewer transforms, are dropped and named; so are points that nothing
    leads back to.
    """

    default_schema = MapPointMatchForwardParameters
    inputs = ("src_matchcollection",)
    output_role = "dst_matchcollection"

    def output_local_transforms(self, recorded: int | None) -> int:
        """Those of the input and those that are applied."""
        self.start = recorded or 0
        step = self.args["num_transforms"]
        self.stop = self.start + (-step if self.args["inverse"] else step)
        if self.stop < 0:
            raise RenderModuleException(
                f"the points are after {self.start} transforms: {step} cannot be undone"
            )
        return self.stop

    def prepare(self) -> None:
        """Find the sections of the groups."""
        stack = self.args["stack"]
        self.groups = GroupTiles(self.render, stack, section_table(self.render, stack))

    def edit_matches(self, pairs: list[PairMatches]) -> Edited:
        """The pairs of one p group with their points moved."""
        return Edited(*edited_pairs(pairs, self.groups, self.mapped, with_points))

    def mapped(self, tiles: Tiles, name: Tile, points: Floats) -> Floats:
        """Points of a tile after the other number of transforms."""
        tile = tile_of(tiles, name, self.args["stack"])
        if self.stop > self.start:
            return tile.forward(points, self.start, self.stop)
        return tile.backward(points, self.stop, self.start)


def with_points(pair: PairMatches, ends: Ends) -> PairMatches | str:
    """A pair with other points, without those that are none; why not, where none is left."""
    p, q = ends
    there = np.isfinite(np.column_stack([p, q])).all(1).ravel()
    found = replace(pair, p=p, q=q)
    if there.all():
        return found
    return found.only(there) if there.any() else "no point of it leads back through the transforms"


if __name__ == "__main__":
    MapPointMatchForward.main()
