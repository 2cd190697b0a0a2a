"""Give sections of a stack other z values, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from argschema.fields import Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf

from renderapps.module import parameter
from renderapps.module.lists import Numbers
from renderapps.module.output_parameters import EXISTING, EXISTING_TEXT, ReplacingParameters
from renderapps.module.stack_edit import TileEditParameters
from renderapps.stack.remapping import RemapModule, SectionIdParameters


class RemapZsParameters(ReplacingParameters, SectionIdParameters, TileEditParameters):
    """Parameters of remap_zs. `zs` does not choose: it says all that the output will have."""

    choosing = ()
    existing = parameter(
        Str,
        EXISTING_TEXT,
        default=None,
        default_text="replace, so that running again with other sections equals running once",
        validate=OneOf(EXISTING),
    )
    zs = parameter(Numbers, "z values to change", aliases=["zValues"], validate=Length(min=1))
    new_zs = parameter(
        Numbers, "the z that each of them becomes, in the same order", aliases=["new_zValues"]
    )

    @validates_schema
    def pairs(self, data: dict[str, Any], **_: Any) -> None:
        """Every z has one new z."""
        if len(data["zs"]) != len(data["new_zs"]):
            raise ValidationError(
                f"there are {len(data['zs'])} zs and {len(data['new_zs'])} new_zs", "new_zs"
            )
        if len(set(data["zs"])) < len(data["zs"]):
            raise ValidationError("a z is named twice", "zs")
        if len(set(data["new_zs"])) < len(data["new_zs"]):
            raise ValidationError("a new z is named twice", "new_zs")


class RemapZs(RemapModule):
    """Out of place the output holds the sections that are named and no others, unless `existing` is
    overwrite_z (so that it can be filled by several runs); in place the others stay.

    A new z may be the old one of another section that is named, so sections can change places.
    """

    default_schema = RemapZsParameters

    def new_zs(self, zs: Sequence[float]) -> list[float]:
        """The new z of each section, as given."""
        pairs = dict(zip(self.args["zs"], self.args["new_zs"], strict=True))
        return [pairs[z] for z in zs]


if __name__ == "__main__":
    RemapZs.main()
