"""Read a project (tiles, transforms, matches, metadata, images) from its archive."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from argschema.fields import Boolean, OutputDir, Str
from marshmallow import ValidationError, validates_schema

import renderapi
from renderapi.urls import path_to_url
from renderapps.module import (
    OutputStack,
    RenderModule,
    RenderModuleException,
    Section,
    parameter,
    written,
)
from renderapps.module.output_parameters import ExistingStackParameters
from renderapps.module.stacks import stack_state
from renderapps.module.tile_documents import Json, read_section
from renderapps.pointmatch.match_collection import locked_collection
from renderapps.pointmatch.match_target import MatchTarget
from renderapps.transfer.archive import ArchiveReader, member_name, read_archive
from renderapps.transfer.archive_parameters import ArchiveParameters
from renderapps.transfer.archived_images import UnpackedImages
from renderapps.transfer.move_stacks_and_data_to_s3 import storage_of
from renderapps.transfer.url_rewriting import UrlRules, split_url

NOT_OPEN = ("LOADING", "OFFLINE")


class ImportProjectParameters(ExistingStackParameters, ArchiveParameters):
    """Parameters of import_project."""

    check_only = parameter(Boolean, "compare all checksums and write nothing", default=False)
    image_directory = parameter(
        OutputDir,
        "folder below which the images of the archive are unpacked, in the folders they had; the "
        "tiles then name them there",
        default=None,
        default_text="images are not unpacked and URLs stay as they are",
    )
    source_prefix = parameter(
        Str,
        "with image_directory: folder or object store that is taken off the paths; images that "
        "are not below it are not unpacked",
        default=None,
        default_text="none: whole paths",
    )

    @validates_schema
    def prefix_is_taken_off_paths(self, data: dict[str, Any], **_: Any) -> None:
        """A prefix is a place, and without a folder nothing is unpacked."""
        prefix = data["source_prefix"]
        if prefix is not None and data["image_directory"] is None:
            raise ValidationError("only with image_directory", "source_prefix")
        if prefix is not None and split_url(prefix) is None:
            raise ValidationError("neither a folder nor an object store", "source_prefix")


class ImportProject(RenderModule):
    """Every checksum is compared before anything is written; images come before stacks.

    Stacks get the state they had. A run that was interrupted is completed by the next one, and
    running again changes nothing. A READ_ONLY stack that differs from the archive is refused.
    """

    default_schema = ImportProjectParameters

    def run(self) -> None:
        """Verify the archive, then write stacks and collections."""
        with read_archive(self.args["archive"], storage_of(self.args)) as archive:
            stacks = self.chosen(archive, "stacks", "stacks")
            collections = self.chosen(archive, "collections", "match_collections")
            files = archive.verify()
            self.images = self.unpacked_images(archive)
            if not self.args["check_only"]:
                self.write_all(archive, stacks, collections)
        self.output(
            {
                "archive": self.args["archive"],
                "files": files,
                "written": not self.args["check_only"],
                "stacks": [
                    {"name": s["name"], "tiles": sum(e["tiles"] for e in s["sections"])}
                    for s in stacks
                ],
                "collections": [{"name": c["name"], "pairs": c["pairs"]} for c in collections],
                "images": len(self.images.moves.old_by_new) if self.images else 0,
                "images_written": self.images.written if self.images else 0,
            }
        )

    def write_all(
        self, archive: ArchiveReader, stacks: list[Json], collections: list[Json]
    ) -> None:
        """Write stacks and collections, once none of them has to be refused."""
        with ExitStack() as held:
            outputs = self.outputs(archive, stacks)
            for output, _ in outputs:
                output.check()
            targets = [self.match_target(collection, held) for collection in collections]
            for stack in stacks:
                self.unpack(archive, stack)
            self.write_stacks(archive, outputs)
            for target, collection in zip(targets, collections, strict=True):
                self.write_collection(archive, collection, target)

    def match_target(self, entry: Json, held: ExitStack) -> MatchTarget:
        """Where a collection goes, locked: pairs of one that stays are kept, or it is replaced."""
        name, owner = entry["name"], self.render.DEFAULT_OWNER or ""
        lock = held.enter_context(locked_collection(self.render, owner, name, self.module_name()))
        existing = self.args["existing"] if entry["pairs"] else "append"
        existing = "append" if existing == "overwrite_z" else existing
        target = MatchTarget(self.render, owner, name, existing, lock)
        target.recover()
        target.open()
        return target

    def unpacked_images(self, archive: ArchiveReader) -> UnpackedImages | None:
        """Where the images of the archive go; None where they are not unpacked."""
        if self.args["image_directory"] is None:
            return None
        folder = path_to_url(Path(self.args["image_directory"]).absolute())
        return UnpackedImages(archive, UrlRules(folder, self.args["source_prefix"]))

    def unpack(self, archive: ArchiveReader, entry: dict[str, Any]) -> None:
        """Write the image files of a stack."""
        if self.images is None:
            return
        for section in entry["sections"]:
            self.images.unpack(section_of(section, archive.read(section["file"])))
            self.logger.info("stack %s: images of z=%s", entry["name"], section["z"])

    def read(self, archive: ArchiveReader, entry: dict[str, Any]) -> Section:
        """A section of the archive, with the URLs that its images have now."""
        section = section_of(entry, archive.read(entry["file"]))
        if self.images is not None:
            self.images.rewrite(section)
        return section

    def chosen(self, archive: ArchiveReader, kind: str, parameter: str) -> list[dict[str, Any]]:
        """Entries of the manifest that the parameters select."""
        entries = {entry["name"]: entry for entry in archive.manifest[kind]}
        wanted = self.args[parameter]
        for name in wanted or ():
            if name not in entries:
                there = ", ".join(entries) or "none"
                raise RenderModuleException(
                    f"archive {archive.where} has no {name} among its {kind} ({there})"
                )
        return [entries[name] for name in (entries if wanted is None else dict.fromkeys(wanted))]

    def outputs(
        self, archive: ArchiveReader, entries: Sequence[dict[str, Any]]
    ) -> list[tuple[OutputStack, dict[str, Any]]]:
        """The stacks to write, with their entries; not those that are as in the archive already."""
        outputs = []
        for entry in entries:
            name = entry["name"]
            if stack_state(self.render, name) == "READ_ONLY" and self.holds(archive, entry):
                self.logger.info("stack %s is READ_ONLY and as in the archive", name)
                continue
            metadata = archive.read(member_name("stacks", name, "stack.json"))
            is_open = entry["state"] in NOT_OPEN or not entry["sections"]
            output = OutputStack(
                self.render,
                name,
                [float(section["z"]) for section in entry["sections"]],
                metadata.get("currentVersion") or {},
                existing=self.args["existing"],
                state="LOADING" if is_open else entry["state"],
                may_be_empty=True,
            )
            outputs.append((output, entry))
        return outputs

    def write_stacks(
        self, archive: ArchiveReader, outputs: Sequence[tuple[OutputStack, dict[str, Any]]]
    ) -> None:
        """Write all stacks section by section; they change at once, to the state they had."""
        if not outputs:
            return
        with written([output for output, _ in outputs], self.module_name()):
            for output, entry in outputs:
                for section in entry["sections"]:
                    tiles = output.write(self.read(archive, section), moved=False)
                    self.logger.info("stack %s: z=%s, %d tiles", output.stack, section["z"], tiles)

    def holds(self, archive: ArchiveReader, entry: dict[str, Any]) -> bool:
        """Whether a stack has exactly the sections of the archive."""
        name, sections = entry["name"], entry["sections"]
        zs = renderapi.stack.get_z_values_for_stack(name, render=self.render)
        return sorted(zs) == sorted(section["z"] for section in sections) and all(
            read_section(self.render, name, float(section["z"])) == self.read(archive, section)
            for section in sections
        )

    def write_collection(self, archive: ArchiveReader, entry: Json, target: MatchTarget) -> None:
        """Write a collection group by group; it changes when all have been written."""
        found = archive.read(member_name("matches", target.name, "metadata.json"))
        try:
            if found and not target.record(found):
                self.logger.warning("the service cannot record the metadata of %s", target.name)
            for file in entry["files"]:
                target.write_documents(archive.read(file))
            target.close()
        except BaseException:
            target.abandon()
            raise


def section_of(entry: dict[str, Any], document: dict[str, Any]) -> Section:
    """A section as the archive holds it."""
    tiles = list(document["tileIdToSpecMap"].values())
    return Section(float(entry["z"]), tiles, document["transformIdToSpecMap"])


if __name__ == "__main__":
    ImportProject.main()
