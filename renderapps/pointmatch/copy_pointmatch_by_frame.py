"""Copy matches of the tiles of one stack to the tiles of another that show the same frames."""

from __future__ import annotations

from argschema.fields import Str

from renderapps.module import ParallelParameters, RenderParameters, parameter
from renderapps.pointmatch.match_edit import WrittenMatchesParameters
from renderapps.pointmatch.pair_matches import Tile
from renderapps.pointmatch.rekeying import RekeyModule, TileNames
from renderapps.registration.correspondence import CorrespondenceParameters, rule_of


class CopyPointMatchesByFrameParameters(
    CorrespondenceParameters, WrittenMatchesParameters, ParallelParameters, RenderParameters
):
    """Parameters of copy_pointmatch_by_frame."""

    input_matchcollection = parameter(
        Str,
        "match collection of the tiles of input_stack",
        aliases=["input_collection", "src_matchcollection"],
    )
    output_matchcollection = parameter(
        Str,
        "match collection to write, of the tiles of output_stack",
        aliases=["output_collection", "dst_matchcollection"],
    )
    input_stack = parameter(Str, "stack whose tiles are matched")
    output_stack = parameter(Str, "stack whose tiles the copy is for; it is not changed")


class CopyPointMatchesByFrame(RekeyModule):
    """Each end of a pair becomes the tile of output_stack that is the same by `match_by`.

    It is looked for in the section of the same name, or where output_stack has none in those at the
    same z. Points and weights stay. Pairs of which a tile has no partner are dropped and named.
    """

    default_schema = CopyPointMatchesByFrameParameters
    inputs = ("input_matchcollection",)
    output_role = "output_matchcollection"

    def work_groups(self) -> list[str]:
        """The groups of the output, by the sections of both stacks."""
        args = self.args
        self.names = TileNames(
            self.render, args["input_stack"], args["output_stack"], rule_of(args)
        )
        return super().work_groups()

    def rename(self, collection: int, tile: Tile) -> Tile | str:
        """The tile of output_stack."""
        return self.names.rename(tile)

    def groups_after(self, collection: int, group: str) -> set[str]:
        """Sections of output_stack."""
        return self.names.groups(group)


if __name__ == "__main__":
    CopyPointMatchesByFrame.main()
