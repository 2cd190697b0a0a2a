"""Modules that work through a stack section by section, in parallel."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from marshmallow import Schema

from renderapps.module.effort import ALWAYS, Effort, about_tiles
from renderapps.module.errors import RenderModuleException
from renderapps.module.render_module import (
    ParallelParameters,
    RenderModule,
    RenderParameters,
    ZParameters,
)
from renderapps.module.report import SectionReport
from renderapps.module.stacks import stack_zs
from renderapps.module.tasks import TaskFailure


class SectionParameters(ZParameters, ParallelParameters, RenderParameters):
    """Parameters of a module that works section by section."""


class SectionModule(RenderModule):
    """Work on each section of a stack: write `process_section(z)`.

    The section method runs in a worker process on a copy of the module: `self.args`, `self.render`
    and whatever `prepare()` has set on `self` are there; what it sets on `self` is lost. It must be
    safe to run again. Its result, a dict of JSON values, is the section's entry in the report.

    Attributes
    ----------
    stack : str
        Name of the parameter that holds the stack whose z values are worked through.
    effort : Effort
        What makes one more process worth while.
    """

    default_schema: type[Schema] = SectionParameters
    default_output_schema: type[Schema] = SectionReport
    stack = "input_stack"
    effort: Effort = ALWAYS

    def prepare(self) -> None:
        """Called once before the sections: check, set what they share on `self`."""

    def process_section(self, z: float) -> dict[str, Any] | None:
        """Do the work of one section."""
        raise NotImplementedError(f"{type(self).__name__} has no process_section()")

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """Called once after the sections, with the entries of those that succeeded: more report."""
        return {}

    def run(self) -> None:
        """Work through the sections, report, and fail if a section failed."""
        zs = self.select_zs()
        self.prepare()
        sections, failed = self.map_sections(zs)
        self.output(self.report_of(sections, failed) | self.finish(sections))
        self.raise_failures(failed, len(zs))

    def report_of(
        self, sections: list[dict[str, Any]], failed: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """What the report says of the sections."""
        return {"sections": sections, "failed_sections": failed}

    @property
    def z_stack(self) -> str:
        """Name of the stack whose z values are worked through."""
        return self.args[self.stack]

    @property
    def read_stacks(self) -> list[str]:
        """Names of the stacks whose tiles are read."""
        return [self.z_stack]

    def available_zs(self) -> list[float]:
        """The z values that there are, ascending."""
        return stack_zs(self.render, self.z_stack)

    def select_zs(self) -> list[float]:
        """The z values that `zs`, `minZ` and `maxZ` select."""
        return chosen_zs(
            self.available_zs(),
            self.args["zs"],
            self.args["minZ"],
            self.args["maxZ"],
            f"stack {self.z_stack}",
        )

    def processes_for(self, zs: Sequence[float]) -> int:
        """How many processes to work on these sections with: no more than are worth while."""
        if self.effort is ALWAYS:
            return self.args["pool_size"]
        count = about_tiles(self.render, dict.fromkeys(self.read_stacks, len(zs)))
        return self.effort.processes(count, self.args["pool_size"])

    def map_sections(
        self, zs: Sequence[float]
    ) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Reports of the sections that succeeded, and z and reason of those that did not."""
        processes = self.processes_for(zs)
        also_here = self.effort.also_here
        results = self.map_tasks(
            partial(_process, self), zs, processes=processes, also_here=also_here
        )
        sections: list[dict[str, Any]] = []
        failed: list[dict[str, Any]] = []
        for result in results:
            if isinstance(result, TaskFailure):
                self.logger.debug("z=%s\n%s", result.item, result.details)
                failed.append({"z": result.item, "reason": result.reason})
            else:
                sections.append(result)
        return sections, failed

    def raise_failures(self, failed: list[dict[str, Any]], total: int) -> None:
        """RenderModuleException when sections failed."""
        if failed:
            first = failed[0]
            where = self.args.get("output_json")
            rest = f"; all of them are in {where}" if where and len(failed) > 1 else ""
            raise RenderModuleException(
                f"{len(failed)} of {total} sections failed; "
                f"z={first['z']:g}: {first['reason']}{rest}"
            )


def _process(module: SectionModule, z: float) -> dict[str, Any]:
    return {"z": z} | (module.process_section(z) or {})


def chosen_zs(
    available: Sequence[float],
    zs: Iterable[float] | None,
    min_z: float | None,
    max_z: float | None,
    where: str,
) -> list[float]:
    """The z values asked for, ascending and once each; all available ones by default.

    Raises
    ------
    RenderModuleException
        When one that is named is not there, or none lies in the range.
    """
    if not available:
        raise RenderModuleException(f"{where} has no tiles")
    span = f"it has {len(available)} sections from z={available[0]:g} to {available[-1]:g}"
    if zs is not None:
        chosen = sorted(set(zs))
        absent = [z for z in chosen if z not in set(available)]
        if absent:
            listed = ", ".join(f"{z:g}" for z in absent[:10]) + (" ..." if absent[10:] else "")
            raise RenderModuleException(f"{where} has no section at z={listed}; {span}")
    else:
        low = float("-inf") if min_z is None else min_z
        high = float("inf") if max_z is None else max_z
        chosen = [z for z in available if low <= z <= high]
    if not chosen:
        raise RenderModuleException(f"{where} has no section in what was asked for; {span}")
    return chosen
