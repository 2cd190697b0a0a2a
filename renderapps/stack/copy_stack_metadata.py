"""Copy the metadata of one stack (resolution, cycle, notes, ...) to others."""

from __future__ import annotations

from typing import Any

from argschema.fields import Str
from marshmallow.validate import ContainsOnly, Length

from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.lists import Names
from renderapps.stack.administration import change_version, require_changeable, version_and_state

FIELDS = (
    "cycleNumber",
    "cycleStepNumber",
    "stackResolutionX",
    "stackResolutionY",
    "stackResolutionZ",
    "materializedBoxRootPath",
    "mipmapPathBuilder",
    "versionNotes",
    "alignmentQuality",
    "defaultChannel",
)


class CopyMetaDataParameters(RenderParameters):
    """Parameters of copy_stack_metadata."""

    input_stack = parameter(Str, "stack whose metadata are taken", aliases=["inputStack"])
    output_stack = parameter(
        Names,
        "stack or stacks that receive them",
        aliases=["output_stacks", "outputStack"],
        validate=Length(min=1),
    )
    fields_to_copy = parameter(
        Names,
        f"which of {', '.join(FIELDS)}",
        default=lambda: list(FIELDS),
        default_text="all that the input has",
        validate=[Length(min=1), ContainsOnly(FIELDS)],
    )


class CopyMetaDataModule(RenderModule):
    """What the input does not have stays as it is in the outputs; they keep their state."""

    default_schema = CopyMetaDataParameters

    def run(self) -> None:
        """Check all stacks, then change them one by one."""
        source = self.args["input_stack"]
        outputs = list(dict.fromkeys(self.args["output_stack"]))
        if source in outputs:
            raise RenderModuleException(f"stack {source} is both input and output")
        version, _ = version_and_state(self.render, source)
        for stack in outputs:
            require_changeable(stack, version_and_state(self.render, stack)[1])
        copied: dict[str, Any] = {
            key: version[key] for key in self.args["fields_to_copy"] if version.get(key) is not None
        }
        changed = [stack for stack in outputs if change_version(self.render, stack, copied)]
        self.output({"copied": copied, "changed": changed, "output_stacks": outputs})


if __name__ == "__main__":
    CopyMetaDataModule.main()
