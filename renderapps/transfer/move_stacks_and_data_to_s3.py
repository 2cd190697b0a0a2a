"""Copy stacks with their images and mipmaps to an object store or folder, or bring them back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from argschema.fields import Boolean, Dict, Int, List, Str
from argschema.schemas import DefaultSchema
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapps.module import ParallelParameters, RenderModuleException, TaskFailure, parameter
from renderapps.module.stacks import missing_stack, stack_state
from renderapps.transfer.stack_copy import StackCopy, StackTransferParametersBase, write_copies
from renderapps.transfer.storage import Copied, Storage, copy_verified, look_for_copy
from renderapps.transfer.transfer_module import RenderTransfer


class StorageParameters(DefaultSchema):
    """How object stores are reached. Credentials come from where the s3fs package finds them."""

    aws_region = parameter(
        Str, "region of the bucket", default=None, default_text="that of the account"
    )
    endpoint_url = parameter(
        Str, "address of a server with the S3 protocol that is not Amazon's", default=None
    )
    storage_options = parameter(
        Dict,
        "further arguments of the fsspec file system of the object store",
        default=dict,
        default_text="{}",
        keys=Str(),
    )
    retries = parameter(
        Int, "how often a transfer that failed is tried again", default=4, validate=Range(min=0)
    )


def storage_of(args: dict[str, Any]) -> Storage:
    """Storage that the parameters of `StorageParameters` describe."""
    return Storage(
        args["aws_region"], args["endpoint_url"], args["storage_options"], args["retries"]
    )


class MoveStacksAndDataToS3Parameters(
    ParallelParameters, StorageParameters, StackTransferParametersBase
):
    """Parameters of move_stacks_and_data_to_s3."""

    input_stacks = parameter(List, "stacks to copy", Str(), validate=Length(min=1))
    output_stacks = parameter(
        List,
        "names in the target, in the order of input_stacks",
        Str(),
        default=None,
        default_text="the same names",
    )
    output_prefix = parameter(
        Str, "put before the name of every stack, instead of output_stacks", default=""
    )
    upload_data = parameter(Boolean, "copy the images, mipmaps and masks", default=False)
    check_only = parameter(
        Boolean,
        "with upload_data: only say which files have a copy; nothing is written",
        default=False,
    )
    pool_size = parameter(
        Int, "number of files that are copied at once", default=8, validate=Range(min=1)
    )

    @validates_schema
    def names_go_together(self, data: dict[str, Any], **_: Any) -> None:
        """Each stack has one name in the target."""
        names = data["output_stacks"]
        if names is not None and data["output_prefix"]:
            raise ValidationError("give output_stacks or output_prefix, not both", "output_prefix")
        if names is not None and len(names) != len(data["input_stacks"]):
            raise ValidationError("as many as input_stacks are needed", "output_stacks")
        names = names or data["input_stacks"]
        if len(set(names)) < len(names):
            raise ValidationError("two stacks would get one name", "output_stacks")

    @validates_schema
    def check_looks_at_data(self, data: dict[str, Any], **_: Any) -> None:
        """check_only is about files; files are copied under their new URLs."""
        if data["check_only"] and not data["upload_data"]:
            raise ValidationError("needs upload_data", "check_only")
        if data["upload_data"] and not data["rewrite_urls"]:
            raise ValidationError("needed with upload_data", "rewrite_urls")


class MoveStacksAndDataToS3(RenderTransfer):
    """Files first, then the tiles that name them: a stack appears when all its files have arrived.

    A file whose copy is there with the same size and checksum is skipped, so that an interrupted
    run is completed by the next one; every copy is compared with its original. The same module
    brings a project back: the s3:// URLs of its tiles are then the source, `data_destination` is a
    folder and `source_prefix` what is taken off. Object keys are the paths, with `=20` for a blank.
    """

    default_schema = MoveStacksAndDataToS3Parameters

    def run(self) -> None:
        """Find the files, copy them, then write the stacks."""
        copies = self.stack_copies()
        for copy in copies:
            copy.scan()
        files = self.move_files(copies) if self.args["upload_data"] else []
        failed = [file for file in files if file.status in ("missing", "failed")]
        stacks: list[dict[str, Any]] = []
        if self.args["upload_json"] and not failed and not self.args["check_only"]:
            stacks = write_copies(copies, self.args, self.module_name())
        self.output({"stacks": stacks} | file_report(files) | url_report(copies))
        if failed:
            raise RenderModuleException(
                f"{len(failed)} of {len(files)} files were not copied and no stack was written; "
                f"{failed[0].old}: {failed[0].reason}; run again to complete the copy"
            )

    def stack_copies(self) -> list[StackCopy]:
        """The stacks with their names in the target; all are there, and none is its own target."""
        stacks = self.args["input_stacks"]
        names = self.args["output_stacks"] or [self.args["output_prefix"] + s for s in stacks]
        for name, out in zip(stacks, names, strict=True):
            same = self.same_project() and name == out and self.args["upload_json"]
            self.refuse_same(same, "stack", name, "output_stacks")
            if stack_state(self.render_source, name) is None:
                raise RenderModuleException(missing_stack(self.render_source, name))
        connections = (self.render_source, self.render_target)
        copies = [
            StackCopy.chosen(connections, pair, self.args)
            for pair in zip(stacks, names, strict=True)
        ]
        if self.args["upload_json"] and not self.args["check_only"]:
            for copy in copies:
                copy.output(self.args).check()
        return copies

    def move_files(self, copies: list[StackCopy]) -> list[Copied]:
        """Copy every file once, several at a time."""
        storage = storage_of(self.args)
        storage.check_access(self.args["data_destination"])
        old_by_new: dict[str, str] = {}
        for copy in copies:
            for old, new in copy.moves.pairs:
                if old_by_new.setdefault(new, old) != old:
                    raise RenderModuleException(
                        f"{old} and {old_by_new[new]} would both become {new}; "
                        "move their stacks to different destinations"
                    )
        work = partial(look_for_copy if self.args["check_only"] else copy_verified, storage=storage)
        pairs = [(old, new) for new, old in old_by_new.items()]
        if self.args["dask_scheduler"]:
            found = zip(pairs, self.map_tasks(work, pairs, "copying files"), strict=True)
            return [
                Copied(*pair, "failed", reason=one.reason) if isinstance(one, TaskFailure) else one
                for pair, one in found
            ]
        with ThreadPoolExecutor(self.args["pool_size"]) as pool:
            return list(pool.map(work, pairs))


def file_report(files: list[Copied]) -> dict[str, Any]:
    """New URLs by what became of the files, reasons, and the bytes that were copied."""
    report: dict[str, Any] = {
        status: [file.new for file in files if file.status == status]
        for status in ("uploaded", "skipped", "absent")
    }
    for status in ("missing", "failed"):
        report[status] = [
            {"url": file.old, "reason": file.reason} for file in files if file.status == status
        ]
    return report | {"bytes": sum(file.size for file in files if file.status == "uploaded")}


def url_report(copies: list[StackCopy]) -> dict[str, Any]:
    """URLs that no rule could change, such as those of services and volumes."""
    return {"unchanged_urls": sorted(set().union(*(copy.moves.staying for copy in copies)))}


if __name__ == "__main__":
    MoveStacksAndDataToS3.main()
