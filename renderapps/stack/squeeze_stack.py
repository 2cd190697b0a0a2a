"""Close the gaps of a stack: number its sections 0, 1, 2, ... in the order of z."""

from __future__ import annotations

from collections.abc import Sequence

from argschema.fields import Float, OutputDir

from renderapps.module import parameter
from renderapps.module.output_parameters import ReplacingParameters
from renderapps.module.stack_edit import TileEditParameters
from renderapps.stack.remapping import RemapModule, SectionIdParameters


class SqueezeStackParameters(ReplacingParameters, SectionIdParameters, TileEditParameters):
    """Parameters of squeeze_stack."""

    first_z = parameter(Float, "z of the first section", default=0.0)
    output_directory = parameter(
        OutputDir,
        "folder to write the tile specs to as well, tilespec_ZZZZ.json by new z",
        default=None,
    )


class SqueezeStack(RemapModule):
    """The sections follow each other without gaps; the report has the old and new z of each."""

    default_schema = SqueezeStackParameters

    def new_zs(self, zs: Sequence[float]) -> list[float]:
        """Consecutive numbers."""
        return [self.args["first_z"] + i for i in range(len(zs))]


if __name__ == "__main__":
    SqueezeStack.main()
