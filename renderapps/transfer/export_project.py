"""Write a project (tiles, transforms, matches, metadata) as one archive with checksums."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from argschema.fields import List, Str

import renderapi
from renderapps.module import RenderModule, RenderModuleException, RenderParameters
from renderapps.module.section_module import missing_stack
from renderapps.module.stack_target import stack_metadata
from renderapps.module.tile_documents import Section, read_section
from renderapps.transfer.archive import ArchiveWriter, member_name, written_archive
from renderapps.transfer.match_copy import p_groups
from renderapps.transfer.move_stacks_and_data_to_s3 import StorageParameters, storage_of


class ExportProjectParameters(StorageParameters, RenderParameters):
    """Parameters of export_project."""

    archive = Str(
        required=True,
        metadata={"description": "ZIP file to write: a path, or a URL such as s3://bucket/a.zip"},
    )
    stacks = List(
        Str(),
        allow_none=True,
        load_default=None,
        metadata={"description": "stacks to write", "default_text": "all of the project"},
    )
    match_collections = List(
        Str(),
        allow_none=True,
        load_default=None,
        metadata={
            "description": "match collections to write; they belong to the owner, not to a project",
            "default_text": "all of the owner",
            "aliases": ["matchCollections"],
        },
    )


class ExportProject(RenderModule):
    """Everything that the service holds goes into the archive, exactly as it holds it.

    Image files do not: they stay where they are, or are copied with
    `transfer.move_stacks_and_data_to_s3`. `transfer.import_project` reads the archive.
    """

    default_schema = ExportProjectParameters

    def run(self) -> None:
        """Write stacks and collections, then the manifest."""
        stacks, collections = self.chosen_stacks(), self.chosen_collections()
        with written_archive(self.args["archive"], storage_of(self.args)) as archive:
            contents = {
                "owner": self.render.DEFAULT_OWNER,
                "project": self.render.DEFAULT_PROJECT,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "stacks": [self.write_stack(archive, name) for name in stacks],
                "collections": [self.write_collection(archive, name) for name in collections],
            }
            archive.finish(contents)
        self.output({"archive": self.args["archive"], **contents, "files": len(archive.members)})

    def chosen_stacks(self) -> list[str]:
        """Stacks to write; all of them exist."""
        there = renderapi.render.get_stacks_by_owner_project(render=self.render)
        chosen = self.args["stacks"]
        for name in chosen or ():
            if name not in there:
                raise RenderModuleException(missing_stack(self.render, name))
        return sorted(there) if chosen is None else list(dict.fromkeys(chosen))

    def chosen_collections(self) -> list[str]:
        """Collections to write; all of them exist."""
        found = renderapi.pointmatch.get_matchcollections(render=self.render)
        there = sorted(entry["collectionId"]["name"] for entry in found)
        chosen = self.args["match_collections"]
        for name in chosen or ():
            if name not in there:
                raise RenderModuleException(
                    f"owner {self.render.DEFAULT_OWNER} has no match collection {name}"
                )
        return there if chosen is None else list(dict.fromkeys(chosen))

    def write_stack(self, archive: ArchiveWriter, stack: str) -> dict[str, Any]:
        """Write a stack section by section; its entry in the manifest."""
        metadata = stack_metadata(self.render, stack)
        archive.add(member_name("stacks", stack, "stack.json"), metadata)
        sections = []
        for z in renderapi.stack.get_z_values_for_stack(stack, render=self.render):
            section = read_section(self.render, stack, z)
            file = archive.add(member_name("stacks", stack, f"z_{float(z)!r}.json"), body(section))
            sections.append({"z": z, "tiles": len(section.tiles), "file": file})
            self.logger.info("stack %s: z=%s, %d tiles", stack, z, len(section.tiles))
        return {"name": stack, "state": metadata["state"], "sections": sections}

    def write_collection(self, archive: ArchiveWriter, collection: str) -> dict[str, Any]:
        """Write a collection group by group; its entry in the manifest."""
        found = renderapi.pointmatch.get_collection_metadata(collection, render=self.render)
        archive.add(member_name("matches", collection, "metadata.json"), found)
        files, pairs = [], 0
        for number, group in enumerate(p_groups(self.render, collection)):
            matches = renderapi.pointmatch.get_matches_with_group(
                collection, group, render=self.render
            )
            pairs += len(matches)
            files.append(archive.add(member_name("matches", collection, f"{number}.json"), matches))
        return {"name": collection, "pairs": pairs, "files": files}


def body(section: Section) -> dict[str, Any]:
    """A section as the service exchanges it."""
    return {
        "transformIdToSpecMap": section.transforms,
        "tileIdToSpecMap": {tile["tileId"]: tile for tile in section.tiles},
    }


if __name__ == "__main__":
    ExportProject.main()
