"""Exchange sections between pairs of stacks."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

from renderapps.module import (
    OutputStack,
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    parameter,
    written,
)
from renderapps.module.effort import DOCUMENTS, about_tiles
from renderapps.module.exchange_by_names import settle_first
from renderapps.module.lists import Names, Numbers
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_metadata, stack_zs, version_of
from renderapps.module.tile_documents import (
    read_section,
    same_transform,
    shared_transform,
    tile_ids_at,
)


class SwapZsParameters(ParallelParameters, RenderParameters):
    """Parameters of swap_zs."""

    source_stack = parameter(
        Names,
        "stacks, each paired with the one of target_stack at the same place",
        aliases=["source_stacks"],
        validate=Length(min=1),
    )
    target_stack = parameter(
        Names, "the other stack of each pair", aliases=["target_stacks"], validate=Length(min=1)
    )
    zs = parameter(
        Numbers,
        "z values of the sections to exchange; both stacks have them",
        aliases=["zValues"],
        validate=Length(min=1),
    )

    @validates_schema
    def pairs(self, data: dict[str, Any], **_: Any) -> None:
        """Every stack is in one pair."""
        one, other = data["source_stack"], data["target_stack"]
        if len(one) != len(other):
            raise ValidationError(
                f"{len(one)} source stacks and {len(other)} target stacks make no pairs",
                "target_stack",
            )
        if len({*one, *other}) < len(one) + len(other):
            raise ValidationError("a stack is named twice", "target_stack")


class SwapZs(RenderModule):
    """All pairs are checked before anything changes; then all stacks change at once, or none does.

    Stacks keep their state. Swapping twice restores what was.
    """

    default_schema = SwapZsParameters

    def run(self) -> None:
        """Check all pairs, build the sections that each stack gets, let all stacks change."""
        pairs = list(zip(self.args["source_stack"], self.args["target_stack"], strict=True))
        settle_first(self.render, [stack for pair in pairs for stack in pair])
        outputs = {pair: (self.output_of(pair), self.output_of(pair[::-1])) for pair in pairs}
        for pair in pairs:
            self.check(pair)
        with written([o for two in outputs.values() for o in two], self.module_name()):
            for pair, two in outputs.items():
                for output, other in zip(two, pair[::-1], strict=True):
                    self.build(output, other)
        done = [
            {"source_stack": one, "target_stack": other, "tiles": [o.tiles for o in two]}
            for (one, other), two in outputs.items()
        ]
        self.output({"zs": self.zs, "pairs": done})

    @property
    def zs(self) -> list[float]:
        """The sections to exchange."""
        return sorted(set(self.args["zs"]))

    def output_of(self, pair: tuple[str, str]) -> OutputStack:
        """The first stack of a pair, to be given sections of the other."""
        zs = ", ".join(f"{z:g}" for z in self.zs)
        notes = f"swap_zs of {' and '.join(pair)} at z={zs}"
        state = stack_metadata(self.render, pair[0])["state"]
        version = version_of(self.render, pair[0], notes)
        return OutputStack(self.render, pair[0], self.zs, version, edits=self.zs, state=state)

    def check(self, pair: tuple[str, str]) -> None:
        """Refuse what would lose a tile or change a transform."""
        held = {stack: stack_zs(self.render, stack) for stack in pair}
        for one, other in (pair, pair[::-1]):
            available = held[one]
            zs = chosen_zs(available, self.args["zs"], None, None, f"stack {one}")
            kept = tile_ids_at(self.render, one, [z for z in available if z not in set(zs)])
            for tile, z in tile_ids_at(self.render, other, zs).items():
                if tile in kept:
                    raise RenderModuleException(
                        f"tile {tile} of stack {other} z={z:g} is also in stack {one} "
                        f"at z={kept[tile]:g}, which stays"
                    )
            self.check_transforms(one, other, zs)

    def check_transforms(self, one: str, other: str, zs: list[float]) -> None:
        """Refuse transforms of the sections of `other` that mean something else in `one`."""
        for z in zs:
            for key, spec in read_section(self.render, other, z).transforms.items():
                there = shared_transform(self.render, one, key)
                if there is not None and not same_transform(there, spec):
                    raise RenderModuleException(
                        f"stacks {one} and {other} have different shared transforms {key}"
                    )

    def build(self, output: OutputStack, other: str) -> None:
        """Write the sections of the other stack."""
        copy = partial(copy_section, output, other)
        tiles = about_tiles(self.render, {other: len(self.zs)})
        processes = DOCUMENTS.processes(tiles, self.args["pool_size"])
        what = f"{other} to {output.stack}"
        results = self.map_tasks(copy, self.zs, what, processes, also_here=True)
        for result in results:
            if isinstance(result, TaskFailure):
                raise RenderModuleException(f"section z={result.item:g}: {result.reason}")
        output.tiles = sum(results)


def copy_section(output: OutputStack, stack: str, z: float) -> int:
    """Write a section of another stack; how many tiles it has."""
    return output.write(read_section(output.render, stack, z), moved=False)


if __name__ == "__main__":
    SwapZs.main()
