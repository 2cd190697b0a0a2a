"""Copy a stack from one connection to another, section by section, with new URLs for its images.

Sections travel as the JSON that the services hold, so that every field and every reference to a
shared transform arrives. Each section replaces what the target has at its z: a copy that was
interrupted is completed by running it again, and a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import ValidationError, validates
from marshmallow.validate import OneOf

import renderapi
from renderapps.module import RenderModuleException, ZParameters
from renderapps.module.kept_sections import KeptSections
from renderapps.module.section_module import chosen_zs, stack_zs
from renderapps.module.stack_target import EXISTING, open_output, stack_metadata
from renderapps.module.tile_documents import Section, read_section, write_section
from renderapps.transfer.transfer_module import RenderTransferParameters
from renderapps.transfer.url_rewriting import (
    Moves,
    UrlRules,
    check_destination,
    rewrite_section,
    split_url,
)


class StackTransferParametersBase(ZParameters, RenderTransferParameters):
    """Parameters of modules that copy stacks."""

    data_destination = Str(
        load_default="file:",
        metadata={
            "description": "folder (path or file: URL) or object store (s3://bucket/folder) that "
            "the paths of images and masks are put below; file: alone leaves the paths as they are"
        },
    )
    source_prefix = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "folder or object store that is taken off the paths; images that are "
            "not below it keep their URLs",
            "default_text": "none: whole paths, without the bucket",
        },
    )
    remove_masks = Boolean(load_default=False, metadata={"description": "leave out masks"})
    upload_json = Boolean(
        load_default=True,
        metadata={
            "description": "write the tiles to the target; false only finds out which files "
            "would have to be copied"
        },
    )
    rewrite_urls = Boolean(
        load_default=True,
        metadata={"description": "change the URLs; false leaves all of them as they are"},
    )
    existing = Str(
        load_default=EXISTING[0],
        validate=OneOf(EXISTING),
        metadata={
            "description": "what to do with a target stack that has tiles: overwrite_z replaces "
            "the sections that are copied and keeps the others, replace empties it first, "
            "fail refuses"
        },
    )
    close_stack = Boolean(
        load_default=True, metadata={"description": "set the target stack to COMPLETE at the end"}
    )

    @validates("data_destination")
    def destination_can_hold_files(self, value: str, **_: Any) -> None:
        """A folder or a place for objects."""
        try:
            check_destination(value)
        except RenderModuleException as error:
            raise ValidationError(str(error)) from None

    @validates("source_prefix")
    def prefix_names_a_place(self, value: str | None, **_: Any) -> None:
        """A folder or a place for objects."""
        if value is not None and split_url(value) is None:
            raise ValidationError("neither a folder nor an object store")


def url_rules(args: dict[str, Any]) -> UrlRules:
    """How URLs are changed, from the parameters of `StackTransferParametersBase`."""
    return UrlRules(
        args["data_destination"], args["source_prefix"], args["remove_masks"], args["rewrite_urls"]
    )


@dataclass
class StackCopy:
    """A stack to copy.

    Attributes
    ----------
    moves : Moves
        Filled with the URLs of the tiles that were read.
    """

    source: renderapi.Render
    target: renderapi.Render
    stack_in: str
    stack_out: str
    rules: UrlRules
    zs: Sequence[float]
    moves: Moves = field(default_factory=Moves)

    @classmethod
    def chosen(
        cls,
        connections: tuple[renderapi.Render, renderapi.Render],
        stacks: tuple[str, str],
        args: dict[str, Any],
    ) -> StackCopy:
        """Copy of the sections that the parameters select."""
        stack_in, stack_out = stacks
        zs = chosen_zs(
            stack_zs(connections[0], stack_in),
            args["zs"],
            args["minZ"],
            args["maxZ"],
            f"stack {stack_in}",
        )
        return cls(*connections, stack_in, stack_out, url_rules(args), zs)

    def sections(self) -> Iterator[Section]:
        """The sections with their new URLs."""
        for z in self.zs:
            section = read_section(self.source, self.stack_in, z)
            rewrite_section(section, self.rules, self.moves)
            yield section

    def scan(self) -> None:
        """Find the moves without writing anything."""
        for _ in self.sections():
            pass

    def write(self, existing: str, close: bool) -> dict[str, Any]:
        """Write the sections to the target; what was written."""
        version = dict(stack_metadata(self.source, self.stack_in).get("currentVersion") or {})
        open_output(self.target, self.stack_out, renderapi.stack.StackVersion(**version), existing)
        kept = KeptSections.beside(self.target, self.stack_out, self.zs)
        counts = []
        for section in self.sections():
            kept.check(section)
            write_section(self.target, self.stack_out, section, moved=False)
            counts.append({"z": section.z, "tiles": len(section.tiles)})
        self._verify(counts)
        if close:
            renderapi.stack.set_stack_state(self.stack_out, "COMPLETE", render=self.target)
        return {
            "stack_in": self.stack_in,
            "stack_out": self.stack_out,
            "tiles": sum(entry["tiles"] for entry in counts),
            "sections": counts,
        }

    def _verify(self, counts: list[dict[str, Any]]) -> None:
        """A tile id that two sections share would have been moved by the later one."""
        for entry in counts:
            there = renderapi.stack.get_tilebounds_for_z(
                self.stack_out, entry["z"], render=self.target
            )
            if len(there) != entry["tiles"]:
                raise RenderModuleException(
                    f"stack {self.stack_out} has {len(there)} tiles at z={entry['z']:g} where "
                    f"{entry['tiles']} were written; it is left LOADING"
                )
