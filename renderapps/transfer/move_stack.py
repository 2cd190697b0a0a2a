"""Copy a stack to another service or project, with new URLs for where its images will be."""

from __future__ import annotations

from argschema.fields import Str

from renderapps.module import parameter
from renderapps.transfer.stack_copy import StackCopy, StackTransferParametersBase, write_copies
from renderapps.transfer.transfer_module import RenderTransfer


class StackTransferParameters(StackTransferParametersBase):
    """Parameters of move_stack."""

    stack_in = parameter(Str, "stack to copy", aliases=["input_stack"])
    stack_out = parameter(
        Str, "stack to write", default=None, default_text="stack_in", aliases=["output_stack"]
    )


class StackTransfer(RenderTransfer):
    """Every field, reference to a shared transform, and the resolution of the stack arrive.

    The files themselves are not copied; the output lists which ones have to be, from where to
    where (`files`), and which URLs were left as they are. Running again gives the same; a run
    that was interrupted is completed by the next one.
    """

    default_schema = StackTransferParameters

    def run(self) -> list[tuple[str, str]]:
        """Copy the stack; (old URL, new URL) of every file that its tiles name."""
        name = self.args["stack_in"]
        out = self.args["stack_out"] or name
        if self.args["upload_json"]:
            self.refuse_same(self.same_project() and out == name, "stack", name, "stack_out")
        connections = (self.render_source, self.render_target)
        copy = StackCopy.chosen(connections, (name, out), self.args)
        report = {"stack_in": name, "stack_out": None}
        if self.args["upload_json"]:
            (report,) = write_copies([copy], self.args, self.module_name())
        else:
            copy.scan()
        pairs = copy.moves.pairs
        self.output(
            report
            | {
                "files": [{"old": old, "new": new} for old, new in pairs],
                "unchanged_urls": sorted(copy.moves.staying),
            }
        )
        return pairs


if __name__ == "__main__":
    StackTransfer.main()
