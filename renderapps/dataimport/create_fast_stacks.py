"""Import the statetable of an array tomography project: one stack for each channel."""

from __future__ import annotations

from renderapps.dataimport.statetable import StateRow
from renderapps.dataimport.statetable_import import (
    StatetableImport,
    StatetableParameters,
)
from renderapps.dataimport.statetable_tiles import PlannedTile, per_channel
from renderapps.module.output_parameters import ReplaceableStackParameters


class CreateFastStacksParameters(ReplaceableStackParameters, StatetableParameters):
    """Parameters of create_fast_stacks."""


class CreateFastStack(StatetableImport):
    """Stacks are called `{outputStackPrefix}_{channel}`; tiles are where the stage was.

    8 bit mipmaps of every image go to `processed/downsamp_images/RIBBON/SESSION/CHANNEL`, the tiles
    also to JSON files in `processed/downsamp_tilespec/...`. Stacks are written when all mipmaps are
    there. Tables of single sections can be imported one after the other into the same stacks.
    """

    default_schema = CreateFastStacksParameters

    def planned_tiles(self, rows: list[StateRow]) -> list[PlannedTile]:
        """One tile for each image."""
        return per_channel(rows, self.args["outputStackPrefix"])


if __name__ == "__main__":
    CreateFastStack.main()
