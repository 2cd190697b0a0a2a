"""Join stacks, also of different projects, end to end in z."""

from __future__ import annotations

from functools import partial
from typing import Any

from argschema.fields import Boolean, Float, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

from renderapi.render import Render
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
from renderapps.module.lists import Names
from renderapps.module.output_parameters import ReplacingParameters, WrittenStackParameters
from renderapps.module.render_module import connect
from renderapps.module.report import StackReport
from renderapps.module.stacks import stack_zs, version_of
from renderapps.module.tile_documents import read_section
from renderapps.stack.joining import (
    CollisionParameters,
    JoinPlan,
    Source,
    joinable,
    joined_ids,
    plan_join,
    resolution_warnings,
)
from renderapps.stack.remapping import SectionIdParameters, exact_z, move_section, write_tile_specs


class ConcatenateStacksParameters(
    ReplacingParameters,
    WrittenStackParameters,
    CollisionParameters,
    SectionIdParameters,
    ParallelParameters,
    RenderParameters,
):
    """Parameters of concatenate_stacks."""

    input_stacks = parameter(
        Names, "stacks to join, in this order", aliases=["stacks"], validate=Length(min=1)
    )
    input_projects = parameter(
        Names,
        "project of each of the stacks, or one for all",
        default=None,
        default_text="render.project",
    )
    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])
    output_project = parameter(Str, "its project", default=None, default_text="render.project")
    output_directory = parameter(
        OutputDir, "folder to write the tile specs to as well, tilespec_ZZZZ.json", default=None
    )
    adjust_z = parameter(
        Boolean, "number the sections of all stacks one after the other", default=False
    )
    first_z = parameter(Float, "first z when they are numbered anew", default=0.0)
    gap = parameter(
        Float, "z to leave out between two stacks when they are numbered anew", default=0.0
    )

    @validates_schema
    def one_project_each(self, data: dict[str, Any], **_: Any) -> None:
        """There is a project for every stack."""
        projects = data["input_projects"]
        if projects and len(projects) not in (1, len(data["input_stacks"])):
            raise ValidationError(
                f"{len(projects)} projects for {len(data['input_stacks'])} stacks",
                "input_projects",
            )


