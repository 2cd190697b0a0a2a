"""Change the state of stacks: LOADING, COMPLETE, READ_ONLY or OFFLINE."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import OneOf

import renderapi
from renderapi.errors import RenderError
from renderapi.stack import STATES
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.lists import Names
from renderapps.module.stack_listing import stacks_there
from renderapps.stack.administration import version_and_state


class SetStackStateParameters(RenderParameters):
    """Parameters of set_stack_state."""

    stack = parameter(
        Names, "stack or stacks to change", default=None, aliases=["stacks", "input_stack"]
    )
    all_stacks = parameter(Boolean, "change every stack of the project instead", default=False)
    state = parameter(Str, "the new state", validate=OneOf(STATES))
    confirm_offline = parameter(
        Boolean, "needed for OFFLINE, which removes the tiles of a stack for good", default=False
    )

    @validates_schema
    def stacks_are_named(self, data: dict[str, Any], **_: Any) -> None:
        """A whole project is changed only where that is said."""
        if bool(data["stack"]) == data["all_stacks"]:
            raise ValidationError("give stack, or all_stacks", "stack")

    @validates_schema
    def offline_is_meant(self, data: dict[str, Any], **_: Any) -> None:
        """OFFLINE loses tiles."""
        if data["state"] == "OFFLINE" and not data["confirm_offline"]:
            raise ValidationError(
                "OFFLINE removes the tiles of a stack: give confirm_offline too", "state"
            )


class SetStackState(RenderModule):
    """Goes on after a stack that cannot change, and fails at the end."""

    default_schema = SetStackStateParameters

    def run(self) -> None:
        """Change the stacks one by one."""
        changed, failed = [], []
        for stack in self.stacks():
            try:
                changed.append(self.change(stack))
            except (RenderError, RenderModuleException) as error:
                failed.append({"stack": stack, "reason": str(error)})
        self.output({"stacks": changed, "failed": failed})
        if failed:
            first = failed[0]
            raise RenderModuleException(
                f"{len(failed)} of {len(failed) + len(changed)} stacks did not become "
                f"{self.args['state']}; {first['stack']}: {first['reason']}"
            )

    def stacks(self) -> list[str]:
        """The stacks to change, once each."""
        if self.args["all_stacks"]:
            return stacks_there(self.render)
        return list(dict.fromkeys(self.args["stack"]))

    def change(self, stack: str) -> dict[str, Any]:
        """Set the state of one stack; what it was."""
        before = version_and_state(self.render, stack)[1]
        renderapi.stack.set_stack_state(stack, self.args["state"], render=self.render)
        return {"stack": stack, "before": before, "after": self.args["state"]}


if __name__ == "__main__":
    SetStackState.main()
