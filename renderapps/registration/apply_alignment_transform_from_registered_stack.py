"""Align a stack as another one has been aligned to which it is registered."""

from __future__ import annotations

from argschema.fields import Int, Str
from marshmallow.validate import Range

from renderapps.registration.fitting import Placement
from renderapps.registration.registered_stack import (
    RegisteredStackModule,
    RegisteredStackParameters,
)


class ApplyAlignmentFromRegisteredStackParametersBase(RegisteredStackParameters):
    """Parameters of the alignment of one stack or of several."""

    prealigned_stack = Str(
        required=True,
        metadata={"description": "reference before its alignment, in the space of source_stack"},
    )
    postaligned_stack = Str(
        required=True,
        metadata={"description": "the same tiles after the alignment"},
    )
    num_local_transforms = Int(
        load_default=0,
        validate=Range(min=0),
        metadata={
            "description": "number of leading transforms (lens correction) of each tile to keep; "
            "the fitted one takes the place of all others",
            "aliases": ["local_transforms"],
        },
    )


class ApplyAlignmentFromRegisteredStackParameters(ApplyAlignmentFromRegisteredStackParametersBase):
    """Parameters of apply_alignment_transform_from_registered_stack."""

    source_stack = Str(
        required=True,
        metadata={"description": "stack to align", "aliases": ["input_stack"]},
    )
    output_stack = Str(
        required=True, metadata={"description": "stack to make", "aliases": ["outputStack"]}
    )


class ApplyAlignmentFromRegisteredStack(RegisteredStackModule):
    """One transform for each tile, from its pixels to where the reference below them has gone."""

    default_schema = ApplyAlignmentFromRegisteredStackParameters
    inputs = ("source_stack", "prealigned_stack", "postaligned_stack")

    def placement(self) -> Placement:
        """After the local transforms, in place of the others."""
        return Placement(self.args["num_local_transforms"])


if __name__ == "__main__":
    ApplyAlignmentFromRegisteredStack.main()
