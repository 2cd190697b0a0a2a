"""Read a project (tiles, transforms, matches, metadata) from an archive of export_project."""

from __future__ import annotations

from typing import Any

from argschema.fields import Boolean, List, Str
from marshmallow.validate import OneOf

import renderapi
from renderapps.module import RenderModule, RenderModuleException, RenderParameters
from renderapps.module.kept_sections import KeptSections
from renderapps.module.stack_target import EXISTING, open_output, stack_state
from renderapps.module.tile_documents import Section, read_section, write_section
from renderapps.transfer.archive import ArchiveReader, member_name, read_archive
from renderapps.transfer.match_copy import batches, record_metadata
from renderapps.transfer.move_stacks_and_data_to_s3 import StorageParameters, storage_of

NOT_OPEN = ("LOADING", "OFFLINE")


class ImportProjectParameters(StorageParameters, RenderParameters):
    """Parameters of import_project."""

    archive = Str(
        required=True,
        metadata={"description": "ZIP file to read: a path, or a URL such as s3://bucket/a.zip"},
    )
    stacks = List(
        Str(),
        allow_none=True,
        load_default=None,
        metadata={"description": "stacks to read", "default_text": "all"},
    )
    match_collections = List(
        Str(),
        allow_none=True,
        load_default=None,
        metadata={
            "description": "match collections to read; pairs that are there are replaced",
            "default_text": "all",
            "aliases": ["matchCollections"],
        },
    )
    existing = Str(
        load_default=EXISTING[0],
        validate=OneOf(EXISTING),
        metadata={
            "description": "what to do with a stack that has tiles: overwrite_z replaces the "
            "sections that are read and keeps the others, replace empties it first, fail refuses"
        },
    )
    check_only = Boolean(
        load_default=False,
        metadata={"description": "compare all checksums and write nothing"},
    )


class ImportProject(RenderModule):
    """Every checksum is compared before anything is written.

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
            if not self.args["check_only"]:
                for stack in stacks:
                    self.write_stack(archive, stack)
                for collection in collections:
                    self.write_collection(archive, collection)
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
            }
        )

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

    def write_stack(self, archive: ArchiveReader, entry: dict[str, Any]) -> None:
        """Write a stack section by section and give it the state it had."""
        name = entry["name"]
        if stack_state(self.render, name) == "READ_ONLY" and self.holds(archive, entry):
            self.logger.info("stack %s is READ_ONLY and as in the archive", name)
            return
        metadata = archive.read(member_name("stacks", name, "stack.json"))
        version = renderapi.stack.StackVersion(**metadata.get("currentVersion") or {})
        open_output(self.render, name, version, self.args["existing"])
        kept = KeptSections.beside(
            self.render, name, [float(section["z"]) for section in entry["sections"]]
        )
        for section in entry["sections"]:
            document = archive.read(section["file"])
            read = section_of(section, document)
            kept.check(read)
            write_section(self.render, name, read, moved=False)
            self.logger.info("stack %s: z=%s, %d tiles", name, section["z"], len(read.tiles))
        if entry["state"] not in NOT_OPEN and entry["sections"]:
            renderapi.stack.set_stack_state(name, "COMPLETE", render=self.render)
            renderapi.stack.set_stack_state(name, entry["state"], render=self.render)

    def holds(self, archive: ArchiveReader, entry: dict[str, Any]) -> bool:
        """Whether a stack has exactly the sections of the archive."""
        name, sections = entry["name"], entry["sections"]
        zs = renderapi.stack.get_z_values_for_stack(name, render=self.render)
        return sorted(zs) == sorted(section["z"] for section in sections) and all(
            read_section(self.render, name, float(section["z"]))
            == section_of(section, archive.read(section["file"]))
            for section in sections
        )

    def write_collection(self, archive: ArchiveReader, entry: dict[str, Any]) -> None:
        """Write a collection group by group."""
        name = entry["name"]
        found = archive.read(member_name("matches", name, "metadata.json"))
        if found and not record_metadata(self.render, name, found):
            self.logger.warning("the service cannot record the metadata of %s", name)
        for file in entry["files"]:
            for batch in batches(archive.read(file)):
                renderapi.pointmatch.import_matches(name, batch, render=self.render)


def section_of(entry: dict[str, Any], document: dict[str, Any]) -> Section:
    """A section as the archive holds it."""
    tiles = list(document["tileIdToSpecMap"].values())
    return Section(float(entry["z"]), tiles, document["transformIdToSpecMap"])


if __name__ == "__main__":
    ImportProject.main()
