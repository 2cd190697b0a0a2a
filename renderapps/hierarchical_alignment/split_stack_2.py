"""Cut a stack into a grid of column stacks, whose tiles show boxes of it at the size asked for."""

from __future__ import annotations

from renderapps.hierarchical_alignment import splitting


class SplitStackParams(splitting.SplitStackParams):
    """Parameters of split_stack_2."""


class SplitStack(splitting.SplitStackModule):
    """INPUT_K_v2 has one tile in each section: the box of cell K, drawn at the wanted size.

    The picture is level 0 of the tile. Transforms: scale, middle_center, to_global, and identity,
    to be replaced by an alignment, which works in world coordinates.
    """

    default_schema = SplitStackParams
    default_output_schema = splitting.SplitStackOutputParams
    exact = True
    suffix = "_v2"


if __name__ == "__main__":
    SplitStack.main()
