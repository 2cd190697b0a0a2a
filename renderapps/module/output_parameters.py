"""Parameters that say what becomes of an output stack that is there, and of the one written."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, post_load, validates_schema
from marshmallow.validate import OneOf

from renderapps.module.fields import parameter

EXISTING = ("overwrite_z", "replace", "fail")
APPENDING = (*EXISTING, "append")

EXISTING_TEXT = (
    "what to do with an output stack that has tiles: overwrite_z replaces the sections that are "
    "written and keeps the others, replace lets the new stack take its place when that is "
    "complete, fail refuses"
)


class ExistingStackParameters(DefaultSchema):
    """What becomes of an output stack that is there."""

    existing = parameter(Str, EXISTING_TEXT, default=EXISTING[0], validate=OneOf(EXISTING))


class WrittenStackParameters(ExistingStackParameters):
    """What becomes of an output stack that is there, and of the one that is written."""

    close_stack = parameter(Boolean, "set the output stack to COMPLETE at the end", default=True)


class AppendedStackParameters(WrittenStackParameters):
    """The same, where tiles can also be added to sections that are there."""

    existing = parameter(
        Str,
        f"{EXISTING_TEXT}, append keeps also the tiles of sections that are written that have "
        "other ids",
        default=APPENDING[0],
        validate=OneOf(APPENDING),
    )


class ReplaceableStackParameters(AppendedStackParameters):
    """The same, with the older way to say that an output is replaced."""

    delete_stack = parameter(Boolean, "the same as existing replace", default=False)

    @validates_schema
    def deleting_is_replacing(self, data: dict[str, Any], **_: Any) -> None:
        """delete_stack and another way to treat stacks contradict each other."""
        if data["delete_stack"] and data["existing"] not in ("overwrite_z", "replace"):
            raise ValidationError(f"contradicts existing {data['existing']}", "delete_stack")

    @post_load
    def one_way_to_say_it(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """`existing` says what delete_stack means."""
        return {**data, "existing": "replace" if data["delete_stack"] else data["existing"]}


class OutputStackParameters(WrittenStackParameters):
    """How an output stack is treated that may be an input."""

    in_place = parameter(
        Boolean,
        "let the output take the place of the input of the same name, when it is complete",
        default=False,
    )


class ReplacingParameters(DefaultSchema):
    """An output that is made of all sections takes the place of one that is there.

    Attributes
    ----------
    choosing : tuple of str
        The parameters by which only some of the sections of an output are written.
    """

    choosing: tuple[str, ...] = ("zs", "minZ", "maxZ")

    existing = parameter(
        Str,
        EXISTING_TEXT,
        default=None,
        default_text="replace, or overwrite_z where sections are chosen",
        validate=OneOf(EXISTING),
    )

    @post_load
    def all_or_some(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Without a choice of sections the output is of this run alone."""
        chosen = any(data.get(key) is not None for key in self.choosing)
        default = "overwrite_z" if chosen or data.get("in_place") else "replace"
        return {**data, "existing": data["existing"] or default}
