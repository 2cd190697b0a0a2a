"""Pool the matches that were found in several channels, as matches of the reference channel."""

from __future__ import annotations

import re
from typing import Any

from argschema.fields import Boolean, Int, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapps.module import ParallelParameters, RenderParameters, parameter
from renderapps.module.correspondence import CorrespondenceParameters, rule_of
from renderapps.module.lists import Names
from renderapps.pointmatch.match_edit import WrittenMatchesParameters
from renderapps.pointmatch.pair_matches import PairMatches, Tile, joined
from renderapps.pointmatch.rekeying import RekeyModule, TileNames

PATTERNS = ("tile_pattern", "group_pattern")


class ConsolidatePointMatchesAcrossChannelsParameters(
    CorrespondenceParameters, WrittenMatchesParameters, ParallelParameters, RenderParameters
):
    """Parameters of consolidate_pointmatches_across_channels."""

    input_collection_list = parameter(
        Names,
        "match collections of the channels, a list or a text with commas; the first one is that "
        "of the reference channel",
        aliases=["input_collections"],
        validate=Length(min=1),
    )
    output_collection = parameter(
        Str, "match collection to write", aliases=["output_matchcollection"]
    )
    reference_channel = parameter(
        Str,
        "name of the reference channel, which takes the place of what follows the first hyphen of "
        "the section ids of other channels (DAPI_1); needed unless input_stacks are given",
        default=None,
    )
    tile_pattern = parameter(
        Str,
        "regular expression; what it finds in a tileId of another channel is replaced by "
        "tile_replacement",
        default=".$",
    )
    tile_replacement = parameter(
        Str, "what it is replaced by; \\1 is the first group of the pattern", default="0"
    )
    group_pattern = parameter(
        Str,
        "regular expression; what it finds in a section id of another channel is replaced by a "
        "hyphen and reference_channel; ids in which it finds nothing stay",
        default="-.*$",
    )
    input_stacks = parameter(
        Names,
        "stacks of the tiles of the collections, in their order: tiles are then recognised in "
        "them by match_by, and not by patterns",
        default=None,
    )
    distinct_points = parameter(
        Boolean, "of points that are at the same places at both ends keep one", default=False
    )
    max_points = parameter(
        Int,
        "most points of a pair, those of the greatest weight, of equal ones by lot",
        default=None,
        default_text="all",
        validate=Range(min=1),
    )

    @validates_schema
    def one_way_of_naming(self, data: dict[str, Any], **_: Any) -> None:
        """Tiles are recognised by their names, or in stacks."""
        stacks, collections = data.get("input_stacks"), data.get("input_collection_list", [])
        if stacks is None and data.get("reference_channel") is None:
            raise ValidationError("missing: give it, or input_stacks", "reference_channel")
        if stacks is not None and data.get("reference_channel") is not None:
            raise ValidationError("not with reference_channel", "input_stacks")
        if stacks is not None and len(stacks) != len(collections):
            raise ValidationError(
                f"are {len(stacks)}, input_collection_list has {len(collections)}", "input_stacks"
            )

    @validates_schema
    def collections_differ(self, data: dict[str, Any], **_: Any) -> None:
        """A collection named twice would count twice."""
        names = data.get("input_collection_list", [])
        if len(set(names)) < len(names):
            raise ValidationError("names a collection twice", "input_collection_list")

    @validates_schema
    def patterns_are_such(self, data: dict[str, Any], **_: Any) -> None:
        """Regular expressions, and a replacement that refers to groups that there are."""
        for name in PATTERNS:
            try:
                pattern = re.compile(data[name])
            except re.error as error:
                raise ValidationError(f"not a regular expression: {error}", name) from error
            if name == "tile_pattern":
                try:
                    re.compile(f"(?:{pattern.pattern})|").sub(data["tile_replacement"], "")
                except (re.error, IndexError) as error:
                    raise ValidationError(f"{error}", "tile_replacement") from error


class ConsolidatePointMatchesAcrossChannels(RekeyModule):
    """The same place imaged in several channels gives one pair of tiles with the points of all.

    Points of other channels are taken as they are, so channels have to be registered within a tile;
    all collections have to be in the same coordinates (`local_transforms`). Pairs that only one
    collection has are in the output too.
    """

    default_schema = ConsolidatePointMatchesAcrossChannelsParameters
    inputs = ("input_collection_list",)

    def work_groups(self) -> list[str]:
        """The groups of the output, once the stacks, if any, are known."""
        stacks = self.args["input_stacks"]
        rule = rule_of(self.args)
        self.names = [
            TileNames(self.render, stack, stacks[0], rule) for stack in (stacks or [])[1:]
        ]
        return super().work_groups()

    def rename(self, collection: int, tile: Tile) -> Tile | str:
        """The tile of the reference channel."""
        if collection == 0:
            return tile
        if self.names:
            return self.names[collection - 1].rename(tile)
        (group,) = self.groups_after(collection, tile[0])
        args = self.args
        return group, re.sub(args["tile_pattern"], args["tile_replacement"], tile[1], count=1)

    def groups_after(self, collection: int, group: str) -> set[str]:
        """Sections of the reference channel."""
        if collection == 0:
            return {group}
        if self.names:
            return self.names[collection - 1].groups(group)
        suffix = f"-{self.args['reference_channel']}"
        return {re.sub(self.args["group_pattern"], lambda _: suffix, group, count=1)}

    def finished(self, pairs: list[PairMatches]) -> list[PairMatches]:
        """One for each pair of tiles, thinned as the parameters say."""
        found = joined(pairs)
        if self.args["distinct_points"]:
            found = [pair.distinct() for pair in found]
        most = self.args["max_points"]
        return found if most is None else [pair.at_most(most) for pair in found]


if __name__ == "__main__":
    ConsolidatePointMatchesAcrossChannels.main()
