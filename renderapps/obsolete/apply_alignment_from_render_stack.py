"""Align a stack as a reference was: the old name of a module of `registration`."""

from __future__ import annotations

from argschema.fields import Int, Str
from marshmallow.validate import Range

from renderapps.module import parameter
from renderapps.registration import apply_alignment_transform_from_registered_stack as twin
from renderapps.registration.registered_stack import RegisteredStackParameters


class ApplyAlignmentFromRenderStackParameters(RegisteredStackParameters):
    """Parameters of apply_alignment_from_render_stack."""

    prealignedStack = parameter(Str, "reference before its alignment", aliases=["prealigned_stack"])
    postalignedStack = parameter(
        Str, "the same tiles after the alignment", aliases=["postaligned_stack"]
    )
    inputStack = parameter(Str, "stack to align", aliases=["source_stack", "input_stack"])
    outputStack = parameter(Str, "stack to make", aliases=["output_stack"])
    num_local_transforms = parameter(
        Int,
        "number of leading transforms (lens correction) of each tile to keep",
        default=0,
        validate=Range(min=0),
        aliases=["local_transforms"],
    )


class ApplyAlignmentFromRenderStack(twin.ApplyAlignmentFromRegisteredStack):
    """The same work, with a transform fitted to each tile in place of one for each section."""

    default_schema = ApplyAlignmentFromRenderStackParameters
    inputs = ("inputStack", "prealignedStack", "postalignedStack")
    outputs = ("outputStack",)


if __name__ == "__main__":
    ApplyAlignmentFromRenderStack.main()
