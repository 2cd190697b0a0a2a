"""Join stacks, also of different projects, end to end in z."""

from __future__ import annotations

from functools import partial
from typing import Any

from argschema.fields import Boolean, Float, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, OneOf

from renderapi.render import Render
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    TaskFailure,
)
from renderapps.module.lists import Names
from renderapps.module.render_module import connect
from renderapps.module.section_module import stack_zs
from renderapps.module.stack_target import EXISTING, StackTarget
from renderapps.module.tile_documents import read_section, write_section
from renderapps.stack.joining import (
    CollisionParameters,
    JoinPlan,
    Source,
    joinable,
    plan_join,
    resolution_warnings,
)
from renderapps.stack.remapping import SectionIdParameters, exact_z, move_section, write_tile_specs


class ConcatenateStacksParameters(
    CollisionParameters, SectionIdParameters, ParallelParameters, RenderParameters
):
    """Parameters of concatenate_stacks."""

    input_stacks = Names(
        required=True,
        validate=Length(min=1),
        metadata={"description": "stacks to join, in this order", "aliases": ["stacks"]},
    )
    input_projects = Names(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "project of each of the stacks, or one for all",
            "default_text": "render.project",
        },
    )
    output_stack = Str(
        required=True, metadata={"description": "stack to make", "aliases": ["outputStack"]}
    )
    output_project = Str(
        allow_none=True,
        load_default=None,
        metadata={"description": "its project", "default_text": "render.project"},
    )
    output_directory = OutputDir(
        allow_none=True,
        load_default=None,
        metadata={"description": "folder to write the tile specs to as well, tilespec_ZZZZ.json"},
    )
    adjust_z = Boolean(
        load_default=False,
        metadata={"description": "number the sections of all stacks one after the other"},
    )
    first_z = Float(
        load_default=0.0, metadata={"description": "first z when they are numbered anew"}
    )
    gap = Float(
        load_default=0.0,
        metadata={"description": "z to leave out between two stacks when they are numbered anew"},
    )
    existing = Str(
        load_default="fail",
        validate=OneOf(EXISTING[1:]),
        metadata={
            "description": "what to do with an output stack that has tiles: replace empties it "
            "first, fail refuses"
        },
    )
    close_stack = Boolean(
        load_default=True,
        metadata={"description": "set the output stack to COMPLETE at the end"},
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

    def run(self) -> None:
        """Check everything, write the sections, report."""
        target_render = self.connection(self.args["output_project"])
        sources = self.sources()
        self.refuse_own_input(sources)
        zs = self.new_zs(sources)
        plan = plan_join(sources, self.args["on_collision"])
        for line in resolution_warnings(sources):
            self.logger.warning(line)
        target = self.open(target_render, sources)
        settings = {
            "folder": self.args["output_directory"],
            "section_ids": self.args["remap_sectionId"],
        }
        work = partial(_copy_section, target_render, target.name, sources, plan, settings)
        results = self.map_tasks(work, zs, "concatenating")
        failed = [r for r in results if isinstance(r, TaskFailure)]
        if not failed:
            target.close(self.args["close_stack"])
        done = [r for r in results if not isinstance(r, TaskFailure)]
        report = {"output_stack": self.args["output_stack"], "sections": done}
        failures = [
            {"stack": sources[f.item[0]].stack, "z": f.item[1], "reason": f.reason} for f in failed
        ]
        self.output(report | {"failed_sections": failures})
        if failures:
            first = failures[0]
            raise RenderModuleException(
                f"{len(failed)} of {len(zs)} sections failed; stack {first['stack']} "
                f"z={first['z']:g}: {first['reason']}; stack {self.args['output_stack']} "
                "is left LOADING"
            )

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

    def open(self, render: Render, sources: list[Source]) -> StackTarget:
        """The output stack, LOADING, with the metadata of the first input."""
        first = sources[0]
        target = StackTarget(
            render,
            stack=self.args["output_stack"],
            like=first.stack,
            in_place=False,
            existing=self.args["existing"],
            notes=f"{self.module_name()} from {', '.join(s.stack for s in sources)}",
            like_render=first.render,
        )
        target.open([], whole_stack=True)
        return target


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
    render: Render,
    output: str,
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
    write_section(render, output, section, moved=False)
    return report | changes


if __name__ == "__main__":
    ConcatenateStacks.main()
