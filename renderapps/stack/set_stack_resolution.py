"""Set the voxel size of stacks, in nm."""

from __future__ import annotations

from typing import Any

from argschema.fields import Float
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapps.module import RenderModule, RenderParameters, parameter
from renderapps.module.lists import Names
from renderapps.stack.administration import change_version, require_changeable, version_and_state
from renderapps.stack.joining import RESOLUTION


def _resolution(what: str) -> Float:
    return parameter(
        Float,
        f"{what}, nm; unchanged without it",
        default=None,
        validate=Range(min=0, min_inclusive=False),
    )


class SetStackResolutionParameters(RenderParameters):
    """Parameters of set_stack_resolution."""

    stacks = parameter(
        Names, "stacks to edit", aliases=["stack", "input_stacks"], validate=Length(min=1)
    )
    stackResolutionX = _resolution("width of a pixel")
    stackResolutionY = _resolution("height of a pixel")
    stackResolutionZ = _resolution("thickness of a section")

    @validates_schema
    def something_to_set(self, data: dict[str, Any], **_: Any) -> None:
        """At least one of the three is given."""
        if all(data[key] is None for key in RESOLUTION):
            raise ValidationError(f"give {', '.join(RESOLUTION[:2])} or {RESOLUTION[2]}")


class SetStackResolution(RenderModule):
    """Stacks keep their state; one that has the resolution already is not touched."""

    default_schema = SetStackResolutionParameters

    def run(self) -> None:
        """Check all stacks, then change them one by one."""
        stacks = list(dict.fromkeys(self.args["stacks"]))
        wanted = {key: self.args[key] for key in RESOLUTION if self.args[key] is not None}
        for stack in stacks:
            require_changeable(stack, version_and_state(self.render, stack)[1])
        entries = []
        for stack in stacks:
            before = version_and_state(self.render, stack)[0]
            changed = change_version(self.render, stack, wanted)
            old = [before.get(key) for key in RESOLUTION]
            new = [wanted.get(key, before.get(key)) for key in RESOLUTION]
            entries.append({"stack": stack, "changed": changed, "before": old, "after": new})
        self.output({"stacks": entries})


if __name__ == "__main__":
    SetStackResolution.main()
