"""Write a project (tiles, transforms, matches, metadata, images) as one archive."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from argschema.fields import Boolean
from marshmallow import ValidationError, validates_schema

import renderapi
from renderapi.urls import url_scheme, url_to_path
from renderapps.module import ParameterError, RenderModule, RenderModuleException, parameter
from renderapps.module.fields import check_new_file
from renderapps.module.stack_listing import stacks_there
from renderapps.module.stacks import missing_stack, stack_metadata, stack_zs
from renderapps.module.tile_documents import Section, read_section
from renderapps.pointmatch.match_collection import p_groups_of
from renderapps.transfer.archive import ArchiveWriter, member_name, written_archive
from renderapps.transfer.archive_parameters import ArchiveParameters
from renderapps.transfer.archived_images import CollectedImages
from renderapps.transfer.move_stacks_and_data_to_s3 import storage_of


class ExportProjectParameters(ArchiveParameters):
    """Parameters of export_project."""

    include_images = parameter(
        Boolean, "put the image, mask and mipmap files of the tiles in, too", default=False
    )
    skip_missing = parameter(
        Boolean,
        "with include_images: leave out files that are missing, and list them in the output, "
        "instead of failing",
        default=False,
    )

    @validates_schema
    def only_images_are_skipped(self, data: dict[str, Any], **_: Any) -> None:
        """Without images none can be missing."""
        if data["skip_missing"] and not data["include_images"]:
            raise ValidationError("only with include_images", "skip_missing")


class ExportProject(RenderModule):
    """Everything that the service holds goes into the archive, exactly as it holds it.

    Image files go with it if `include_images` says so, save pictures of services, volumes, and
    files that a mipmapPathBuilder finds; else they stay where they are, or are copied with
    `transfer.move_stacks_and_data_to_s3`. `transfer.import_project` reads the archive.
    """

    default_schema = ExportProjectParameters

    def open_connections(self) -> None:
        """Connect; before that, whether the archive can be written where it is on this machine."""
        archive = self.args["archive"]
        if url_scheme(archive) == "file":
            try:
                check_new_file(str(url_to_path(archive)))
            except ValidationError as error:
                raise ParameterError(
                    [f"archive: {line} (got {archive!r})" for line in error.messages]
                ) from None
        super().open_connections()

    def run(self) -> None:
        """Write stacks and collections, then the manifest."""
        stacks, collections = self.chosen_stacks(), self.chosen_collections()
        storage = storage_of(self.args)
        self.images = CollectedImages(storage)
        with written_archive(self.args["archive"], storage) as archive:
            contents = {
                "owner": self.render.DEFAULT_OWNER,
                "project": self.render.DEFAULT_PROJECT,
                "created": datetime.now(UTC).isoformat(timespec="seconds"),
                "stacks": [self.write_stack(archive, name) for name in stacks],
                "collections": [self.write_collection(archive, name) for name in collections],
            }
            images, missing = self.write_images(archive)
            archive.finish(contents | {"images": images})
        report = {
            "images": len(images),
            "images_left_out": sorted(self.images.left_out),
            "missing_images": missing,
        }
        files = {"files": len(archive.members)}
        self.output({"archive": self.args["archive"], **contents, **report, **files})

    def write_images(self, archive: ArchiveWriter) -> tuple[list[dict[str, str]], list[str]]:
        """Write the image files, if they are included; their entries, and those that are missing.

        All are looked for before the first is written.
        """
        if not self.args["include_images"]:
            return [], []
        missing = self.images.drop_missing(self.args["skip_missing"])
        self.logger.info("%d image files", len(self.images.urls))
        return self.images.write(archive), missing

    def chosen_stacks(self) -> list[str]:
        """Stacks to write; all of them exist."""
        there = stacks_there(self.render)
        chosen = self.args["stacks"]
        if not there and not chosen and not self.args["match_collections"]:
            raise RenderModuleException(
                f"owner {self.render.DEFAULT_OWNER} has no stacks in project "
                f"{self.render.DEFAULT_PROJECT}: check the name"
            )
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
        for z in stack_zs(self.render, stack):
            section = read_section(self.render, stack, z)
            if self.args["include_images"]:
                self.images.note(section)
            file = archive.add(member_name("stacks", stack, f"z_{float(z)!r}.json"), body(section))
            sections.append({"z": z, "tiles": len(section.tiles), "file": file})
            self.logger.info("stack %s: z=%s, %d tiles", stack, z, len(section.tiles))
        return {"name": stack, "state": metadata["state"], "sections": sections}

    def write_collection(self, archive: ArchiveWriter, collection: str) -> dict[str, Any]:
        """Write a collection group by group; its entry in the manifest."""
        found = renderapi.pointmatch.get_collection_metadata(collection, render=self.render)
        archive.add(member_name("matches", collection, "metadata.json"), found)
        files, pairs = [], 0
        for number, group in enumerate(p_groups_of(self.render, None, collection)):
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
