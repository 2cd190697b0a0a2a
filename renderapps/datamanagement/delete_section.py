"""Remove sections from a stack."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf

from renderapps.module import (
    OutputStack,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    ZParameters,
    parameter,
    written,
)
from renderapps.module.exchange_by_names import settle_first
from renderapps.module.lists import Numbers
from renderapps.module.stack_edit import ZSpellings
from renderapps.module.stacks import stack_metadata, stack_zs, version_of


class DeleteSectionParameters(ZSpellings, ZParameters, RenderParameters):
    """Parameters of delete_section."""

    input_stack = parameter(Str, "stack to change", aliases=["stack"])
    zs = parameter(
        Numbers, "z value or values to remove", default=None, aliases=["section_z", "zValues", "z"]
    )
    missing_ok = parameter(
        Boolean, "no error for z values that the stack does not have", default=False
    )
    force = parameter(
        Boolean, "needed to remove all sections; the stack is then left LOADING", default=False
    )
    close_stack = parameter(
        Str,
        "state afterwards: as it was, COMPLETE, or LOADING (open)",
        default="keep",
        validate=OneOf(("keep", "complete", "open")),
    )

    @validates_schema
    def something_is_named(self, data: dict[str, Any], **_: Any) -> None:
        """Not all sections by a slip."""
        if not data["zs"] and data["minZ"] is None and data["maxZ"] is None:
            raise ValidationError("give zs, or minZ and maxZ", "zs")


class DeleteSection(RenderModule):
    """Nothing is removed unless all of it can be; a READ_ONLY stack is refused."""

    default_schema = DeleteSectionParameters

    def run(self) -> None:
        """Check, then remove all in one step."""
        stack = self.args["input_stack"]
        settle_first(self.render, [stack])
        state = stack_metadata(self.render, stack)["state"]
        available = stack_zs(self.render, stack, every_tile=False)
        doomed, absent = self.choose(available)
        empty = len(doomed) == len(available)
        self.refuse(stack, available, doomed, absent)
        if doomed:
            self.remove(stack, doomed, "LOADING" if empty else self.state_after(state))
        self.output({"stack": stack, "deleted": doomed, "not_found": absent})

    def choose(self, available: list[float]) -> tuple[list[float], list[float]]:
        """z values to remove, and those named that are not there."""
        if self.args["zs"] is not None:
            wanted = sorted(set(self.args["zs"]))
            there = set(available)
            return [z for z in wanted if z in there], [z for z in wanted if z not in there]
        low = float("-inf") if self.args["minZ"] is None else self.args["minZ"]
        high = float("inf") if self.args["maxZ"] is None else self.args["maxZ"]
        return [z for z in available if low <= z <= high], []

    def refuse(
        self, stack: str, available: list[float], doomed: list[float], absent: list[float]
    ) -> None:
        """Errors before anything is removed."""
        if absent and not self.args["missing_ok"]:
            raise RenderModuleException(
                f"stack {stack} has no section at z={', '.join(f'{z:g}' for z in absent[:10])}; "
                "nothing was removed (give missing_ok to remove the others)"
            )
        if not doomed and not self.args["missing_ok"]:
            raise RenderModuleException(
                f"stack {stack} has no section in what was asked for; {span(available)}"
            )
        if doomed and len(doomed) == len(available) and not self.args["force"]:
            raise RenderModuleException(
                f"that would remove all {len(doomed)} sections of stack {stack}: give force"
            )

    def state_after(self, state: str) -> str:
        """State that the stack gets at the end."""
        return {"keep": state, "complete": "COMPLETE", "open": "LOADING"}[self.args["close_stack"]]

    def remove(self, stack: str, zs: list[float], state: str) -> None:
        """Remove the sections and set the state."""
        version = version_of(self.render, stack)
        output = OutputStack(
            self.render, stack, [], version, edits=zs, state=state, may_be_empty=True
        )
        with written([output], self.module_name()):
            pass


def span(zs: list[float]) -> str:
    """Where there are sections, in words."""
    return f"it has z={zs[0]:g} to {zs[-1]:g}" if zs else "it has no tiles"


if __name__ == "__main__":
    DeleteSection.main()
