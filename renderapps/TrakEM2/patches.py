"""Tiles as patches, patches as tiles, and the edit that lies between two places of a patch.

Tiles are JSON objects with their transforms flattened and resolved. The layer set's origin lies at
world (`shift` negated): layer set = world + shift.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from renderapi.errors import SpecError
from renderapi.transform import AffineModel
from renderapi.transform.specs import affine_spec, cached_leaf, leaves, transform_points
from renderapi.urls import path_to_url, url_to_path
from renderapps.TrakEM2.placement import canvas_matrix, mesh_box, patch_name
from renderapps.TrakEM2.project import (
    IDENTITY,
    Matrix,
    Patch,
    as_array,
    compose,
    from_array,
    inverted,
    translation,
)

Json = dict[str, Any]

SLICE = "-----#slice="
#: a patch that was moved by less than this, in pixels, counts as not touched
UNTOUCHED = 1e-9
_OWN_CLASSES = "org.janelia."
_GREY_8, _GREY_16 = 0, 1
_BORDER_CELL = 64
_DRIVE = re.compile(r"^[A-Za-z]:[\\/]")


def tile_patch(
    tile: Mapping[str, Any],
    oid: int,
    shift: tuple[float, float] = (0.0, 0.0),
    *,
    affine_only: bool = False,
    folder: Path | None = None,
    display: tuple[float, float] | None = None,
    type: int | None = None,
) -> Patch:
    """Patch that shows a tile where it lies.

    Parameters
    ----------
    tile : dict
        With flattened, resolved transforms.
    oid : int
    shift : (dx, dy), layer set = world + shift
    affine_only : bool
        Refuse a tile whose transforms are not all affine, instead of writing a list of them.
    folder : path, optional
        Paths below it are written relative to it; all are absolute by default.
    display : (minimum, maximum), optional
        Display range instead of that of the tile.
    type : int, optional
        TrakEM2's pixel type; by default 8 bit grey where the range ends at 255 or below.

    Raises
    ------
    SpecError
        Naming the tile: no image file, a transform that TrakEM2 does not have, or, with
        `affine_only`, one that is not affine.
    """
    ct = [dict(leaf) for leaf in tile["transforms"]["specList"]]
    matrix = collapsed(ct)
    if matrix is None and affine_only:
        raise SpecError(
            f"tile {tile['tileId']} has transforms that are not affine; "
            "export it with its list of transforms"
        )
    low, high = display or display_range(tile)
    patch = Patch(
        oid=oid,
        title=tile["tileId"],
        transform=IDENTITY,
        file_path=_file_path(tile, folder),
        o_width=int(tile["width"]),
        o_height=int(tile["height"]),
        type=(_GREY_8 if high <= 255 else _GREY_16) if type is None else type,
        min=low,
        max=high,
    )
    if matrix is not None:
        patch.transform = compose(translation(*shift), matrix)
        return patch
    patch.ct = [_known_to_trakem2(leaf, tile) for leaf in ct]
    box = mesh_box(patch.o_width, patch.o_height, patch.ct)
    patch.transform = translation(box.x + shift[0], box.y + shift[1])
    patch.attributes = {"width": f"{box.width:.1f}", "height": f"{box.height:.1f}"}
    return patch


def collapsed(specs: Sequence[Mapping[str, Any]]) -> Matrix | None:
    """The one matrix that leaves amount to; None where one of them is not affine."""
    total = np.eye(3)
    for spec in specs:
        if spec.get("type", "leaf") != "leaf":
            return None
        model = cached_leaf(spec["className"], spec["dataString"])
        if not isinstance(model, AffineModel):
            return None
        total = model.M @ total
    return from_array(total)


def display_range(tile: Mapping[str, Any]) -> tuple[float, float]:
    """Display range of a tile, of its first channel where it has none itself."""
    channels = tile.get("channels") or [{}]
    pair = []
    for key, default in (("minIntensity", 0.0), ("maxIntensity", 65535.0)):
        value = tile.get(key)
        value = channels[0].get(key) if value is None else value
        pair.append(float(default if value is None else value))
    return pair[0], pair[1]


def tile_image(tile: Mapping[str, Any]) -> Mapping[str, Any]:
    """Level 0 of a tile, of its first channel where the tile has no image itself."""
    channels = tile.get("channels") or [{}]
    for pyramid in (tile.get("mipmapLevels"), channels[0].get("mipmapLevels")):
        if pyramid and "0" in pyramid and pyramid["0"].get("imageUrl"):
            return pyramid["0"]
    raise SpecError(f"tile {tile['tileId']} has no image at level 0")


def _file_path(tile: Mapping[str, Any], folder: Path | None) -> str:
    image = tile_image(tile)
    path = url_to_path(image["imageUrl"])
    if path is None:
        raise SpecError(
            f"tile {tile['tileId']} has its image at {image['imageUrl']}: TrakEM2 opens files only"
        )
    text = path.as_posix()
    if folder is not None and path.is_absolute() and path.is_relative_to(folder):
        text = path.relative_to(folder).as_posix()
    number = image.get("imageSliceNumber")
    return text if number is None else f"{text}{SLICE}{int(number) + 1}"  # ImageJ counts from 1


def _known_to_trakem2(spec: Json, tile: Mapping[str, Any]) -> dict[str, str]:
    kind = spec.get("type", "leaf")
    if kind != "leaf" or spec["className"].startswith(_OWN_CLASSES):
        name = spec.get("className", f"an {kind} transform")
        raise SpecError(
            f"tile {tile['tileId']} has {name}, which TrakEM2 does not know: "
            "export a stack without it"
        )
    return {"className": spec["className"], "dataString": spec["dataString"]}


def patch_tile(
    patch: Patch, z: float, folder: Path, *, unuid: str = "", tile_id: str | None = None
) -> Json:
    """Tile of a patch, in layer set coordinates: what the Java class Converter makes of it.

    Unlike there, minimum and maximum are the right way round, the image is in the tile itself, the
    box is rounded outwards, and a coordinate transform in any of its forms counts.

    Parameters
    ----------
    patch : Patch
    z : float
    folder : path
        What relative paths are relative to: the folder of the project.
    unuid : str
        Name of the project, by which masks are found.
    tile_id : str, optional
        The oid by default.
    """
    level: Json = {"imageUrl": image_url(patch, folder)}
    if (number := slice_number(patch)) is not None:
        level["imageSliceNumber"] = number
        level["imageLoaderType"] = "IMAGEJ_TIFF_STACK"
    if patch.alpha_mask_id is not None:
        level["maskUrl"] = path_to_url(mask_path(patch, folder, unuid))
    specs = [{"type": "leaf", **leaf} for leaf in patch.ct]
    specs.append(affine_spec(as_array(canvas_matrix(patch))))
    tile: Json = {
        "tileId": str(patch.oid) if tile_id is None else tile_id,
        "z": z,
        "width": float(patch.o_width),
        "height": float(patch.o_height),
        "minIntensity": patch.min,
        "maxIntensity": patch.max,
        "mipmapLevels": {"0": level},
        "transforms": {"type": "list", "specList": specs},
        "meshCellSize": 64.0,
    }
    tile |= _border_box(patch, specs)
    return {key: value for key, value in tile.items() if value is not None}


def _border_box(patch: Patch, specs: Sequence[Json]) -> Json:
    """Box of the border of the image, rounded outwards."""
    w, h = patch.o_width, patch.o_height
    nx, ny = (max(2, round(side / _BORDER_CELL)) for side in (w, h))
    x, y = np.arange(nx) * (w - 1) / (nx - 1), np.arange(ny) * (h - 1) / (ny - 1)
    rows = [np.column_stack([x, np.full(nx, v)]) for v in (0.0, float(h))]
    columns = [np.column_stack([np.full(ny, v), y]) for v in (0.0, float(w))]
    points = transform_points(leaves(specs), np.vstack([*rows, *columns]))
    low, high = points.min(axis=0), points.max(axis=0)
    return {
        "minX": math.floor(low[0]),
        "minY": math.floor(low[1]),
        "maxX": math.ceil(high[0]),
        "maxY": math.ceil(high[1]),
    }


def image_path(patch: Patch, folder: Path) -> PurePosixPath:
    """Image file of a patch, without the number of a page."""
    text = patch.file_path.split(SLICE)[0]
    if _DRIVE.match(text):
        return PurePosixPath(PureWindowsPath(text).as_posix())
    return PurePosixPath(folder.as_posix()) / text.replace("\\", "/")


def image_url(patch: Patch, folder: Path) -> str:
    """URL of the image of a patch."""
    if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:/", patch.file_path):
        return patch.file_path.split(SLICE)[0]
    return path_to_url(image_path(patch, folder))


def slice_number(patch: Patch) -> int | None:
    """Page of a stack file, counted from 0; None where the file is not a page of one."""
    parts = patch.file_path.split(SLICE)
    if len(parts) == 1:
        return None
    try:
        return int(parts[1]) - 1
    except ValueError:
        raise SpecError(f"{patch_name(patch)} names the page {parts[1]!r}") from None


def mask_path(patch: Patch, folder: Path, unuid: str) -> Path:
    """Where TrakEM2 keeps the mask of a patch: the digits of its id in pairs are folders."""
    digits = str(patch.alpha_mask_id)
    pairs = "/".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    return folder / f"trakem2.{unuid}" / "trakem2.masks" / f"{pairs}.{patch.oid}.zip"


def edit_of(exported: Matrix, patch: Patch, shift: tuple[float, float]) -> Matrix | None:
    """What was done to a patch since its export, in world coordinates; None if nothing.

    With E the canvas matrix that was exported, N the same now and T the translation from layer set
    to world, it is R = T . N . E^-1 . T^-1: appended to the transforms that the tile had, it gives
    the place that the patch has now.

    Parameters
    ----------
    exported : Matrix
        Canvas matrix at the export (`canvas_matrix`).
    patch : Patch
    shift : (dx, dy) of the export, layer set = world + shift
    """
    now = canvas_matrix(patch)
    if now == exported:
        return None
    to_world = translation(-shift[0], -shift[1])
    edit = compose(
        compose(to_world, compose(now, inverted(exported))),
        inverted(to_world),
    )
    corners = np.array([(0, 0), (patch.o_width, 0), (0, patch.o_height)], float)
    corners = np.column_stack([corners, np.ones(3)]) @ as_array(exported).T
    moved = corners @ (as_array(compose(now, inverted(exported))) - np.eye(3)).T
    return None if np.abs(moved[:, :2]).max() < UNTOUCHED else edit
