"""Mirror a stack vertically by writing flipped image files instead of mirroring transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from argschema.fields import Boolean, Float, OutputDir
from marshmallow import ValidationError, validates_schema

from renderapi.urls import path_to_url, url_to_path
from renderapps.module import RenderModuleException
from renderapps.module.effort import IMAGES_WORTH_WORKERS
from renderapps.module.tile_documents import (
    Json,
    Section,
    first_level,
    image_entries,
    read_section,
)
from renderapps.module.tile_edit import (
    InPlaceEditParameters,
    TileEditModule,
)
from renderapps.stack.flipping import flipped_file, flipped_transforms


class FlipStackParameters(InPlaceEditParameters):
    """Parameters of flip_stack_by_raw_image_flip."""

    minZ = Float(
        required=True,
        metadata={"description": "lowest z to flip", "aliases": ["zmin", "minz"]},
    )
    maxZ = Float(
        required=True,
        metadata={"description": "highest z to flip", "aliases": ["zmax", "maxz"]},
    )
    output_directory = OutputDir(
        allow_none=True,
        load_default=None,
        metadata={
            "description": "folder for the flipped images: that of /data/a.tif is "
            "data/a_flip.png below it (or .tif, for other than 8 and 16 bit)",
            "default_text": "beside each image",
        },
    )
    delete_after = Boolean(
        load_default=False,
        metadata={
            "description": "remove the original images when all flipped ones have been checked and "
            "the stack, which must be edited in place, is complete; files that other sections of "
            "it show stay"
        },
    )

    @validates_schema
    def originals_are_not_needed(self, data: dict[str, Any], **_: Any) -> None:
        """Another stack would be left without its images."""
        if data["delete_after"] and data["output_stack"] and not data["in_place"]:
            raise ValidationError(
                "not with an output_stack: the input stack still shows the originals",
                "delete_after",
            )


class FlipStack(TileEditModule):
    """The world is mirrored at y = 0: a box from y to y + h comes to be at -y - h to -y.

    Images of the first level (0 where there is one), masks and channels are flipped. Higher mipmap
    levels are dropped: they would not show the same (make them again with generate_mipmaps).
    Transforms of affine tiles stay free of mirrors.
    """

    default_schema = FlipStackParameters
    in_place_by_default = True
    moves_tiles = True
    few_tiles = IMAGES_WORTH_WORKERS

    def edit_documents(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section mirrored, with its flipped images."""
        (section,) = sections
        done: dict[tuple[str, str], tuple[Path, Path]] = {}
        dropped = 0
        for tile in section.tiles:
            holders = (tile, *(tile.get("channels") or ()))
            if not any(map(first_level, holders)):
                raise RenderModuleException(f"tile {tile['tileId']} has no image to flip")
            for holder in holders:
                dropped += self.flip_images(holder, done)
            tile["transforms"] = flipped_transforms(tile, section.transforms)
        originals = sorted({str(old) for old, _ in done.values()})
        return section, {
            "flipped_files": len(done),
            "originals": originals,
            "dropped_mipmaps": dropped,
        }

    def flip_images(self, holder: Json, done: dict[tuple[str, str], tuple[Path, Path]]) -> int:
        """Flip image and mask of the first level of a tile or channel; how many were dropped."""
        found = first_level(holder)
        if found is None:
            return 0
        level, image = found[0], dict(found[1])
        for kind in ("image", "mask"):
            url = image.get(f"{kind}Url")
            if url:
                if (kind, url) not in done:
                    done[kind, url] = flipped_file(image, kind, self.args["output_directory"])
                image[f"{kind}Url"] = path_to_url(done[kind, url][1])
        dropped = len(holder["mipmapLevels"]) - 1
        holder["mipmapLevels"] = {level: image}
        return dropped

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
            for z in self.kept_zs
            for tile in read_section(self.render, self.output_stack, z).tiles
            for _, entry in image_entries(tile)
            for key in ("imageUrl", "maskUrl")
            if entry.get(key) and (path := url_to_path(entry[key])) is not None
        }


if __name__ == "__main__":
    FlipStack.main()
