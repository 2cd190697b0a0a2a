"""Align a stack as another one has been aligned to which it is registered."""

from __future__ import annotations

from argschema.fields import Int, Str
from marshmallow.validate import Range

from renderapps.module import parameter
from renderapps.module.fitting import Placement
from renderapps.registration.registered_stack import (
    RegisteredStackModule,
    RegisteredStackParameters,
)


class ApplyAlignmentFromRegisteredStackParametersBase(RegisteredStackParameters):
    """Parameters of the alignment of one stack or of several."""

    prealigned_stack = parameter(
        Str, "reference before its alignment, in the space of source_stack"
    )
    postaligned_stack = parameter(Str, "the same tiles after the alignment")
    num_local_transforms = parameter(
        Int,
        "number of leading transforms (lens correction) of each tile to keep; the fitted one "
        "takes the place of all others",
        default=0,
        aliases=["local_transforms"],
        validate=Range(min=0),
    )


class ApplyAlignmentFromRegisteredStackParameters(ApplyAlignmentFromRegisteredStackParametersBase):
    """Parameters of apply_alignment_transform_from_registered_stack."""

    source_stack = parameter(Str, "stack to align", aliases=["input_stack"])
    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])


class ApplyAlignmentFromRegisteredStack(RegisteredStackModule):
    """One transform for each tile, from its pixels to where the reference below them has gone."""

    default_schema = ApplyAlignmentFromRegisteredStackParameters
    inputs = ("source_stack", "prealigned_stack", "postaligned_stack")

    def placement(self) -> Placement:
        """After the local transforms, in place of the others."""
        return Placement(self.args["num_local_transforms"])


if __name__ == "__main__":
    ApplyAlignmentFromRegisteredStack.main()
