"""Append to each tile a transform that carries it along with an aligned reference stack."""

from __future__ import annotations

from argschema.fields import Boolean, Str

from renderapps.module import parameter
from renderapps.module.fitting import Placement
from renderapps.registration.registered_stack import (
    RegisteredStackModule,
    RegisteredStackParameters,
)


class FitCrossRegisteredTransformParametersBase(RegisteredStackParameters):
    """Parameters of the reference and the fit."""

    ref_stack_shared_space = parameter(Str, "reference tiles in the shared space")
    ref_stack_dest_space = parameter(Str, "the same tiles in the destination space")
    one_transform_per_section = parameter(
        Boolean, "fit one transform to the points of all tiles of a section", default=False
    )


class FitCrossRegisteredTransformParameters(FitCrossRegisteredTransformParametersBase):
    """Parameters of fit_cross_registered_transform."""

    input_stack_src_space = parameter(Str, "stack to carry along", aliases=["input_stack"])
    input_stack_shared_space = parameter(
        Str,
        "the same tiles as they lie in the shared space",
        default=None,
        default_text="input_stack_src_space",
    )
    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])


class FitCrossRegisteredTransform(RegisteredStackModule):
    """The transforms of the tiles stay; the fitted one leads from their world to the destination.

    Where the tiles lie in the shared space only says which pixels of the reference they belong to.
    """

    default_schema = FitCrossRegisteredTransformParameters

    @property
    def input_stacks(self) -> list[str]:
        """The stack, its tiles in the shared space where that is another one, the references."""
        source, shared = (self.args[f"input_stack_{space}_space"] for space in ("src", "shared"))
        placed = [shared] if shared not in (None, source) else []
        references = [self.args[f"ref_stack_{space}_space"] for space in ("shared", "dest")]
        return [source, *placed, *references]

    def placement(self) -> Placement:
        """After all that the tiles have."""
        return Placement(None)

    def one_for_all(self) -> bool:
        """Whether all tiles of a section get one transform."""
        return bool(self.args["one_transform_per_section"])


if __name__ == "__main__":
    FitCrossRegisteredTransform.main()