class ConcatenateStacks(RenderModule):
    """The report has the stack, old z and new z of every section.

    Without adjust_z two stacks must not have the same z.
    """

    default_schema = ConcatenateStacksParameters
    default_output_schema = StackReport

    def run(self) -> None:
        """Check everything, write the sections, report."""
        sources = self.sources()
        self.refuse_own_input(sources)
        zs = self.new_zs(sources)
        plan = plan_join(sources, self.args["on_collision"])
        for line in resolution_warnings(sources):
            self.logger.warning(line)
        target = self.target(sources, [new_z for _, _, new_z in zs])
        settings = {
            "folder": self.args["output_directory"],
            "section_ids": self.args["remap_sectionId"],
        }
        with written([target], self.module_name()):
            target.refuse_kept_ids(joined_ids(sources, plan) if target.kept_zs else ())
            work = partial(_copy_section, target, sources, plan, settings)
            processes = self.processes_for(sources)
            results = self.map_tasks(work, zs, "concatenating", processes, also_here=True)
            self.report_of(target, sources, results)
            target.tiles = sum(entry["tiles"] for entry in results)

    def report_of(self, target: OutputStack, sources: list[Source], results: list[Any]) -> None:
        """Say what was written; an error where a section failed."""
        failures = [
            {"stack": sources[r.item[0]].stack, "z": r.item[1], "reason": r.reason}
            for r in results
            if isinstance(r, TaskFailure)
        ]
        done = [r for r in results if not isinstance(r, TaskFailure)]
        report = {**target.report(), "sections": done, "failed_sections": failures}
        self.output(report | {"warnings": resolution_warnings(sources)})
        if failures:
            first = failures[0]
            raise RenderModuleException(
                f"{len(failures)} of {len(results)} sections failed; stack {first['stack']} "
                f"z={first['z']:g}: {first['reason']}; all is left as it was"
            )

    def processes_for(self, sources: list[Source]) -> int:
        """At most as many as asked for, and no more than are worth while."""
        counts = [about_tiles(s.render, {s.stack: len(s.zs)}) for s in sources]
        count = None if None in counts else sum(counts)  # type: ignore[arg-type]
        return DOCUMENTS.processes(count, self.args["pool_size"])

    def sources(self) -> list[Source]:
        """The stacks to read, each with its connection and z values."""
        stacks = self.args["input_stacks"]
        projects = self.args["input_projects"] or [self.render.DEFAULT_PROJECT]
        if len(projects) == 1:
            projects = projects * len(stacks)
        found = []
        for stack, project in zip(stacks, projects, strict=True):
            render = self.connection(project)
            found.append(Source(render, stack, stack_zs(render, stack)))
        return found

    def connection(self, project: str | None) -> Render:
        """The connection of this module, for a project."""
        if project is None:
            return self.render
        return connect({**self.args["render"], "project": project})

    def refuse_own_input(self, sources: list[Source]) -> None:
        """The output is none of the inputs."""
        project = self.args["output_project"] or self.render.DEFAULT_PROJECT
        for source in sources:
            if (source.render.DEFAULT_PROJECT, source.stack) == (
                project,
                self.args["output_stack"],
            ):
                raise RenderModuleException(
                    f"stack {source.stack} of project {project} is also an input: "
                    "name another output_stack"
                )

    def new_zs(self, sources: list[Source]) -> list[tuple[int, float, float]]:
        """(index of the source, z, new z) of every section."""
        if self.args["adjust_z"]:
            return numbered([s.zs for s in sources], self.args["first_z"], self.args["gap"])
        items = [(i, z, z) for i, source in enumerate(sources) for z in source.zs]
        seen: dict[float, int] = {}
        for index, z, _ in items:
            if z in seen:
                raise RenderModuleException(
                    f"stacks {sources[seen[z]].stack} and {sources[index].stack} both have "
                    f"z={z:g}: give adjust_z, or merge them with merge_stacks"
                )
            seen[z] = index
        return items

    def target(self, sources: list[Source], zs: list[float]) -> OutputStack:
        """The output stack, which gets the metadata of the first input."""
        first = sources[0]
        notes = f"{self.module_name()} from {', '.join(s.stack for s in sources)}"
        return OutputStack(
            self.connection(self.args["output_project"]),
            self.args["output_stack"],
            zs,
            version_of(first.render, first.stack, notes),
            existing=self.args["existing"],
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )


def numbered(
    zs: list[list[float]] | Any, first: float, gap: float
) -> list[tuple[int, float, float]]:
    """(index of the stack, z, new z): numbers that go on from stack to stack.

    >>> numbered([[3.0, 5.0], [3.0]], first=0.0, gap=1.0)
    [(0, 3.0, 0.0), (0, 5.0, 1.0), (1, 3.0, 3.0)]
    """
    items = []
    following = first
    for index, of_stack in enumerate(zs):
        for z in of_stack:
            items.append((index, z, following))
            following += 1
        following += gap
    return items


def _copy_section(
    target: OutputStack,
    sources: list[Source],
    plan: JoinPlan,
    settings: dict[str, Any],
    item: tuple[int, float, float],
) -> dict[str, Any]:
    index, z, new_z = item
    source = sources[index]
    section, changes = joinable(sources, index, read_section(source.render, source.stack, z), plan)
    move_section(section, new_z, settings["section_ids"])
    report = {
        "stack": source.stack,
        "project": source.render.DEFAULT_PROJECT,
        "z": z,
        "new_z": new_z,
        "tiles": len(section.tiles),
    }
    if settings["folder"]:
        name = f"tilespec_{exact_z(new_z)}.json"
        report["file"] = write_tile_specs(settings["folder"], name, section)
    target.write(section, moved=False)
    return report | changes


if __name__ == "__main__":
    ConcatenateStacks.main()
