"""Images turned upside down on disk, and the transforms that then mirror the stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from renderapi.errors import ImageError
from renderapi.transform.specs import affine_spec, flatten
from renderapi.urls import path_to_url, url_to_path
from renderapps.module.derived_images import Source, flipped
from renderapps.module.tile_documents import Json
from renderapps.stack.consolidate_render_transforms import affine_matrix


def flipped_file(image: Json, kind: str, directory: str | None) -> tuple[Path, Path]:
    """Write the "image" or "mask" of a mipmap upside down; paths of the old and the new file.

    The values and their type are kept (8 and 16 bit as PNG, others as TIFF), and the new file has
    been read back to make sure. It is beside the old one, or below `directory` in the folders of
    the old one.

    Raises
    ------
    ImageError
        The image is not a file of this machine, or the new file is not its mirror image.
    """
    source = replace(Source.mask(image) if kind == "mask" else Source.image(image), is_mask=False)
    path = url_to_path(source.url)
    if path is None or source.loader not in (None, "IMAGEJ_DEFAULT"):
        raise ImageError(f"cannot flip {source.url}: it is no plain image file of this machine")
    suffix = ".png" if source.info()[2] in (np.uint8, np.uint16) else ".tif"
    target = source.beside(f"_flip{suffix}", directory)
    made, pixels = flipped(source, target)
    there = Source(path_to_url(made)).read()
    if pixels is None:
        pixels = source.read()[::-1]
    if there.dtype != pixels.dtype or not np.array_equal(there, pixels):
        raise ImageError(f"{made} is not the mirror image of {path}: remove it")
    return path.absolute(), made


def flipped_transforms(tile: Json, lookup: Mapping[str, Json]) -> Json:
    """Transforms of a tile whose image is upside down, in the world mirrored at y = 0.

    With T the transforms so far, the new ones are W T L: L (x, y) -> (x, height - 1 - y) leads from
    the pixels of the new image to those of the old one, W is (x, y) -> (x, -1 - y). Coordinates are
    those of pixel centres: what covers the rows from 0 to h, whose centres are 0 to h - 1, comes to
    cover -h to 0. Where all of T is affine so is the result, with the determinant of T; else L and
    W stand before and after T.
    """
    turn = np.array([[1.0, 0, 0], [0, -1.0, tile["height"] - 1.0], [0, 0, 1.0]])
    mirror = np.array([[1.0, 0, 0], [0, -1.0, -1.0], [0, 0, 1.0]])
    transforms = tile.get("transforms") or {"type": "list", "specList": []}
    total = turn
    for leaf in flatten(transforms, lookup):
        matrix = affine_matrix(leaf)
        if matrix is None:
            specs = transforms.get("specList", [transforms])
            return {"type": "list", "specList": [affine_spec(turn), *specs, affine_spec(mirror)]}
        total = matrix @ total
    return {"type": "list", "specList": [affine_spec(mirror @ total)]}
