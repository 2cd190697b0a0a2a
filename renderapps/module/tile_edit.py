"""Modules that make a stack from others by editing the JSON objects of its tiles."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float, Str
from argschema.schemas import DefaultSchema

import renderapi
from renderapi.errors import NotFoundError
from renderapi.jsontext import collection_paused
from renderapps.module.effort import DOCUMENTS_WORTH_WORKERS
from renderapps.module.errors import RenderModuleException
from renderapps.module.stack_edit import StackEditModule, StackEditParameters
from renderapps.module.tile_documents import (
    Section,
    read_section,
    same_transform,
    shared_transform,
    tile_ids_at,
    write_section,
)


class ZSpellings(DefaultSchema):
    """The range of z values under every name that it has had."""

    minZ = Float(
        allow_none=True,
        load_default=None,
        metadata={"description": "lowest z to work on", "aliases": ["zmin", "minz"]},
    )
    maxZ = Float(
        allow_none=True,
        load_default=None,
        metadata={"description": "highest z to work on", "aliases": ["zmax", "maxz"]},
    )


class TileEditParameters(ZSpellings, StackEditParameters):
    """Parameters of a module that makes one stack from one other."""

    input_stack = Str(
        required=True,
        metadata={"description": "stack to read", "aliases": ["stack", "inputStack"]},
    )
    output_stack = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "stack to make; to edit the input itself give in_place instead",
            "aliases": ["outputStack"],
        },
    )


class InPlaceEditParameters(TileEditParameters):
    """Parameters of a module that edits its input where no other output is named."""

    output_stack = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "stack to make instead of editing the input itself",
            "default_text": "input_stack, edited in place",
            "aliases": ["outputStack"],
        },
    )


class TileEditModule(StackEditModule):
    """Make a stack from others: write `edit_documents(sections)`.

    As `StackEditModule`, but on the JSON objects that the service holds: nothing is lost, and it is
    fast. Sections that the output keeps are safe: a tile whose id one of them has, or a shared
    transform that means something else there, is refused.

    Attributes
    ----------
    moves_tiles : bool
        Whether edits change where tiles are (transforms, sizes): their boxes are then derived anew.
    missing_ok : bool
        Whether inputs may lack sections that others have; they are then empty.
    """

    default_schema = TileEditParameters
    few_tiles = DOCUMENTS_WORTH_WORKERS
    moves_tiles = False
    missing_ok = False

    def edit_documents(
        self, sections: tuple[Section, ...]
    ) -> Section | tuple[Section, dict[str, Any]]:
        """The section to write, made from the same section of each input, which may be changed.

        Runs in a worker. A dict given beside the section is added to its entry in the report.
        """
        raise NotImplementedError(f"{type(self).__name__} has no edit_documents()")

    def prepare(self) -> None:
        """Find what the output keeps, so that nothing of it is overwritten.

        Then `kept_zs` are its sections that stay, `kept_tiles` their tiles by id, and `is_fresh`
        says that the sections to write have no tiles yet.
        """
        self.kept_zs = self.find_kept_zs()
        self.is_fresh = self.in_place or not self.zs_of_output()
        zs = [] if self.keeps_ids() else self.kept_zs
        self.kept_tiles = tile_ids_at(self.render, self.output_stack, zs)

    def keeps_ids(self) -> bool:
        """Whether no tile can collide with one that stays: tiles of a stack stay in that stack."""
        return self.in_place and len(self.input_stacks) == 1

    def find_kept_zs(self) -> list[float]:
        """The z values of the output that are not written, and stay as they are."""
        if self.args["existing"] != "overwrite_z" and not self.in_place:
            return []
        there = self.zs_of_output()
        zs = self.select_zs()
        gone = set(zs) if self.in_place else {self.output_z(z) for z in zs}
        kept = [z for z in there if z not in gone]
        if self.in_place and (lost := sorted(set(kept) & {self.output_z(z) for z in zs})):
            raise RenderModuleException(
                f"section z={lost[0]:g} of stack {self.output_stack} would be overwritten: "
                "choose a z that is free, or move that section too"
            )
        return kept

    def zs_of_output(self) -> list[float]:
        """The z values that the output has before anything is written."""
        try:
            return renderapi.stack.get_z_values_for_stack(self.output_stack, render=self.render)
        except NotFoundError:
            return []

    def read_documents(self, z: float) -> tuple[Section, ...]:
        """The section at `z` of every input."""
        return tuple(
            read_section(self.render, stack, z, self.missing_ok) for stack in self.input_stacks
        )

    def process_section(self, z: float) -> dict[str, Any]:
        """Read, edit and write one section; how many tiles there are, and which were dropped."""
        with collection_paused():
            sections = self.read_documents(z)
            before = sections[0].tile_ids
            edited = self.edit_documents(sections)
            section, more = edited if isinstance(edited, tuple) else (edited, {})
            section.z = self.output_z(z)
            self.refuse_collisions(section)
            write_section(
                self.render, self.target.name, section, self.moves_tiles, clear=not self.is_fresh
            )
        after = set(section.tile_ids)
        dropped = [tile for tile in before if tile not in after]
        return {"tiles": len(after), "dropped_tiles": dropped} | more

    def refuse_collisions(self, section: Section) -> None:
        """Refuse tiles and transforms that would change sections which the output keeps."""
        stack = self.output_stack
        if not self.kept_zs:
            return
        taken = [tile for tile in section.tile_ids if tile in self.kept_tiles]
        if taken:
            raise RenderModuleException(
                f"tile {taken[0]} is already in section z={self.kept_tiles[taken[0]]:g} of stack "
                f"{stack}: write to another stack, or give existing replace"
            )
        for key, spec in section.transforms.items():
            there = shared_transform(self.render, self.target.name, key)
            if there is not None and not same_transform(there, spec):
                raise RenderModuleException(
                    f"stack {stack} keeps sections that share another transform {key}: "
                    "write to another stack, or give existing replace"
                )
