"""Copy a collection of point matches to another service or owner."""

from __future__ import annotations

from argschema.fields import Boolean, Str

from renderapps.module import ParallelParameters, RenderModuleException, TaskFailure, parameter
from renderapps.pointmatch.match_collection import locked_collection, p_groups_of
from renderapps.pointmatch.match_target import MatchTarget
from renderapps.transfer.match_copy import MatchCopy
from renderapps.transfer.transfer_module import RenderTransfer, RenderTransferParameters


class PointMatchTransferParameters(ParallelParameters, RenderTransferParameters):
    """Parameters of move_pointmatch."""

    collection_source = parameter(
        Str, "collection to copy, of the owner of render_source", aliases=["collection_in"]
    )
    collection_target = parameter(
        Str,
        "collection to write, of the owner of render_target",
        default=None,
        default_text="collection_source",
        aliases=["collection_out"],
    )
    delete_target = parameter(
        Boolean,
        "let the copy take the place of the target collection when it is complete; else pairs "
        "that it has are replaced and others stay",
        default=False,
    )


class PointMatchTransfer(RenderTransfer):
    """Pairs that the target has already are replaced, so that a run can be repeated.

    What is recorded with the collection (`local_transforms`) is copied too. Every group is read
    back and compared.
    """

    default_schema = PointMatchTransferParameters

    def run(self) -> None:
        """Copy group by group and report how many pairs there were."""
        name = self.args["collection_source"]
        target = self.args["collection_target"] or name
        same = self.same_owner() and target == name
        self.refuse_same(same, "match collection", name, "collection_target")
        groups = p_groups_of(self.render_source, None, name)
        owner = self.render_target.DEFAULT_OWNER or ""
        existing = "replace" if self.args["delete_target"] and groups else "append"
        with locked_collection(self.render_target, owner, target, self.module_name()) as lock:
            output = MatchTarget(self.render_target, owner, target, existing, lock)
            output.recover()
            try:
                failed = self.copy(groups, output)
                if not failed:
                    output.close()
            finally:
                output.abandon()
        if failed:
            left = "run again to complete the copy"
            if output.is_beside:
                left = f"{target} is as it was before"
            raise RenderModuleException(
                f"{len(failed)} of {len(groups)} groups failed; "
                f"{failed[0].item}: {failed[0].reason}; {left}"
            )

    def copy(self, groups: list[str], output: MatchTarget) -> list[TaskFailure]:
        """Copy and report the groups; those that failed."""
        name = self.args["collection_source"]
        copy = MatchCopy(self.render_source, self.render_target, name, output.written)
        if not copy.copy_metadata():
            self.logger.warning("the target service cannot record the metadata of %s", name)
        results = self.map_tasks(copy.copy_group, groups, "copying matches", also_here=True)
        failed = [r for r in results if isinstance(r, TaskFailure)]
        self.output(
            {
                "collection_source": name,
                "collection_target": output.name,
                "groups": len(groups),
                "pairs": sum(r for r in results if not isinstance(r, TaskFailure)),
                "failed_groups": [{"groupId": f.item, "reason": f.reason} for f in failed],
            }
        )
        return failed


if __name__ == "__main__":
    PointMatchTransfer.main()
