"""Stacks put together section by section."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Str

from renderapps.module import parameter
from renderapps.module.output_parameters import ReplacingParameters
from renderapps.module.section_module import chosen_zs
from renderapps.module.stack_edit import StackEditModule, StackEditParameters, ZSpellings
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import Section
from renderapps.stack.joining import (
    CollisionParameters,
    Source,
    join_sections,
    joinable,
    plan_join,
    resolution_warnings,
)


class MergeParameters(ReplacingParameters, CollisionParameters, ZSpellings, StackEditParameters):
    """Parameters of every module that merges stacks."""

    output_stack = parameter(Str, "stack to make", default=None, aliases=["outputStack"])
    z_intersection = parameter(
        Boolean,
        "take only the z values that all stacks have; by default those of any",
        default=False,
    )


class MergeModule(StackEditModule):
    """Tiles of several stacks in one, section by section; metadata are those of the first."""

    missing_ok = True
    moves_tiles = False

    def role_problems(self) -> list[str]:
        """In place an intersection would lose the sections outside it."""
        if self.in_place and self.args["z_intersection"]:
            return ["z_intersection: not with in_place, which keeps the other sections"]
        return super().role_problems()

    def available_zs(self) -> list[float]:
        """z values of any of the stacks, or those that all have, ascending."""
        found = [set(stack_zs(self.render, stack)) for stack in self.input_stacks]
        joined = set.intersection(*found) if self.args["z_intersection"] else set.union(*found)
        return sorted(joined)

    def select_zs(self) -> list[float]:
        """The z values asked for, of those of all stacks together."""
        chosen = (self.args["zs"], self.args["minZ"], self.args["maxZ"])
        stacks = " and ".join(self.input_stacks)
        return chosen_zs(self.available_zs(), *chosen, f"the merge of {stacks}")

    def prepare(self) -> None:
        """Look for tiles that several stacks have, before anything is written."""
        wanted = set(self.select_zs())
        self.sources = [
            Source(self.render, stack, [z for z in stack_zs(self.render, stack) if z in wanted])
            for stack in self.input_stacks
        ]
        self.plan = plan_join(self.sources, self.args["on_collision"])
        for line in resolution_warnings(self.sources):
            self.logger.warning(line)

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The tiles of all stacks at one z."""
        parts, changes = [], {}
        for index, section in enumerate(sections):
            part, changed = joinable(self.sources, index, section, self.plan)
            parts.append(part)
            if changed:
                changes[self.sources[index].stack] = changed
        counts = {s.stack: len(p.tiles) for s, p in zip(self.sources, parts, strict=True)}
        report: dict[str, Any] = {"tiles_from": counts}
        if changes:
            report["changes"] = changes
        return join_sections(parts, sections[0].z), report

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """What users should know about the resolutions."""
        return {"warnings": resolution_warnings(self.sources)}
