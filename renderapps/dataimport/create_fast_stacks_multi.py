"""Import the statetable of an array tomography project: one multi-channel stack a session."""

from __future__ import annotations

from argschema.fields import Str
from marshmallow.validate import Length

from renderapps.dataimport.statetable import StateRow
from renderapps.dataimport.statetable_import import (
    StatetableImport,
    StatetableParameters,
)
from renderapps.dataimport.statetable_tiles import PlannedTile, per_session
from renderapps.module import parameter
from renderapps.module.output_parameters import ReplaceableStackParameters


class CreateFastStacksParameters(ReplaceableStackParameters, StatetableParameters):
    """Parameters of create_fast_stacks_multi."""

    reference_channel = parameter(
        Str,
        "part of the name of the channel that is shown and matched by default and that gives a "
        "tile its id and place",
        default="DAPI",
        validate=Length(min=1),
    )


class CreateFastStack(StatetableImport):
    """Stacks are called `{outputStackPrefix}Session{session}`; a tile has all channels of a frame.

    Files are those of create_fast_stacks; the tile JSON is in the folder of the reference channel.
    """

    default_schema = CreateFastStacksParameters

    def planned_tiles(self, rows: list[StateRow]) -> list[PlannedTile]:
        """One tile for each frame."""
        return per_session(rows, self.args["outputStackPrefix"], self.args["reference_channel"])


if __name__ == "__main__":
    CreateFastStack.main()
