"""Delete stacks with all their tiles."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length

import renderapi
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.lists import Names
from renderapps.module.stacks import stack_state


class DeleteStacksParameters(RenderParameters):
    """Parameters of delete_stacks."""

    stacks = parameter(
        Names, "stacks to delete", aliases=["stackName", "stack"], validate=Length(min=1)
    )
    confirm = parameter(Boolean, "needed: the tiles cannot be brought back", default=False)

    @validates_schema
    def is_meant(self, data: dict[str, Any], **_: Any) -> None:
        """Nothing is deleted by a slip."""
        if not data["confirm"]:
            raise ValidationError(
                f"would delete {', '.join(data['stacks'])}: give confirm to do it", "confirm"
            )


class DeleteStacks(RenderModule):
    """A stack that does not exist is no error; with a READ_ONLY one among them none is deleted."""

    default_schema = DeleteStacksParameters

    def run(self) -> None:
        """Look at all stacks, then delete them."""
        states = {stack: stack_state(self.render, stack) for stack in self.args["stacks"]}
        locked = [stack for stack, state in states.items() if state == "READ_ONLY"]
        if locked:
            raise RenderModuleException(
                f"stack {locked[0]} is READ_ONLY: set it to COMPLETE first; nothing was deleted"
            )
        deleted = [stack for stack, state in states.items() if state is not None]
        for stack in deleted:
            renderapi.stack.delete_stack(stack, render=self.render)
        absent = [stack for stack, state in states.items() if state is None]
        self.output({"deleted": deleted, "not_found": absent})


if __name__ == "__main__":
    DeleteStacks.main()
