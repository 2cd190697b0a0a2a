"""Exchange sections between pairs of stacks."""

from __future__ import annotations

from functools import partial
from typing import Any

from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

import renderapi
from renderapi.errors import RenderError
from renderapi.render import Render
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    StackTarget,
    TaskFailure,
)
from renderapps.module.effort import DOCUMENTS_WORTH_WORKERS, about_tiles, worth_workers
from renderapps.module.lists import Names, Numbers
from renderapps.module.section_module import chosen_zs, stack_zs
from renderapps.module.stack_target import stack_metadata
from renderapps.module.tile_documents import (
    read_section,
    same_transform,
    shared_transform,
    tile_ids_at,
    write_section,
)
from renderapps.stack.exchange import exchange, settle


class SwapZsParameters(ParallelParameters, RenderParameters):
    """Parameters of swap_zs."""

    source_stack = Names(
        required=True,
        validate=Length(min=1),
        metadata={
            "description": "stacks, each paired with the one of target_stack at the same place",
            "aliases": ["source_stacks"],
        },
    )
    target_stack = Names(
        required=True,
        validate=Length(min=1),
        metadata={"description": "the other stack of each pair", "aliases": ["target_stacks"]},
    )
    zs = Numbers(
        required=True,
        validate=Length(min=1),
        metadata={
            "description": "z values of the sections to exchange; both stacks have them",
            "aliases": ["zValues"],
        },
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
    """Both stacks of a pair are built anew beside the old ones, and change when both are complete.

    Tiles whose ids the other stack has in a section that stays are refused, and so are shared
    transforms whose ids mean something else there. What an interruption has left is put in order
    by the next run on one of the stacks: either both are as they were, or both are exchanged.
    """

    default_schema = SwapZsParameters

    def run(self) -> None:
        """Check all pairs, then exchange pair by pair."""
        pairs = list(zip(self.args["source_stack"], self.args["target_stack"], strict=True))
        settled = settle(self.render, (stack for pair in pairs for stack in pair))
        found = [{"stacks": sorted(pair), "was": how} for pair, how in settled.items()]
        ended = [pair for pair in pairs if settled.get(frozenset(pair)) == "ended"]
        before = [pair for pair in ended if self.is_exchanged(pair)]
        done = [self.entry(pair, "by the run before") for pair in before]
        try:
            waiting = [pair for pair in pairs if pair not in before]
            for pair in waiting:
                self.check(pair)
            done += [self.swap(pair) for pair in waiting]
        finally:
            zs = sorted(set(self.args["zs"]))
            self.output({"zs": zs, "pairs": done, "interrupted_before": found})

    def notes(self, pair: tuple[str, str]) -> str:
        """What the version record says of an exchange."""
        zs = ", ".join(f"{z:g}" for z in sorted(set(self.args["zs"])))
        return f"swap_zs of {' and '.join(pair)} at z={zs}"

    def is_exchanged(self, pair: tuple[str, str]) -> bool:
        """Whether the last thing that was done to a pair is what this run is to do."""
        version = stack_metadata(self.render, pair[0]).get("currentVersion") or {}
        return version.get("versionNotes") in (self.notes(pair), self.notes(pair[::-1]))

    def entry(self, pair: tuple[str, str], when: str) -> dict[str, Any]:
        """Report of a pair: the tiles that each stack was brought."""
        tiles = [len(tile_ids_at(self.render, stack, set(self.args["zs"]))) for stack in pair]
        return {"source_stack": pair[0], "target_stack": pair[1], "tiles": tiles, "done": when}

    def check(self, pair: tuple[str, str]) -> None:
        """Refuse what would lose a tile or change a transform."""
        for stack in pair:
            StackTarget(self.render, stack, stack, in_place=True).recover()
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

    def swap(self, pair: tuple[str, str]) -> dict[str, Any]:
        """Build both stacks with each other's sections, then let them take their names."""
        zs = sorted(set(self.args["zs"]))
        states = [
            renderapi.stack.get_full_stack_metadata(stack, render=self.render)["state"]
            for stack in pair
        ]
        targets = [
            StackTarget(self.render, stack, stack, in_place=True, notes=self.notes(pair))
            for stack in pair
        ]
        try:
            for target, other in zip(targets, pair[::-1], strict=True):
                self.build(target, other, zs)
        except BaseException:
            for target in targets:
                target.abandon()
            raise
        try:
            exchange(self.render, pair, (targets[0].name, targets[1].name))
        except RenderModuleException:
            raise  # the new stacks may have taken the names already
        except RenderError:
            for target in targets:
                target.abandon()
            raise
        for stack, state in zip(pair, states, strict=True):
            if state == "LOADING":
                renderapi.stack.set_stack_state(stack, state, render=self.render)
        return self.entry(pair, "now")

    def build(self, target: StackTarget, other: str, zs: list[float]) -> None:
        """A complete copy of the stack with the sections of the other."""
        target.open(zs, whole_stack=len(zs) == len(stack_zs(self.render, target.stack)))
        copy = partial(copy_section, self.render, other, target.name)
        tiles = about_tiles(self.render, {other: len(zs)})
        alone = not worth_workers(tiles, DOCUMENTS_WORTH_WORKERS)
        processes = 1 if alone else self.args["pool_size"]
        results = self.map_tasks(copy, zs, f"{other} to {target.stack}", processes)
        for result in results:
            if isinstance(result, TaskFailure):
                raise RenderModuleException(f"section z={result.item:g}: {result.reason}")
        renderapi.stack.set_stack_state(target.name, "COMPLETE", render=self.render)


def copy_section(render: Render, stack: str, output: str, z: float) -> None:
    """Write a section of one stack to another that is LOADING."""
    section = read_section(render, stack, z)
    write_section(render, output, section, moved=False)


if __name__ == "__main__":
    SwapZs.main()
