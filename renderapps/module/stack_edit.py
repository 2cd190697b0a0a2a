"""Modules that make stacks from others, section by section."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from argschema.fields import Boolean, Float, Str
from argschema.schemas import DefaultSchema
from marshmallow import Schema

from renderapi.jsontext import collection_paused
from renderapps.module.effort import DOCUMENTS, Effort
from renderapps.module.errors import ParameterError, RenderModuleException
from renderapps.module.exchange_by_names import settle_first
from renderapps.module.fields import parameter
from renderapps.module.output_parameters import EXISTING, OutputStackParameters
from renderapps.module.output_stack import OutputStack, written
from renderapps.module.render_module import RenderModule
from renderapps.module.report import ReportSchema, StackReport
from renderapps.module.section_module import SectionModule, SectionParameters
from renderapps.module.stacks import version_of
from renderapps.module.tile_documents import Section, read_section

Entry = dict[str, Any]
Edited = Section | Mapping[str, Section]
WRITTEN = "written by role"  # how entries of sections travel home with what was written


class ZSpellings(DefaultSchema):
    """The range of z values under every name that it has had."""

    minZ = parameter(Float, "lowest z to work on", default=None, aliases=["zmin", "minz"])
    maxZ = parameter(Float, "highest z to work on", default=None, aliases=["zmax", "maxz"])


class StackEditParameters(OutputStackParameters, SectionParameters):
    """Parameters of a module that makes a stack from others."""


class TileEditParameters(ZSpellings, StackEditParameters):
    """Parameters of a module that makes one stack from one other."""

    input_stack = parameter(Str, "stack to read", aliases=["stack", "inputStack"])
    output_stack = parameter(
        Str,
        "stack to make; to edit the input itself give in_place instead",
        default=None,
        aliases=["outputStack"],
    )


class InPlaceEditParameters(TileEditParameters):
    """Parameters of a module that edits its input where no other output is named."""

    output_stack = parameter(
        Str,
        "stack to make instead of editing the input itself",
        default=None,
        default_text="input_stack, edited in place",
        aliases=["outputStack"],
    )


class DryRunParameters(DefaultSchema):
    """For modules whose `edit` writes nothing itself: it can be tried without an output."""

    dry_run = parameter(Boolean, "only report what would change; write nothing", default=False)


class StackEditModule(SectionModule):
    """Make a stack from others: write `edit(sections)`.

    Shared transforms stay shared, resolution and other metadata are those of the first input.
    Nobody sees an output half done: it is built beside, and takes its place when every section has
    succeeded; else everything is as it was. Running again gives the same.

    Attributes
    ----------
    inputs : tuple of str
        Names of the parameters that hold the input stacks (a list of stacks counts as that many).
    outputs : tuple of str
        Names of the parameters that hold the output stacks; the first is the one that may be edited
        in place. With several, `edit` gives sections by these names.
    moves_tiles : bool
        Whether edits change where tiles are (transforms, sizes): their boxes are then derived anew.
        To say False where they do not saves time.
    missing_ok : bool
        Whether inputs may lack sections that others have; they are then empty.
    tile_inputs : int or None
        Of how many of the inputs, in order, tiles that are not in the outputs are reported as
        dropped; None: all.
    in_place_by_default : bool
        Whether an output that is not named is the input, edited in place.
    may_be_input : bool
        Whether an output may be named that is an input, which is then edited in place.
    """

    default_schema: type[Schema] = StackEditParameters
    default_output_schema: type[Schema] = StackReport
    inputs: tuple[str, ...] = ("input_stack",)
    outputs: tuple[str, ...] = ("output_stack",)
    moves_tiles = True
    missing_ok = False
    tile_inputs: int | None = None
    in_place_by_default = False
    may_be_input = False
    effort: Effort = DOCUMENTS

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
        self.outputs_by_role: dict[str, OutputStack] = {}

    def edit(self, sections: tuple[Section, ...]) -> Edited | tuple[Edited, Entry]:
        """The section to write, made from the same section of each input, which may be changed.

        Runs in a worker, as `process_section` does. A dict given beside the section is added to its
        entry in the report: say there why tiles were dropped.
        """
        raise NotImplementedError(f"{type(self).__name__} has no edit()")

    def input_z(self, stack: str, z: float) -> float | None:
        """Where an input is read for the section z; None: it takes no part there."""
        return z

    def output_z(self, z: float) -> float:
        """Where the section made from the inputs at `z` is placed."""
        return z

    @property
    def input_stacks(self) -> list[str]:
        """Names of the input stacks, in the order of the roles."""
        values = [self.args[role] for role in self.inputs]
        return [name for v in values for name in (v if isinstance(v, list) else [v])]

    @property
    def read_stacks(self) -> list[str]:
        """The inputs."""
        return self.input_stacks

    @property
    def output_stack(self) -> str:
        """Name of the first output; the first input where none is given."""
        return self.args.get(self.outputs[0]) or self.input_stacks[0]

    @property
    def target(self) -> OutputStack:
        """The first output, once the module is planned."""
        return self.outputs_by_role[self.outputs[0]]

    @property
    def in_place(self) -> bool:
        """Whether the first output takes the place of an input."""
        if self.outputs[0] in self.inputs or self.args["in_place"]:
            return True
        given = self.args.get(self.outputs[0])
        if given:
            return self.may_be_input and given in self.input_stacks
        return self.in_place_by_default

    @property
    def dry_run(self) -> bool:
        """Whether nothing is written, and the report says what would be."""
        return bool(self.args.get("dry_run"))

    def role_problems(self) -> list[str]:
        """Lines for input and output stacks that do not go together."""
        role, given = self.outputs[0], self.args.get(self.outputs[0])
        if self.dry_run:
            return []
        if self.in_place:
            if given and given not in self.input_stacks:
                return [f"in_place: {role} {given} is none of the inputs; name one, or neither"]
            if self.args["existing"] != EXISTING[0]:
                return ["existing: is for an output that is not an input"]
        elif not given:
            return [f"{role}: missing; name a stack, or give in_place"]
        elif given in self.input_stacks:
            meant = (
                f"leave it out to edit {given} itself"
                if self.in_place_by_default
                else ("give in_place")
            )
            return [f"{role}: {given} is also an input; name another one, or {meant}"]
        others = [self.args.get(role) for role in self.outputs[1:]]
        return [f"{stack} is also an input" for stack in others if stack in self.input_stacks]

    @property
    def z_stack(self) -> str:
        """The first input."""
        return self.input_stacks[0]

    def planned(self) -> list[OutputStack]:
        """Check everything that can be, and say what will be written."""
        if self.in_place:
            settle_first(self.render, [self.output_stack])
        self.zs = self.select_zs()
        self.prepare()
        names = {role: self.args[role] for role in self.outputs[1:] if self.args.get(role)}
        self.outputs_by_role = {
            role: self.output_of(role, stack)
            for role, stack in {self.outputs[0]: self.output_stack, **names}.items()
        }
        for target in self.outputs_by_role.values():
            target.check()
        return list(self.outputs_by_role.values())

    def output_of(self, role: str, stack: str) -> OutputStack:
        """An output as the parameters say."""
        first = role == self.outputs[0]
        like = stack if first and self.in_place else self.input_stacks[0]
        notes = f"{self.module_name()} from {', '.join(self.input_stacks)}"
        return OutputStack(
            self.render,
            stack,
            [self.output_z(z) for z in self.zs],
            version_of(self.render, like, notes),
            existing=self.args["existing"],
            edits=self.zs if first and self.in_place else None,
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )

    def run(self) -> None:
        """Edit the sections into the outputs, and report; or only say what would change."""
        if self.dry_run:
            super().run()
            return
        with written(self.planned(), self.module_name()):
            sections = self.fill()
        self.output(self.report_of(sections, []) | self.finish(sections))

    def fill(self) -> list[Entry]:
        """Write all sections within `written`; an error, once it is reported, where one failed."""
        sections, failed = self.map_sections(self.zs)
        if failed:
            self.output(self.report_of(sections, failed))
            self.raise_failures(failed, len(self.zs))
        written = [entry.pop(WRITTEN) for entry in sections]
        for role, target in self.outputs_by_role.items():
            target.tiles = sum(counts.get(role, 0) for counts in written)
        self.output(self.report_of(sections, []))
        return sections

    def report_of(self, sections: list[Entry], failed: list[Entry]) -> dict[str, Any]:
        """What the report says of the outputs and their sections."""
        of_none: tuple[str, Entry] = ("", {"output_stack": None, "kept_zs": []})
        reports = [(role, target.report()) for role, target in self.outputs_by_role.items()]
        first, *others = reports or [of_none]
        more = {"other_outputs": dict(others)} if others else {}
        return first[1] | more | super().report_of(sections, failed)

    def raise_failures(self, failed: list[dict[str, Any]], total: int) -> None:
        """RenderModuleException when sections failed; it says that nothing has changed."""
        try:
            super().raise_failures(failed, total)
        except RenderModuleException as error:
            if self.dry_run:
                raise
            raise RenderModuleException(f"{error}; all is left as it was") from None

    def read(self, stack: str, z: float, missing_ok: bool = False) -> Section:
        """A section of a stack, such as a neighbour of the one that is edited."""
        return read_section(self.render, stack, z, missing_ok)

    def read_inputs(self, z: float) -> tuple[Section, ...]:
        """The section of every input that belongs to z."""
        found = []
        for stack in self.input_stacks:
            at = self.input_z(stack, z)
            found.append(Section(z) if at is None else self.read(stack, at, self.missing_ok))
        return tuple(found)

    def process_section(self, z: float) -> Entry:
        """Read, edit and write one section; how many tiles there are, and which were dropped."""
        with collection_paused():
            sections = self.read_inputs(z)
            before = {s: part.tile_ids for s, part in zip(self.input_stacks, sections, strict=True)}
            edited, more = _with_entry(self.edit(sections))
            if isinstance(edited, Section):
                edited.z = self.output_z(z)
                edited = {self.outputs[0]: edited}
            entry = self.entry(edited, before) | more
            if not self.dry_run:
                entry[WRITTEN] = {
                    role: self.outputs_by_role[role].write(section, self.moves_tiles)
                    for role, section in edited.items()
                    if role in self.outputs_by_role
                }
        return entry

    def entry(self, edited: Mapping[str, Section], before: Mapping[str, Sequence[str]]) -> Entry:
        """What the report says of a section: tiles, and those of the inputs that are in none."""
        after = {tile for section in edited.values() for tile in section.tile_ids}
        counts = {role: len(section.tiles) for role, section in edited.items()}
        dropped = {
            stack: [tile for tile in ids if tile not in after]
            for stack, ids in list(before.items())[: self.tile_inputs]
        }
        entry: Entry = {"tiles": counts.get(self.outputs[0], 0)}
        if len(self.outputs) > 1:
            entry["tiles_of"] = counts
        entry["dropped_tiles"] = list(dict.fromkeys(t for ids in dropped.values() for t in ids))
        if len(before) > 1 and entry["dropped_tiles"]:
            entry["dropped_from"] = {stack: ids for stack, ids in dropped.items() if ids}
        return entry


def _with_entry(edited: Edited | tuple[Edited, Entry]) -> tuple[Edited, Entry]:
    return edited if isinstance(edited, tuple) else (edited, {})


class ManyStacksModule(RenderModule):
    """Do to each of many stacks what another module does to one: all are changed, or none.

    All are checked, locked and built before the first is changed. Give `of`, `stacks()` and
    `parameters_of(stack)`.

    Attributes
    ----------
    of : type of StackEditModule
        The module that edits one stack.
    """

    default_output_schema: type[Schema] = ReportSchema
    of: ClassVar[type[StackEditModule]]

    def stacks(self) -> list[str]:
        """The stacks to work on, once each."""
        return list(dict.fromkeys(self.args["input_stacks"]))

    def parameters_of(self, stack: str) -> dict[str, Any]:
        """Parameters of the other module for one stack."""
        raise NotImplementedError(f"{type(self).__name__} has no parameters_of()")

    def run(self) -> None:
        """Check all, edit all, then let all outputs change at once."""
        modules = [self.of(self.parameters_of(stack), args=[]) for stack in self.stacks()]
        targets = [target for module in modules for target in module.planned()]
        try:
            with written(targets, self.module_name()):
                sections = [module.fill() for module in modules]
        finally:
            self.output({"stacks": [module.result or {} for module in modules]})
        reports = [
            module.report_of(entries, []) | module.finish(entries)
            for module, entries in zip(modules, sections, strict=True)
        ]
        self.output({"stacks": reports})
