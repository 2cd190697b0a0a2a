"""Mirror a stack vertically by writing flipped image files instead of mirroring transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Float, OutputDir
from marshmallow import ValidationError, validates_schema

from renderapi.urls import url_to_path
from renderapps.module import RenderModuleException, parameter
from renderapps.module.derived_images import show_alone
from renderapps.module.image_edit import ImageEditModule, holders, summed
from renderapps.module.stack_edit import InPlaceEditParameters
from renderapps.module.tile_documents import (
    Json,
    Section,
    first_level,
    image_entries,
    read_section,
)
from renderapps.stack.flipping import flipped_file, flipped_transforms


class FlipStackParameters(InPlaceEditParameters):
    """Parameters of flip_stack_by_raw_image_flip."""

    minZ = parameter(Float, "lowest z to flip", aliases=["zmin", "minz"])
    maxZ = parameter(Float, "highest z to flip", aliases=["zmax", "maxz"])
    output_directory = parameter(
        OutputDir,
        "folder for the flipped images: that of /data/a.tif is data/a_flip.png below it (or .tif, "
        "for other than 8 and 16 bit; with 12 digits where that file has other content)",
        default=None,
        default_text="beside each image",
    )
    delete_after = parameter(
        Boolean,
        "remove the original images when all flipped ones have been checked and the stack, which "
        "must be edited in place, is complete; files that other sections of it show stay",
        default=False,
    )

    @validates_schema
    def originals_are_not_needed(self, data: dict[str, Any], **_: Any) -> None:
        """Another stack would be left without its images."""
        if data["delete_after"] and data["output_stack"] and not data["in_place"]:
            raise ValidationError(
                "not with an output_stack: the input stack still shows the originals",
                "delete_after",
            )


class FlipStack(ImageEditModule):
    """The world is mirrored at y = 0: a box from y to y + h comes to be at -y - h to -y.

    Images of the first level (0 where there is one), masks and channels are flipped. Higher mipmap
    levels are dropped: they would not show the same (make them again with generate_mipmaps).
    Transforms of affine tiles stay free of mirrors.
    """

    default_schema = FlipStackParameters
    in_place_by_default = True
    moves_tiles = True

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section mirrored, with its flipped images."""
        section, report = super().edit(sections)
        for tile in section.tiles:
            tile["transforms"] = flipped_transforms(tile, section.transforms)
        return section, {
            "flipped_files": len(set(report["files"])),
            "originals": sorted(set(report["originals"])),
            "dropped_mipmaps": report["dropped"],
        }

    def edit_tile(self, tile: Json) -> dict[str, Any]:
        """Flip image and mask of the first level of a tile and of its channels."""
        if not any(map(first_level, holders(tile))):
            raise RenderModuleException("it has no image to flip")
        return summed(map(self.flip, holders(tile)))

    def flip(self, holder: Json) -> dict[str, Any]:
        """Flip image and mask of the first level of a tile or channel; other levels go."""
        found = first_level(holder)
        if found is None:
            return {}
        level, entry = found
        kinds = [kind for kind in ("image", "mask") if entry.get(f"{kind}Url")]
        files = {kind: flipped_file(entry, kind, self.args["output_directory"]) for kind in kinds}
        dropped = show_alone(holder, level, *(files[kind][1] for kind in kinds))
        return {
            "files": [str(new) for _, new in files.values()],
            # a file of several images is not needed for this one alone
            "originals": [
                str(files[kind][0]) for kind in kinds if entry.get(f"{kind}SliceNumber") is None
            ],
            "dropped": dropped,
        }

    def finish(self, sections: list[dict[str, Any]]) -> dict[str, Any]:
        """Remove the originals, if that was asked for and every section succeeded."""
        if not self.args["delete_after"] or len(sections) < len(self.select_zs()):
            return {"deleted": []}
        originals = {path for entry in sections for path in entry["originals"]}
        used = originals & self.files_shown()
        for path in sorted(originals - used):
            Path(path).unlink(missing_ok=True)
        return {"deleted": sorted(originals - used), "still_used": sorted(used)}

    def files_shown(self) -> set[str]:
        """The images and masks that the sections which were not flipped show."""
        return {
            str(path)
            for z in self.target.kept_zs
            for tile in read_section(self.render, self.output_stack, z).tiles
            for _, entry in image_entries(tile)
            for key in ("imageUrl", "maskUrl")
            if entry.get(key) and (path := url_to_path(entry[key])) is not None
        }


if __name__ == "__main__":
    FlipStack.main()
