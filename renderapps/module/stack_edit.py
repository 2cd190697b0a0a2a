"""Modules that make a stack from one or more others, tile by tile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from argschema.fields import Boolean, Str
from argschema.schemas import DefaultSchema
from marshmallow import Schema, post_load
from marshmallow.validate import OneOf

import renderapi
from renderapi.errors import NotFoundError
from renderapps.module.effort import about_tiles, worth_workers
from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.section_module import SectionModule, SectionParameters
from renderapps.module.stack_target import EXISTING, StackTarget, write_section

if TYPE_CHECKING:
    from renderapi.resolvedtiles import ResolvedTiles


_EXISTING_TEXT = (
    "what to do with an output stack that has tiles: overwrite_z replaces the sections that are "
    "written and keeps the others, replace lets the new stack take its place when that is "
    "complete, fail refuses"
)


class WrittenStackParameters(DefaultSchema):
    """What becomes of an output stack that is there, and of the one that is written."""

    existing = Str(
        load_default=EXISTING[0],
        validate=OneOf(EXISTING),
        metadata={"description": _EXISTING_TEXT},
    )
    close_stack = Boolean(
        load_default=True,
        metadata={"description": "set the output stack to COMPLETE at the end"},
    )


class OutputStackParameters(WrittenStackParameters):
    """How an output stack is treated that may be an input."""

    in_place = Boolean(
        load_default=False,
        metadata={
            "description": "let the output take the place of the input of the same name, "
            "when it is complete"
        },
    )


class ReplacingParameters(DefaultSchema):
    """An output that is made of all sections takes the place of one that is there."""

    existing = Str(
        allow_none=True,
        load_default=None,
        validate=OneOf(EXISTING),
        metadata={
            "description": _EXISTING_TEXT,
            "default_text": "replace, or overwrite_z where sections are chosen",
        },
    )

    @post_load
    def all_or_some(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Without a choice of sections the output is of this run alone."""
        chosen = any(data[key] is not None for key in ("zs", "minZ", "maxZ"))
        default = "overwrite_z" if chosen or data["in_place"] else "replace"
        return {**data, "existing": data["existing"] or default}


class StackEditParameters(OutputStackParameters, SectionParameters):
    """Parameters of a module that makes a stack from others."""


