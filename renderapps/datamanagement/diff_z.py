"""Tell in which sections two stacks differ."""

from __future__ import annotations

from functools import partial
from typing import Any

from argschema.fields import Str
from marshmallow.validate import OneOf

from renderapi.render import Render
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
    parameter,
)
from renderapps.module.render_module import connect
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import tile_ids_at


def _place(what: str, stack: int) -> Str:
    return parameter(Str, f"{what} of stack {stack}", default=None, default_text=f"render.{what}")


class DiffzParameters(ParallelParameters, RenderParameters):
    """Parameters of diff_z."""

    input_stack1 = parameter(Str, "one stack", aliases=["stack1"])
    input_stack2 = parameter(Str, "the other stack", aliases=["stack2"])
    owner1, project1 = _place("owner", 1), _place("project", 1)
    owner2, project2 = _place("owner", 2), _place("project", 2)
    compare = parameter(
        Str,
        "what to compare: the z values alone, or also the number or the ids of the tiles in the "
        "sections that both have",
        default="z",
        validate=OneOf(("z", "tile_counts", "tile_ids")),
    )


class Diffz(RenderModule):
    """The report lists the z values of one stack only, and the common sections that differ."""

    default_schema = DiffzParameters

    def run(self) -> None:
        """Compare and report; stacks that differ are no failure."""
        renders = self.connection("1"), self.connection("2")
        stacks = self.args["input_stack1"], self.args["input_stack2"]
        one, other = (
            set(stack_zs(r, s, every_tile=False)) for r, s in zip(renders, stacks, strict=True)
        )
        common = sorted(one & other)
        report: dict[str, Any] = {
            "only_in_stack1": sorted(one - other),
            "only_in_stack2": sorted(other - one),
            "common": len(common),
        }
        if self.args["compare"] != "z":
            report["differing"] = self.differing(renders, stacks, common)
        self.logger.info("%s", report)
        self.output(report)

    def connection(self, which: str) -> Render:
        """The connection of this module, for the owner and project of a stack."""
        place = {name: self.args[name + which] for name in ("owner", "project")}
        given = {name: value for name, value in place.items() if value is not None}
        return connect({**self.args["render"], **given}) if given else self.render

    def differing(
        self, renders: tuple[Render, Render], stacks: tuple[str, str], zs: list[float]
    ) -> list[dict[str, Any]]:
        """The common sections whose tiles differ."""
        work = partial(compare_section, renders, stacks, self.args["compare"] == "tile_ids")
        results = self.map_tasks(work, zs, "comparing", also_here=True)
        for result in results:
            if isinstance(result, TaskFailure):
                raise RenderModuleException(f"section z={result.item:g}: {result.reason}")
        return [entry for entry in results if entry is not None]


def compare_section(
    renders: tuple[Render, Render], stacks: tuple[str, str], with_ids: bool, z: float
) -> dict[str, Any] | None:
    """How the tiles of two stacks differ at z; None if they do not."""
    one, other = (
        set(tile_ids_at(render, stack, [z])) for render, stack in zip(renders, stacks, strict=True)
    )
    if len(one) == len(other) and (not with_ids or one == other):
        return None
    entry: dict[str, Any] = {"z": z, "tiles1": len(one), "tiles2": len(other)}
    if with_ids:
        entry["only_in_stack1"] = sorted(one - other)
        entry["only_in_stack2"] = sorted(other - one)
    return entry


if __name__ == "__main__":
    Diffz.main()
