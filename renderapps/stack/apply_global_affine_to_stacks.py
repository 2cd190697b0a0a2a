"""Append one affine transform to every tile of several stacks, such as all sessions of a brain."""

from __future__ import annotations

from typing import Any

from argschema.fields import Str
from marshmallow.validate import Length

from renderapps.module import RenderModule, RenderModuleException, SectionParameters
from renderapps.module.lists import Names
from renderapps.module.stack_edit import OutputStackParameters
from renderapps.module.tile_edit import ZSpellings
from renderapps.stack.affine import AffineNumbers, require_free_id
from renderapps.stack.apply_global_affine_to_stack import ApplyAffine


class ApplyAffineMultipleParameters(
    AffineNumbers, ZSpellings, OutputStackParameters, SectionParameters
):
    """Parameters of apply_global_affine_to_stacks."""

    input_stacks = Names(
        required=True,
        validate=Length(min=1),
        metadata={"description": "stacks to read", "aliases": ["stacks"]},
    )
    output_prefix = Str(
        allow_none=True,
        load_default=None,
        validate=Length(min=1),
        metadata={
            "description": "name of each output: this and the name of the input; without it the "
            "stacks are edited in place"
        },
    )


class ApplyAffineMultiple(RenderModule):
    """`apply_global_affine_to_stack` on each stack in turn; all are checked before the first."""

    default_schema = ApplyAffineMultipleParameters

    def run(self) -> None:
        """Edit the stacks one after the other, and report all that were done."""
        modules = [ApplyAffine(self.parameters_of(stack), args=[]) for stack in self.stacks()]
        for module in modules:
            module.select_zs()
            require_free_id(self.render, module.args["input_stack"], self.args["transformId"])
        done: list[dict[str, Any]] = []
        try:
            for module in modules:
                module.run()
                done.append(module.result or {})
        except Exception as error:
            self.output({"stacks": done})
            raise RenderModuleException(
                f"stack {module.args['input_stack']}: {error}; "
                f"{len(done)} of {len(modules)} stacks were done"
            ) from error
        self.output({"stacks": done})

    def stacks(self) -> list[str]:
        """The input stacks, once each."""
        return list(dict.fromkeys(self.args["input_stacks"]))

    def parameters_of(self, stack: str) -> dict[str, Any]:
        """Parameters of `apply_global_affine_to_stack` for one stack."""
        own = ("input_stacks", "output_prefix", "input_json", "output_json", "in_place")
        prefix = self.args["output_prefix"]
        parameters = {name: value for name, value in self.args.items() if name not in own}
        parameters |= {"input_stack": stack, "in_place": prefix is None or self.args["in_place"]}
        return parameters | ({} if prefix is None else {"output_stack": prefix + stack})


if __name__ == "__main__":
    ApplyAffineMultiple.main()