class StackEditModule(SectionModule):
    """Make a stack from others: write `edit(sections)`.

    Shared transforms stay shared, resolution and other metadata are those of the first input. The
    output is LOADING while it is written and COMPLETE only when every section has succeeded.
    Running again gives the same. Where output and input are one stack (`output` names an input
    parameter, or `in_place`), the result is built beside it and takes its place when complete.

    Attributes
    ----------
    inputs : tuple of str
        Names of the parameters that hold the input stacks (a list of stacks counts as that many).
    output : str
        Name of the parameter that holds the output stack. It is kept as `output_role`, since
        `self.output(...)` writes the report.
    in_place_by_default : bool
        Whether an output that is not named is the input, edited in place.
    may_be_input : bool
        Whether an output may be named that is an input, which is then edited in place.
    few_tiles : int
        Up to how many tiles are edited in this process: to start workers would take longer.
    """

    default_schema = StackEditParameters
    inputs: tuple[str, ...] = ("input_stack",)
    output_role = "output_stack"
    in_place_by_default = False
    may_be_input = False
    few_tiles = 0

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take a subclass's `output = "parameter"` as the role it names."""
        super().__init_subclass__(**kwargs)
        if isinstance(role := cls.__dict__.get("output"), str):
            cls.output_role = role
            del cls.output

    def __init__(
        self,
        input_data: Mapping[str, Any] | None = None,
        schema_type: type[Schema] | None = None,
        output_schema_type: type[Schema] | None = None,
        args: Sequence[str] | None = None,
        logger_name: str | None = None,
    ) -> None:
        super().__init__(input_data, schema_type, output_schema_type, args, logger_name)
        if problems := self.role_problems():
            raise ParameterError(problems)
        self.target = StackTarget(
            self.render,
            stack=self.output_stack,
            like=self.input_stacks[0],
            in_place=self.in_place,
            existing=self.args["existing"],
            notes=f"{self.module_name()} from {', '.join(self.input_stacks)}",
        )

    def edit(
        self, sections: tuple[ResolvedTiles, ...]
    ) -> ResolvedTiles | tuple[ResolvedTiles, dict[str, Any]]:
        """The section to write, made from the same section of each input.

        Runs in a worker, as `process_section` does. A dict given beside the section is added to its
        entry in the report: say there which tiles were dropped and why.
        """
        raise NotImplementedError(f"{type(self).__name__} has no edit()")

    def output_z(self, z: float) -> float:
        """Where the section made from the inputs at `z` is placed."""
        return z

    @property
    def input_stacks(self) -> list[str]:
        """Names of the input stacks, in the order of the roles."""
        values = [self.args[role] for role in self.inputs]
        return [name for v in values for name in (v if isinstance(v, list) else [v])]

    @property
    def output_stack(self) -> str:
        """Name of the output stack; with in_place the first input when none is given."""
        return self.args.get(self.output_role) or self.input_stacks[0]

    @property
    def in_place(self) -> bool:
        """Whether the output takes the place of an input."""
        if self.output_role in self.inputs or self.args["in_place"]:
            return True
        given = self.args.get(self.output_role)
        if given:
            return self.may_be_input and given in self.input_stacks
        return self.in_place_by_default

    def role_problems(self) -> list[str]:
        """Lines for input and output stacks that do not go together."""
        given = self.args.get(self.output_role)
        if self.in_place:
            if given and given not in self.input_stacks:
                return [
                    f"in_place: {self.output_role} {given} is none of the inputs; "
                    "name one, or neither"
                ]
            if self.args["existing"] != EXISTING[0]:
                return ["existing: is for an output that is not an input"]
        elif not given:
            return [f"{self.output_role}: missing; name a stack, or give in_place"]
        elif given in self.input_stacks:
            meant = (
                f"leave it out to edit {given} itself"
                if self.in_place_by_default
                else ("give in_place")
            )
            return [f"{self.output_role}: {given} is also an input; name another one, or {meant}"]
        return []

    @property
    def z_stack(self) -> str:
        """The first input."""
        return self.input_stacks[0]

    def run(self) -> None:
        """Edit the sections into the output stack, report, and fail if a section failed."""
        self.target.recover()
        zs = self.select_zs()
        self.prepare()
        self.target.open(zs, whole_stack=len(zs) == len(self.available_zs()))
        try:
            sections, failed = self.map_sections(zs)
        except BaseException:
            self.target.abandon()
            raise
        report = {
            "output_stack": self.output_stack,
            "sections": sections,
            "failed_sections": failed,
        }
        if failed:
            self.target.abandon()
        else:
            self.target.close(self.args["close_stack"])
        self.output(report | self.finish(sections))
        self.raise_failures(failed, len(zs))

    def raise_failures(self, failed: list[dict[str, Any]], total: int) -> None:
        """RenderModuleException when sections failed; it says what has become of the output."""
        try:
            super().raise_failures(failed, total)
        except RenderModuleException as error:
            raise RenderModuleException(
                f"{error}; stack {self.output_stack} is left {self.target.left}"
            ) from None

    def processes_for(self, zs: Sequence[float]) -> int:
        """As many as asked for, or this one where there is little to do."""
        if self.few_tiles:
            count = about_tiles(self.render, dict.fromkeys(self.input_stacks, len(zs)))
            if not worth_workers(count, self.few_tiles):
                return 1
        return super().processes_for(zs)

    def read_sections(self, z: float) -> tuple[ResolvedTiles, ...]:
        """The section at `z` of every input."""
        return tuple(self._read(stack, z) for stack in self.input_stacks)

    def process_section(self, z: float) -> dict[str, Any]:
        """Read, edit and write one section; how many tiles there were, and which were dropped."""
        sections = self.read_sections(z)
        before = [tile.tileId for tile in sections[0].tilespecs]
        edited = self.edit(sections)
        tiles, more = edited if isinstance(edited, tuple) else (edited, {})
        write_section(self.render, self.target.name, self.output_z(z), tiles)
        after = {tile.tileId for tile in tiles.tilespecs}
        dropped = [tile for tile in before if tile not in after]
        return {"tiles": len(after), "dropped_tiles": dropped} | more

    def _read(self, stack: str, z: float) -> ResolvedTiles:
        try:
            return renderapi.resolvedtiles.get_resolved_tiles_from_z(stack, z, render=self.render)
        except NotFoundError as error:
            raise RenderModuleException(f"stack {stack} has no section at z={z:g}") from error
