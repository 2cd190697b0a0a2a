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

import renderapi
from renderapps.module import (
    OutputStack,
    RenderModuleException,
    Section,
    ZParameters,
    parameter,
    written,
)
from renderapps.module.output_parameters import WrittenStackParameters
from renderapps.module.section_module import chosen_zs
from renderapps.module.stacks import stack_zs, version_of
from renderapps.module.tile_documents import read_section
from renderapps.transfer.transfer_module import RenderTransferParameters
from renderapps.transfer.url_rewriting import (
    Moves,
    UrlRules,
    check_destination,
    rewrite_section,
    split_url,
)


class StackTransferParametersBase(WrittenStackParameters, ZParameters, RenderTransferParameters):
    """Parameters of modules that copy stacks."""

    data_destination = parameter(
        Str,
        "folder (path or file: URL) or object store (s3://bucket/folder) that the paths of images "
        "and masks are put below; file: alone leaves the paths as they are",
        default="file:",
    )
    source_prefix = parameter(
        Str,
        "folder or object store that is taken off the paths; images that are not below it keep "
        "their URLs",
        default=None,
        default_text="none: whole paths, without the bucket",
    )
    remove_masks = parameter(Boolean, "leave out masks", default=False)
    upload_json = parameter(
        Boolean,
        "write the tiles to the target; false only finds out which files would have to be copied",
        default=True,
    )
    rewrite_urls = parameter(
        Boolean, "change the URLs; false leaves all of them as they are", default=True
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

    def output(self, args: dict[str, Any]) -> OutputStack:
        """The stack to write, as `existing` and `close_stack` say."""
        return OutputStack(
            self.target,
            self.stack_out,
            self.zs,
            version_of(self.source, self.stack_in),
            existing=args["existing"],
            state="COMPLETE" if args["close_stack"] else "LOADING",
        )

    def write(self, output: OutputStack) -> dict[str, Any]:
        """Write the sections to the target; what was written."""
        counts = [{"z": s.z, "tiles": output.write(s, moved=False)} for s in self.sections()]
        return {
            "stack_in": self.stack_in,
            "stack_out": self.stack_out,
            "kept_zs": output.kept_zs,
            "tiles": output.tiles,
            "sections": counts,
        }


def write_copies(
    copies: Sequence[StackCopy], args: dict[str, Any], module: str
) -> list[dict[str, Any]]:
    """Write several copies, all of them or none; what was written."""
    outputs = [copy.output(args) for copy in copies]
    with written(outputs, module):
        return [copy.write(output) for copy, output in zip(copies, outputs, strict=True)]
