"""Put the tiles of two stacks together, section by section, into one stack."""

from __future__ import annotations

from argschema.fields import Str

from renderapps.module import parameter
from renderapps.stack.merging import MergeModule, MergeParameters


class MergeStacksParameters(MergeParameters):
    """Parameters of merge_render_stacks."""

    stack1 = parameter(Str, "first stack", aliases=["input_stack1"])
    stack2 = parameter(Str, "second stack", aliases=["input_stack2"])


class MergeStacks(MergeModule):
    """For instance to look for pairs of tiles between two acquisitions of the same sections."""

    default_schema = MergeStacksParameters
    inputs = ("stack1", "stack2")


if __name__ == "__main__":
    MergeStacks.main()
