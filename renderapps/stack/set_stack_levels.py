"""Set the display range (minimum and maximum intensity) of the tiles of a stack."""

from __future__ import annotations

from typing import Any

from argschema.fields import Str
from marshmallow import ValidationError, validates_schema

from renderapps.module import RenderModuleException, parameter
from renderapps.module.display_range import DisplayRangeParameters, range_holders, set_range
from renderapps.module.lists import Names
from renderapps.module.stack_edit import StackEditModule, StackEditParameters, ZSpellings
from renderapps.module.tile_documents import Section


class SetStackLevelsParameters(DisplayRangeParameters, ZSpellings, StackEditParameters):
    """Parameters of set_stack_levels."""

    stack = parameter(Str, "stack to edit", aliases=["input_stack", "inputStack"])
    output_stack = parameter(
        Str,
        "stack to make instead of editing the stack itself",
        default=None,
        aliases=["outputStack"],
    )
    channels = parameter(
        Names,
        "channels to set the range of",
        default=None,
        default_text="the tiles themselves and all their channels",
    )

    @validates_schema
    def some_range(self, data: dict[str, Any], **_: Any) -> None:
        """There is something to set."""
        low, high = data.get("minIntensity"), data.get("maxIntensity")
        if low is None and high is None:
            raise ValidationError("give minIntensity, maxIntensity, or both")


class SetStackLevels(StackEditModule):
    """Without `output_stack` the stack is edited in place; nobody sees it half done."""

    default_schema = SetStackLevelsParameters
    inputs = ("stack",)
    in_place_by_default = True
    moves_tiles = False

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with the given range on its tiles and channels."""
        (section,) = sections
        changed = 0
        for tile in section.tiles:
            holders = range_holders(tile, self.args["channels"])
            changed += bool(holders)
            for holder in holders:
                set_range(tile, holder, self.args["minIntensity"], self.args["maxIntensity"])
        if not changed:
            raise RenderModuleException(
                f"no tile of section z={section.z:g} has a channel "
                f"{' or '.join(self.args['channels'])}"
            )
        return section, {"changed_tiles": changed}


if __name__ == "__main__":
    SetStackLevels.main()
