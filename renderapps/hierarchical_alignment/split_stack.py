"""Cut a stack into a grid of column stacks, whose tiles show boxes of it at a mipmap level."""

from __future__ import annotations

from renderapps.hierarchical_alignment import splitting


class SplitStackParams(splitting.SplitStackParams):
    """Parameters of split_stack."""


class SplitStack(splitting.SplitStackModule):
    """INPUT_K has one tile in each section: the box of cell K, drawn at a power of two.

    The picture is the mipmap level that belongs to its scale; width and height of the tile are full
    scale. It is drawn from that level only, at scales that need no finer one. Transforms:
    middle_center, to_global, and identity, to be replaced by an alignment, which works in world
    coordinates.
    """

    default_schema = SplitStackParams
    default_output_schema = splitting.SplitStackOutputParams


if __name__ == "__main__":
    SplitStack.main()
