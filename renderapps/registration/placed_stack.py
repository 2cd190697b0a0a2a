"""Stacks whose tiles get their place, and perhaps their z, from another stack.

The work has two passes. The first says, section by section of the source, which tiles are placed,
how, and at which z; only that is held for the whole stack. The second makes the sections of the
output, each from the sections of the source that have tiles there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from marshmallow import Schema

from renderapps.module import (
    OutputStack,
    RenderModuleException,
    Section,
    SectionModule,
    SectionParameters,
    TaskFailure,
    written,
)
from renderapps.module.output_parameters import OutputStackParameters
from renderapps.module.report import StackReport
from renderapps.module.stack_edit import ZSpellings
from renderapps.module.stacks import version_of
from renderapps.module.tile_documents import (
    Json,
    read_section,
    replace_references,
    same_transform,
)

Places = dict[str, tuple[float, Any]]
Contributions = dict[float, dict[str, Any]]


class PlacedStackParameters(ZSpellings, OutputStackParameters, SectionParameters):
    """Parameters of a module whose tiles get their place from another stack."""


class Planned(NamedTuple):
    """What the first pass says of a section of the source.

    `places` has z and whatever `place` needs for each tile that is placed, `entry` is for the
    report.
    """

    places: Places
    entry: Json


class PlacedStackModule(SectionModule):
    """Give `plan(section)` and `place(section, how)`.

    Attributes
    ----------
    source, reference, output_role : str
        Names of the parameters that hold the stack to place, the other one, and the output.
    like : str
        Name of the parameter that holds the stack whose resolution the output has.
    """

    default_schema: type[Schema] = PlacedStackParameters
    default_output_schema: type[Schema] = StackReport
    source = "input_stack"
    reference = "reference_stack"
    output_role = "output_stack"
    like = "input_stack"

    def plan(self, section: Section) -> Planned:
        """Which tiles of a section of the source are placed, and where; runs in a worker."""
        raise NotImplementedError(f"{type(self).__name__} has no plan()")

    def place(self, section: Section, how: Mapping[str, Any]) -> Section:
        """The tiles of `how`, placed; the section of the source may be changed. In a worker."""
        raise NotImplementedError(f"{type(self).__name__} has no place()")

    @property
    def z_stack(self) -> str:
        """The stack to place."""
        return str(self.args[self.source])

    def check_stacks(self) -> None:
        """Refuse an output that is an input."""
        output, source = self.args[self.output_role], self.args[self.source]
        if output == self.args[self.reference] and output != source:
            raise RenderModuleException(
                f"{self.output_role}: {output} is also {self.reference}; name another stack"
            )
        if output == source and not self.args["in_place"]:
            raise RenderModuleException(
                f"{self.output_role}: {output} is also {self.source}; name another stack, or give "
                "in_place"
            )
        if output != source and self.args["in_place"]:
            raise RenderModuleException(
                f"in_place: {self.output_role} {output} is not {self.source}"
            )

    def run(self) -> None:
        """Plan, write, report."""
        self.check_stacks()
        zs = self.select_zs()
        self.prepare()
        sections, failed, parts = self.planned(zs)
        report = super().report_of(sections, failed)
        report |= self.finish(sections)
        self.output({"output_stack": None, "kept_zs": []} | report)
        self.raise_failures(failed, len(zs))
        if not parts:
            raise RenderModuleException(
                f"no tile of stack {self.z_stack} can be placed: nothing is written"
            )
        self.target = self.output_of(zs, sorted(parts))
        with written([self.target], self.module_name()):
            counts = self.map_tasks(
                partial(_write, self), sorted(parts.items()), "writing", also_here=True
            )
            for count in counts:
                if isinstance(count, TaskFailure):
                    z = count.item[0]
                    raise RenderModuleException(
                        f"section z={z:g} of stack {self.target.stack}: {count.reason}; all is "
                        "left as it was"
                    )
            self.target.tiles = sum(counts)
        self.output(self.target.report() | report)

    def planned(self, zs: list[float]) -> tuple[list[Json], list[Json], dict[float, Contributions]]:
        """Entries of sections, failed ones, and what each z of the output is made of."""
        results = self.map_tasks(partial(_plan, self), zs, "placing", also_here=True)
        sections: list[Json] = []
        failed: list[Json] = []
        parts: dict[float, Contributions] = {}
        for z, result in zip(zs, results, strict=True):
            if isinstance(result, TaskFailure):
                failed.append({"z": z, "reason": result.reason})
                continue
            for tile, (at, how) in result.places.items():
                parts.setdefault(at, {}).setdefault(z, {})[tile] = how
            sections.append({"z": z} | result.entry)
        return sections, failed, parts

    def output_of(self, zs: list[float], written_zs: list[float]) -> OutputStack:
        """The output as the parameters say."""
        stack = self.args[self.output_role]
        notes = f"{self.module_name()} from {self.z_stack}, {self.args[self.reference]}"
        return OutputStack(
            self.render,
            stack,
            written_zs,
            version_of(self.render, self.args[self.like], notes),
            existing=self.args["existing"],
            edits=zs if self.args["in_place"] else None,
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )

    def plan_of(self, z: float) -> Planned:
        """The plan of a section, and the tiles that are not in it."""
        section = read_section(self.render, self.z_stack, z)
        planned = self.plan(section)
        dropped = [tile for tile in section.tile_ids if tile not in planned.places]
        entry = {"tiles": len(planned.places), "dropped_tiles": dropped}
        return Planned(planned.places, entry | planned.entry)

    def write(self, z: float, parts: Contributions) -> int:
        """Make and write a section of the output; how many tiles it has."""
        made = Section(z)
        for source_z, how in sorted(parts.items()):
            section = read_section(self.render, self.z_stack, source_z)
            section.tiles = [tile for tile in section.tiles if tile["tileId"] in how]
            placed = self.place(section, how)
            for tile in placed.tiles:
                tile["z"] = z
            join(made, placed, f"z={source_z:g}")
        return self.target.write(made)


def join(section: Section, more: Section, label: str) -> None:
    """Add tiles with the transforms they share; those whose id means something else get another.

    Parameters
    ----------
    label : str
        Put before the id of such a transform.
    """
    new_ids = {
        key: f"{label}_{key}"
        for key, spec in more.transforms.items()
        if key in section.transforms and not same_transform(section.transforms[key], spec)
    }
    for tile in more.tiles:
        if new_ids:
            tile["transforms"] = replace_references(tile["transforms"], new_ids)
        section.tiles.append(tile)
    for key, spec in more.transforms.items():
        new = new_ids.get(key, key)
        if new in section.transforms and new in new_ids.values():
            raise RenderModuleException(f"two shared transforms would have the id {new}")
        section.transforms[new] = {**replace_references(spec, new_ids), "id": new}


def _plan(module: PlacedStackModule, z: float) -> Planned:
    return module.plan_of(z)


def _write(module: PlacedStackModule, item: tuple[float, Contributions]) -> int:
    return module.write(*item)
