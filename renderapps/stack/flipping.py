"""Images turned upside down on disk, and the transforms that then mirror the stack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import ImageError
from renderapi.files import atomic_path
from renderapi.transform.specs import affine_spec, flatten
from renderapi.urls import path_to_url, url_to_path
from renderapps.module.tile_documents import Json
from renderapps.stack.consolidate_render_transforms import affine_matrix


def flipped_file(image: Json, kind: str, directory: str | None) -> tuple[Path, Path]:
    """Write the "image" or "mask" of a mipmap upside down; paths of the old and the new file.

    The values and their type are kept, and the new file has been read back to make sure. It is
    beside the old one, or below `directory` in the folders of the old one.

    Raises
    ------
    ImageError
        The image is not a file of this machine, or what is there (or was written) under the name
        of the new file is not its mirror image.
    """
    from renderapi.rendering.sources import read_image

    url = image[f"{kind}Url"]
    path = url_to_path(url)
    loader = image.get(f"{kind}LoaderType")
    if path is None or loader not in (None, "IMAGEJ_DEFAULT"):
        raise ImageError(f"cannot flip {url}: it is no plain image file of this machine")
    pixels = read_image(url)
    suffix = ".png" if pixels.dtype in (np.uint8, np.uint16) else ".tif"
    path = path.absolute()
    folder = (
        Path(directory).absolute() / path.parent.relative_to(path.anchor)
        if directory
        else path.parent
    )
    target = folder / f"{path.stem}_flip{suffix}"
    if not target.exists():
        write_image(target, pixels[::-1])
    there = read_image(path_to_url(target))
    if there.dtype != pixels.dtype or not np.array_equal(there, pixels[::-1]):
        raise ImageError(
            f"{target} is not the mirror image of {path}: remove it, or give another folder"
        )
    return path, target


def write_image(path: Path, pixels: NDArray[Any]) -> None:
    """Write pixels without loss: 8 and 16 bit as PNG, others as TIFF, by the suffix of the path."""
    with atomic_path(path) as temporary:
        if path.suffix == ".tif":
            import tifffile

            tifffile.imwrite(temporary, pixels, compression="zlib")
            return
        from renderapi.rendering.png import PngWriter

        components = pixels.shape[2] if pixels.ndim == 3 else 1
        with temporary.open("wb") as stream:
            writer = PngWriter(stream, pixels.shape[1::-1], pixels.dtype, components)
            writer.write(np.ascontiguousarray(pixels))
            writer.close()


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
