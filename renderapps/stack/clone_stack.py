"""Copy a stack, or some of its sections, within an owner."""

from __future__ import annotations

from argschema.fields import Boolean, Str
from marshmallow.validate import OneOf

import renderapi
from renderapi.errors import NotFoundError
from renderapi.render import Render
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, ZParameters
from renderapps.module.render_module import connect
from renderapps.module.section_module import chosen_zs, stack_zs
from renderapps.module.stack_target import KeptVersion, stack_state
from renderapps.module.tile_edit import ZSpellings
from renderapps.stack.administration import require_changeable, version_and_state


class CloneStackParameters(ZSpellings, ZParameters, RenderParameters):
    """Parameters of clone_stack."""

    input_stack = Str(
        required=True,
        metadata={"description": "stack to copy", "aliases": ["stack", "inputStack"]},
    )
    output_stack = Str(
        required=True, metadata={"description": "stack to make", "aliases": ["outputStack"]}
    )
    output_project = Str(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "its project",
            "default_text": "render.project",
            "aliases": ["toProject"],
        },
    )
    existing = Str(
        load_default="fail",
        validate=OneOf(("fail", "replace")),
        metadata={
            "description": "what to do with an output stack that has tiles: replace it, when the "
            "copy is complete, or fail"
        },
    )
    close_stack = Boolean(
        load_default=True,
        metadata={"description": "set the copy to COMPLETE at the end"},
    )


class CloneStack(RenderModule):
    """The service copies tiles, shared transforms and metadata itself."""

    default_schema = CloneStackParameters

    def run(self) -> None:
        """Copy beside what is there, then let the copy take its place."""
        stack, output = self.args["input_stack"], self.args["output_stack"]
        project = self.args["output_project"] or self.render.DEFAULT_PROJECT
        if (project, output) == (self.render.DEFAULT_PROJECT, stack):
            raise RenderModuleException(f"stack {output} is also the input: name another one")
        available = stack_zs(self.render, stack)
        chosen = (self.args["zs"], self.args["minZ"], self.args["maxZ"])
        zs = chosen_zs(available, *chosen, f"stack {stack}")
        there = connect({**self.args["render"], "project": project})
        occupied = self.is_occupied(there, output)
        beside = f"{output}_new_of_this_clone"
        renderapi.stack.delete_stack(beside, render=there)  # of a run that was killed
        name = beside if occupied else output
        self.clone(stack, name, project, None if zs == available else zs)
        version = KeptVersion(**version_and_state(self.render, stack)[0])
        renderapi.stack.set_stack_metadata(name, version, render=there)
        if self.args["close_stack"]:
            renderapi.stack.set_stack_state(name, "COMPLETE", render=there)
        if occupied:
            renderapi.stack.delete_stack(output, render=there)
            renderapi.stack.rename_stack(name, output, render=there)
        self.output({"output_stack": output, "output_project": project, "zs": zs})

    def is_occupied(self, there: Render, output: str) -> bool:
        """Whether there is an output stack that has to make way; refused unless it may."""
        state = stack_state(there, output)
        if state is None:
            return False
        require_changeable(output, state)
        if renderapi.stack.get_z_values_for_stack(output, render=there):
            if self.args["existing"] == "fail":
                raise RenderModuleException(
                    f"stack {output} has tiles: name another one, or give existing replace"
                )
            return True
        return state != "LOADING"

    def clone(self, stack: str, name: str, project: str, zs: list[float] | None) -> None:
        """Let the service copy the sections; an error names the stack."""
        try:
            renderapi.stack.clone_stack(
                stack,
                name,
                toProject=project,
                zs=zs,
                close_stack=False,
                render=self.render,
            )
        except NotFoundError as error:
            raise RenderModuleException(f"stack {stack} went away meanwhile") from error


if __name__ == "__main__":
    CloneStack.main()
