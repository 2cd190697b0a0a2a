"""Copy a stack, or some of its sections, within an owner."""

from __future__ import annotations

from argschema.fields import Boolean, Str
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
from renderapps.module.render_module import connect
from renderapps.module.report import StackReport
from renderapps.module.section_module import chosen_zs
from renderapps.module.stack_edit import ZSpellings
from renderapps.module.stacks import stack_zs, version_of


class CloneStackParameters(ZSpellings, ZParameters, RenderParameters):
    """Parameters of clone_stack."""

    input_stack = parameter(Str, "stack to copy", aliases=["stack", "inputStack"])
    output_stack = parameter(Str, "stack to make", aliases=["outputStack"])
    output_project = parameter(
        Str, "its project", default=None, default_text="render.project", aliases=["toProject"]
    )
    existing = parameter(
        Str,
        "what to do with an output stack that has tiles: replace it, when the copy is complete, "
        "or fail",
        default="fail",
        validate=OneOf(("fail", "replace")),
    )
    close_stack = parameter(Boolean, "set the copy to COMPLETE at the end", default=True)


class CloneStack(RenderModule):
    """The service copies tiles, shared transforms and metadata itself."""

    default_schema = CloneStackParameters
    default_output_schema = StackReport

    def run(self) -> None:
        """Copy beside what is there, then let the copy take its place."""
        stack, output = self.args["input_stack"], self.args["output_stack"]
        project = self.args["output_project"] or self.render.DEFAULT_PROJECT
        if (project, output) == (self.render.DEFAULT_PROJECT, stack):
            raise RenderModuleException(f"stack {output} is also the input: name another one")
        available = stack_zs(self.render, stack)
        chosen = (self.args["zs"], self.args["minZ"], self.args["maxZ"])
        zs = chosen_zs(available, *chosen, f"stack {stack}")
        copy = OutputStack(
            connect({**self.args["render"], "project": project}),
            output,
            zs,
            version_of(self.render, stack),
            existing=self.args["existing"],
            state="COMPLETE" if self.args["close_stack"] else "LOADING",
        )
        with written([copy], self.module_name()):
            copy.clone(self.render, stack, None if zs == available else zs)
        self.output({**copy.report(), "output_project": project, "zs": zs})


if __name__ == "__main__":
    CloneStack.main()
