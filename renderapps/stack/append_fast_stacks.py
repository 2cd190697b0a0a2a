"""Append the images of a statetable to the stacks of their channels, which may have tiles."""

from __future__ import annotations

from argschema.fields import Float, Str
from marshmallow.validate import OneOf

from renderapps.dataimport.statetable import StateRow
from renderapps.dataimport.statetable_import import StatetableImport, StatetableParameters
from renderapps.dataimport.statetable_tiles import PlannedTile, per_channel
from renderapps.module import parameter


class CreateFastStacksParameters(StatetableParameters):
    """Parameters of append_fast_stacks."""

    existing = parameter(
        Str,
        "what to do with a section that is there: append keeps its tiles that have other ids, "
        "overwrite_z replaces it",
        default="append",
        validate=OneOf(("append", "overwrite_z")),
    )
    maxIntensity = parameter(
        Float,
        "display maximum",
        default=None,
        default_text="65000 for 16 bit images, 255 for 8 bit images",
    )


class CreateFastStack(StatetableImport):
    """As create_fast_stacks, but never deletes a stack, and shows 16 bit images up to 65000.

    A stack that is not there yet is made.
    """

    default_schema = CreateFastStacksParameters
    default_maximum = 65000.0

    def planned_tiles(self, rows: list[StateRow]) -> list[PlannedTile]:
        """One tile for each image."""
        return per_channel(rows, self.args["outputStackPrefix"])


if __name__ == "__main__":
    CreateFastStack.main()
