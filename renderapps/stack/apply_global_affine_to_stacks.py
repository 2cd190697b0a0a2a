"""Append one affine transform to every tile of several stacks, such as all sessions of a brain."""

from __future__ import annotations

from typing import Any

from argschema.fields import Str
from marshmallow.validate import Length

from renderapps.module import ManyStacksModule, SectionParameters, parameter
from renderapps.module.lists import Names
from renderapps.module.output_parameters import OutputStackParameters
from renderapps.module.stack_edit import ZSpellings
from renderapps.stack.affine import AffineNumbers
from renderapps.stack.apply_global_affine_to_stack import ApplyAffine


class ApplyAffineMultipleParameters(
    AffineNumbers, ZSpellings, OutputStackParameters, SectionParameters
):
    """Parameters of apply_global_affine_to_stacks."""

    input_stacks = parameter(Names, "stacks to read", aliases=["stacks"], validate=Length(min=1))
    output_prefix = parameter(
        Str,
        "name of each output: this and the name of the input; without it the stacks are edited in "
        "place",
        default=None,
        validate=Length(min=1),
    )


class ApplyAffineMultiple(ManyStacksModule):
    """`apply_global_affine_to_stack` on each stack: all of them change, or none does."""

    default_schema = ApplyAffineMultipleParameters
    of = ApplyAffine

    def parameters_of(self, stack: str) -> dict[str, Any]:
        """Parameters of `apply_global_affine_to_stack` for one stack."""
        own = ("input_stacks", "output_prefix", "input_json", "output_json", "in_place")
        prefix = self.args["output_prefix"]
        parameters = {name: value for name, value in self.args.items() if name not in own}
        parameters |= {"input_stack": stack, "in_place": prefix is None or self.args["in_place"]}
        return parameters | ({} if prefix is None else {"output_stack": prefix + stack})


if __name__ == "__main__":
    ApplyAffineMultiple.main()
