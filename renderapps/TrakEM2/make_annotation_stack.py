"""Paint annotations as images of tiles, in a stack parallel to the annotated one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from argschema.fields import Boolean, InputFile, OutputDir, Str
from marshmallow.validate import OneOf
from numpy.typing import NDArray

from renderapi.files import atomic_write
from renderapi.outline import tile_polygon
from renderapi.transform.slices import TileTransforms
from renderapi.urls import path_to_url
from renderapps.module import (
    RenderModuleException,
    Section,
    StackEditModule,
    StackEditParameters,
    parameter,
)
from renderapps.module.image_files import encoded
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.TrakEM2.annotations import AreaList, read_annotations
from renderapps.TrakEM2.exporting import flattened
from renderapps.TrakEM2.transform_local_annotation_json_to_global import global_annotations

Json = dict[str, Any]

_POINTS_PER_EDGE = 31
_SUBPIXEL_BITS = 8
_MOST_LABELS = 65535


class MakeAnnotationStackParameters(StackEditParameters):
    """Parameters of make_annotation_stack."""

    input_stack = parameter(Str, "stack that is annotated")
    annotation_stack = parameter(Str, "stack to make")
    global_file = parameter(
        InputFile, "annotations; their local paths are used, placed by input_stack"
    )
    annotation_dir = parameter(OutputDir, "folder of the images")
    mode = parameter(
        Str,
        "binary: 255 inside annotations (8 bit); labels: the id of the annotation plus one (16 "
        "bit)",
        default="binary",
        validate=OneOf(("binary", "labels")),
    )
    annotated_only = parameter(
        Boolean, "leave out tiles without annotation; else they are black", default=False
    )


class MakeAnnotationStack(StackEditModule):
    """Tiles keep their ids, places, layouts and masks, and show what is annotated on them.

    An annotation is painted on every tile that it reaches. Holes are left out.
    """

    default_schema = MakeAnnotationStackParameters
    inputs = ("input_stack",)
    outputs = ("annotation_stack",)
    moves_tiles = False

    def prepare(self) -> None:
        """Place the annotations in the world of the stack."""
        path, stack = self.args["global_file"], self.args["input_stack"]
        annotations = read_annotations(path)
        areas = [area for areas in annotations.area_lists for area in areas.areas]
        names = {tile for area in areas for tile in area.tileIds or ()}
        tiles = tiles_with_ids(self.render, stack, sorted(names))
        placed, failed = global_annotations(annotations, tiles, stack)
        if failed:
            raise RenderModuleException(f"{path}: {failed[0]['reason']}")
        if not any(areas.areas for areas in placed.area_lists):
            raise RenderModuleException(f"{path} has no areas")
        most = max(areas.id for areas in placed.area_lists)
        if self.args["mode"] == "labels" and most >= _MOST_LABELS:
            raise RenderModuleException(f"{path}: id {most} is more than 16 bit labels can hold")
        self.annotations = placed.area_lists

    def edit(self, sections: tuple[Section, ...]) -> tuple[Section, dict[str, Any]]:
        """The section with painted images."""
        (section,) = sections
        objects: list[AreaList] = [a for a in self.annotations if section.z in a.zs]
        shapes = [(areas.id, areas.shape_at(section.z)) for areas in objects]
        tiles, annotated = [], []
        for tile in section.tiles:
            image = painted(
                flattened(tile, section.transforms), shapes, self.args["mode"] == "labels"
            )
            if image.any():
                annotated.append(tile["tileId"])
            elif self.args["annotated_only"]:
                continue
            tiles.append(self.shown(tile, image))
        section.tiles = tiles
        return section, {
            "annotated_tiles": annotated,
            "annotations": [areas.oid for areas in objects],
        }

    def shown(self, tile: Json, image: NDArray) -> Json:
        """The tile with its annotation as image."""
        name = tile["tileId"] if image.any() else f"blank_{image.shape[1]}x{image.shape[0]}"
        path = kept_image(Path(self.args["annotation_dir"]), f"{name}_annotation", image)
        high = 255 if image.dtype == np.uint8 else max(areas.id + 1 for areas in self.annotations)
        level = {"imageUrl": path_to_url(path)}
        mask = (tile.get("mipmapLevels") or {}).get("0", {}).get("maskUrl")
        if mask:
            level["maskUrl"] = mask
        shown = {key: value for key, value in tile.items() if key != "channels"}
        shown["mipmapLevels"] = {"0": level}
        shown |= {"minIntensity": 0, "maxIntensity": high}
        shown.pop("mipmapPathBuilder", None)
        return shown


def painted(
    tile: Mapping[str, Any], shapes: Sequence[tuple[int, Any]], labels: bool
) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Image of a tile with the parts of shapes that lie on it.

    Parameters
    ----------
    tile : dict
        With resolved transforms.
    shapes : sequence of (id, shapely geometry in world pixels)
    labels : bool
        Paint id + 1, 16 bit, later ones over earlier ones; else 255, 8 bit.

    Returns
    -------
    (height, width) array
    """
    import shapely

    size = (int(tile["height"]), int(tile["width"]))
    image: NDArray = np.zeros(size, np.uint16 if labels else np.uint8)
    outline = tile_polygon(tile, _POINTS_PER_EDGE)
    transforms = TileTransforms(tile)
    for number, shape in shapes:
        here = shapely.intersection(shape, outline)
        for part in shapely.get_parts(here):
            if part.geom_type == "Polygon" and part.area > 0:
                _fill(image, part, transforms, number + 1 if labels else 255)
    return image


def _fill(image: NDArray, polygon: Any, transforms: TileTransforms, value: int) -> None:
    import cv2

    rings = [polygon.exterior, *polygon.interiors]
    fixed = []
    for ring in rings:
        local = transforms.backward(np.array(ring.coords)[:-1])
        fixed.append(np.round(local * 2**_SUBPIXEL_BITS).astype(np.int32))
    inside = np.zeros(image.shape, np.uint8)
    cv2.fillPoly(inside, fixed, 1, shift=_SUBPIXEL_BITS)
    image[inside > 0] = value


def kept_image(folder: Path, stem: str, image: NDArray) -> Path:
    """Write an image under a name that never has other content, since a stack may show it.

    It is `STEM.png`, or with 12 digits of its hash where that file shows something else.
    """
    if os.sep in stem or stem.startswith("."):
        raise RenderModuleException(f"the tileId {stem!r} cannot be the name of a file")
    data = encoded(image, ".png", "annotation")
    key = hashlib.sha256(data).hexdigest()[:12]
    for path in (folder / f"{stem}.png", folder / f"{stem}_{key}.png"):
        try:
            if path.read_bytes() == data:
                return path.absolute()
        except FileNotFoundError:
            atomic_write(path, data)
            return path.absolute()
    raise RenderModuleException(f"{path} is a file of somebody else: name another folder")


if __name__ == "__main__":
    MakeAnnotationStack.main()
