"""Align several stacks as a reference has been aligned to which they are registered."""

from __future__ import annotations

from typing import Any

from argschema.fields import Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

from renderapps.module import ManyStacksModule, parameter
from renderapps.module.lists import Names
from renderapps.registration.apply_alignment_transform_from_registered_stack import (
    ApplyAlignmentFromRegisteredStack,
    ApplyAlignmentFromRegisteredStackParametersBase,
)


class ApplyAlignmentFromRegisteredStacksParameters(ApplyAlignmentFromRegisteredStackParametersBase):
    """Parameters of apply_alignment_transform_from_registered_stacks."""

    registered_stacks = parameter(
        Names, "stacks to align", aliases=["source_stacks", "input_stacks"], validate=Length(min=1)
    )
    old_prefix = parameter(
        Str, "taken off the start of the name of a stack that begins with it", default=""
    )
    new_prefix = parameter(Str, "put before the rest of its name: that is the output", default="")

    @validates_schema
    def outputs_are_new(self, data: dict[str, Any], **_: Any) -> None:
        """Every output has a name of its own that is no input."""
        old, new = data["old_prefix"], data["new_prefix"]
        inputs = {*data["registered_stacks"], data["prealigned_stack"], data["postaligned_stack"]}
        outputs: dict[str, str] = {}
        for stack in dict.fromkeys(data["registered_stacks"]):
            name = output_name(stack, old, new)
            if not name:
                raise ValidationError(f"nothing is left of the name {stack}", "old_prefix")
            if name in inputs:
                raise ValidationError(
                    f"the output of {stack} would be {name}, which is an input", "new_prefix"
                )
            if name in outputs:
                raise ValidationError(
                    f"{outputs[name]} and {stack} would both become {name}", "old_prefix"
                )
            outputs[name] = stack


class ApplyAlignmentFromRegisteredStacks(ManyStacksModule):
    """`apply_alignment_transform_from_registered_stack` on each: all are aligned, or none is."""

    default_schema = ApplyAlignmentFromRegisteredStacksParameters
    of = ApplyAlignmentFromRegisteredStack

    def stacks(self) -> list[str]:
        """The stacks to align, once each."""
        return list(dict.fromkeys(self.args["registered_stacks"]))

    def parameters_of(self, stack: str) -> dict[str, Any]:
        """Parameters for one stack."""
        own = ("registered_stacks", "old_prefix", "new_prefix", "input_json", "output_json")
        parameters = {name: value for name, value in self.args.items() if name not in own}
        output = output_name(stack, self.args["old_prefix"], self.args["new_prefix"])
        return parameters | {"source_stack": stack, "output_stack": output}


def output_name(stack: str, old_prefix: str, new_prefix: str) -> str:
    """Name of the output; a prefix is taken off the start only.

    >>> output_name("REG_GFP_REG_2", "REG_", "ALIGNED_")
    'ALIGNED_GFP_REG_2'
    """
    return new_prefix + stack.removeprefix(old_prefix)


if __name__ == "__main__":
    ApplyAlignmentFromRegisteredStacks.main()
