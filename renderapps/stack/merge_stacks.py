"""Collect the tiles of any number of stacks into one, such as several regions of interest."""

from __future__ import annotations

from marshmallow.validate import Length

from renderapps.module import parameter
from renderapps.module.lists import Names
from renderapps.stack.merging import MergeModule, MergeParameters


class MergeStacksParameters(MergeParameters):
    """Parameters of merge_stacks."""

    stacks = parameter(
        Names,
        "stacks to merge; the first gives the metadata",
        aliases=["input_stacks"],
        validate=Length(min=1),
    )


class MergeStacks(MergeModule):
    """With in_place the output is one of the stacks, and holds all the others too."""

    default_schema = MergeStacksParameters
    inputs = ("stacks",)


if __name__ == "__main__":
    MergeStacks.main()
