"""Make a stack of a folder of section images: one image, one tile, one z.

An MRC file (pattern *.mrc, for instance) is as many images as it has sections.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
from argschema.fields import Float, InputDir, Int, OutputDir, Str
from marshmallow import ValidationError, validates_schema
from marshmallow.validate import Length, Range

from renderapi.files import atomic_write
from renderapi.stack import StackVersion
from renderapi.transform import AffineModel
from renderapi.urls import path_to_url
from renderapps.dataimport.acquired_image import AcquiredImage, listed, natural_key
from renderapps.dataimport.acquired_tiles import plane_entry
from renderapps.dataimport.image_headers import THREADS, ImageHeader, page_count, read_plane_headers
from renderapps.dataimport.image_planes import chosen_planes
from renderapps.dataimport.statetable_tiles import z_text
from renderapps.dataimport.tile_upload import Upload, sections_of
from renderapps.module import (
    ParallelParameters,
    RenderModule,
    RenderModuleException,
    RenderParameters,
    parameter,
)
from renderapps.module.display_range import ImportedRangeParameters, checked_range
from renderapps.module.output_parameters import ReplaceableStackParameters
from renderapps.module.report import StackReport
from renderapps.module.tile_documents import Json

LARGEST_16_BIT = 50000.0


class UploadTileDirParameters(
    ImportedRangeParameters, ReplaceableStackParameters, ParallelParameters, RenderParameters
):
    """Parameters of upload_tiledir."""

    inputTileDirectory = parameter(InputDir, "folder of the images", aliases=["image_directory"])
    tilespecDirectory = parameter(
        OutputDir, "folder for a JSON copy of each tile", default=None, default_text="no copies"
    )
    outputStack = parameter(Str, "stack to fill", aliases=["output_stack"])
    pattern = parameter(
        Str,
        "which files of the folder, in the natural order of their names",
        default="*.tif",
        validate=Length(min=1),
    )
    z_start = parameter(Float, "z of the first image", default=0.0)
    z_step = parameter(Float, "z from image to image", default=1.0)
    pixelsize = parameter(
        Float,
        "size of a pixel in micrometres",
        default=None,
        default_text="unknown, and the stack has no resolution",
        validate=Range(min=0, min_inclusive=False),
    )
    section_thickness_nm = parameter(
        Float,
        "distance of sections, for the resolution of the stack",
        default=None,
        default_text="unknown",
        validate=Range(min=0, min_inclusive=False),
    )
    pool_size = parameter(
        Int, "number of image files that are read at once", default=THREADS, validate=Range(min=1)
    )
    scope = parameter(Str, "microscope, for the layout", default=None)
    camera = parameter(Str, "camera, for the layout", default=None)

    @validates_schema
    def sections_lie_apart(self, data: dict[str, Any], **_: Any) -> None:
        """Two sections at one z would be one."""
        if data["z_step"] == 0:
            raise ValidationError("sections need different z", "z_step")


class UploadTileDir(RenderModule):
    """Tiles are as large as their images, which are not moved: every transform is the identity."""

    default_schema = UploadTileDirParameters
    default_output_schema = StackReport

    def run(self) -> None:
        """Read the headers, then write the stack."""
        folder = Path(self.args["inputTileDirectory"]).absolute()
        files = sorted(
            (path for path in folder.glob(self.args["pattern"]) if path.is_file()),
            key=lambda path: natural_key(path.name),
        )
        if not files:
            raise RenderModuleException(f"{folder} has no {self.args['pattern']}")
        used, partly_used = images_of(files)
        planes = [(path, plane) for path in files for plane in used[path]]
        headers, unreadable = read_plane_headers(
            planes,
            self.args["pool_size"],
            self.map_tasks if self.args["dask_scheduler"] else None,
        )
        if unreadable:
            names = listed(f"{path.name} ({reason})" for (path, _), reason in unreadable.items())
            raise RenderModuleException(f"images of {folder} cannot be read: {names}")
        tiles = [self.tile(k, *plane, headers[plane]) for k, plane in enumerate(planes)]
        copies = self.write_copies(tiles)
        stack = self.args["outputStack"]
        stacks = {stack: (sections_of(tiles), self.version())}
        (report,) = Upload(self.render, stacks, self.args).write(self.module_name())
        self.output({**report, "files": copies, "partly_used_files": partly_used})

    def tile(self, number: int, path: Path, plane: int | None, header: ImageHeader) -> Json:
        """The tile of an image, or of a section of an MRC file."""
        high = self.args["maxIntensity"]
        if high is None:
            high = 255.0 if header.dtype.itemsize == 1 else LARGEST_16_BIT
            checked_range(self.args["minIntensity"], high, str(path))
        noted = {
            "temca": self.args["scope"],
            "camera": self.args["camera"],
            "pixelsize": self.args["pixelsize"],
        }
        return {
            "tileId": f"{path.stem}_{number:04d}",
            "z": self.args["z_start"] + number * self.args["z_step"],
            "width": header.width,
            "height": header.height,
            "minIntensity": self.args["minIntensity"],
            "maxIntensity": high,
            "layout": {
                "sectionId": f"SEC{number:04d}",
                "imageRow": 0,
                "imageCol": 0,
                "stageX": 0.0,
                "stageY": 0.0,
                "rotation": 0.0,
            }
            | {name: value for name, value in noted.items() if value is not None},
            "mipmapLevels": {"0": {"imageUrl": path_to_url(path)} | plane_entry(plane)},
            "transforms": {"type": "list", "specList": [AffineModel().to_dict()]},
        }

    def write_copies(self, tiles: list[Json]) -> list[Path]:
        """Write each tile to a JSON file, where a folder is given; the files."""
        if self.args["tilespecDirectory"] is None:
            return []
        folder = Path(self.args["tilespecDirectory"])
        names = (self.render.DEFAULT_PROJECT, self.render.DEFAULT_OWNER, self.args["outputStack"])
        paths = [folder / f"{'_'.join(names)}_{z_text(tile['z'])}.json" for tile in tiles]
        for path, tile in zip(paths, tiles, strict=True):
            atomic_write(path, orjson.dumps([tile], option=orjson.OPT_INDENT_2))
        return paths

    def version(self) -> StackVersion:
        """Resolution and notes of the stack."""
        size = None if self.args["pixelsize"] is None else self.args["pixelsize"] * 1000
        return StackVersion(
            stackResolutionX=size,
            stackResolutionY=size,
            stackResolutionZ=self.args["section_thickness_nm"],
            versionNotes=f"images of {self.args['inputTileDirectory']}",
        )


def images_of(
    files: Sequence[Path],
) -> tuple[dict[Path, list[int | None]], list[dict[str, Any]]]:
    """Planes to take of each file, by number, and what the files hold beside them.

    Of an MRC file these are all sections; of others None, which is the file itself, or the first
    page that is no thumbnail.
    """
    from renderapi.rendering.formats import is_mrc

    stacks = {file for file in files if is_mrc(file)}
    singles = [AcquiredImage(file, 0, 0, str(file)) for file in files if file not in stacks]
    taken, partly_used = chosen_planes([replace(image, channel="") for image in singles])
    planes: dict[Path, list[int | None]] = {image.file: [image.slice] for image in taken}
    return planes | {file: list(range(page_count(file) or 1)) for file in stacks}, partly_used


if __name__ == "__main__":
    UploadTileDir.main()
