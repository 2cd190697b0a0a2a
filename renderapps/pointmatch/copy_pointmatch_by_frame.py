"""Copy matches of the tiles of one stack to the tiles of another that show the same frames."""

from __future__ import annotations

from argschema.fields import Str

import renderapi
from renderapps.module import ParallelParameters, RenderParameters, parameter
from renderapps.module.correspondence import (
    AUTO,
    CorrespondenceParameters,
    Rule,
    rule_of,
)
from renderapps.module.parallel import cpu_count
from renderapps.pointmatch.match_edit import WrittenMatchesParameters
from renderapps.pointmatch.pair_matches import Tile
from renderapps.pointmatch.rekeying import RekeyModule, TileNames


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


def find_corresponding_tile(
    render: renderapi.Render, section: str, input_id: str, input_stack: str, output_stack: str
) -> str | None:
    """Id of the tile of output_stack that shows the same frame as one of a section; None if none.

    By the rule `auto` of `renderapps.module.correspondence`.
    """
    found = TileNames(render, input_stack, output_stack, Rule(AUTO)).rename((section, input_id))
    return None if isinstance(found, str) else found[1]


def copy_point_matches_by_frame(
    render: renderapi.Render,
    input_collection: str,
    output_collection: str,
    input_stack: str,
    output_stack: str,
    pool_size: int = 20,
) -> None:
    """Run the module on a connection, with the defaults of its other parameters."""
    names = ("host", "port", "owner", "project")
    connection = {name: getattr(render, f"DEFAULT_{name.upper()}") for name in names}
    parameters = {
        "render": {name: value for name, value in connection.items() if value is not None},
        "input_matchcollection": input_collection,
        "output_matchcollection": output_collection,
        "input_stack": input_stack,
        "output_stack": output_stack,
        "pool_size": min(pool_size, cpu_count()),
    }
    CopyPointMatchesByFrame(input_data=parameters, args=[]).run()


if __name__ == "__main__":
    CopyPointMatchesByFrame.main()
