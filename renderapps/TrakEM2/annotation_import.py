"""Area lists of a project as annotations in the pixels of a stack's tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.point_location import TilesOnTop
from renderapps.TrakEM2.annotations import AnnotationFile, Area, AreaList
from renderapps.TrakEM2.file_matching import by_image, tile_key
from renderapps.TrakEM2.patches import patch_tile
from renderapps.TrakEM2.placement import patch_name
from renderapps.TrakEM2.project import AreaList as DrawnList
from renderapps.TrakEM2.project import Layer, Project, map_points

Points = NDArray[np.float64]


class AnnotationConversionError(SpecError):
    """An annotation that lies beside the tiles, or in a layer without any."""


@dataclass
class FramedLayer:
    """A layer whose patches are known as tiles of a stack.

    Attributes
    ----------
    z : float
        Section of the stack.
    tiles : TilesOnTop
        Patches, in layer set coordinates, named by the tiles of the stack.
    unmatched : list of str
        Patches whose image no tile of the section has.
    """

    layer: Layer
    z: float
    tiles: TilesOnTop
    unmatched: list[str] = field(default_factory=list)


def framed_layer(
    layer: Layer, tiles: Sequence[Mapping[str, Any]], folder: Path, z: float
) -> FramedLayer:
    """Match the visible patches of a layer with the tiles of a section by image file."""
    known = by_image(tiles)
    matched: list[Mapping[str, Any]] = []
    names: list[str] = []
    unmatched = []
    for patch in layer.patches:
        if not patch.visible:
            continue
        tile = patch_tile(patch, layer.z, folder)
        there = known.get(tile_key(tile))
        if there is None:
            unmatched.append(patch_name(patch))
        else:
            matched.append(tile)
            names.append(there[0]["tileId"])
    return FramedLayer(layer, z, TilesOnTop(matched, names), unmatched)


def convert_area_lists(
    project: Project, layers: Mapping[int, FramedLayer], tolerance: float
) -> tuple[AnnotationFile, list[dict[str, Any]]]:
    """Annotations of all area lists that have areas, and those that failed with the reason.

    Parameters
    ----------
    project : Project
    layers : mapping of layer oid to FramedLayer
    tolerance : float
        How far beside all tiles a point may lie, layer set pixels.
    """
    made, failed = AnnotationFile(), []
    drawn = [areas for areas in project.area_lists if areas.areas]
    for index, areas in enumerate(drawn):
        try:
            made.area_lists.append(_converted(areas, index, layers, tolerance))
        except SpecError as error:
            failed.append({"oid": str(areas.oid), "id": index, "reason": str(error)})
    return made, failed


def _converted(
    drawn: DrawnList, index: int, layers: Mapping[int, FramedLayer], tolerance: float
) -> AreaList:
    made = AreaList(str(drawn.oid), index)
    for area in drawn.areas:
        name = f"annotation {drawn.oid} (id {index})"
        layer = layers.get(area.layer_id)
        if layer is None:
            raise AnnotationConversionError(
                f"{name} has an area in layer {area.layer_id}, which has no known tiles"
            )
        if area.open_paths:
            raise AnnotationConversionError(
                f"{name} has a path in layer {area.layer_id} that is not closed"
            )
        rings = [map_points(drawn.transform, ring) for ring in area.rings]
        for ring, hole in zip(rings, are_holes(rings), strict=True):
            made.areas.append(located(ring, layer, tolerance, name, hole))
    return made


def located(
    ring: Points, layer: FramedLayer, tolerance: float, name: str, hole: bool = False
) -> Area:
    """A ring of the canvas in the pixels of the tiles below it.

    Raises
    ------
    AnnotationConversionError
        Where a point lies beside all tiles.
    """
    tiles, local = layer.tiles.locate(ring, tolerance)
    if None in tiles:
        where = ring[tiles.index(None)]
        raise AnnotationConversionError(
            f"{name} has {tiles.count(None)} points beside all tiles of layer {layer.layer.oid} "
            f"(z={layer.z:g}), the first at ({where[0]:.1f}, {where[1]:.1f})"
        )
    names = [tile for tile in tiles if tile is not None]
    return Area(names, local, z=layer.z, hole=hole, frame_path=ring)


def are_holes(rings: Sequence[Points]) -> list[bool]:
    """Which rings are holes by the even-odd rule: those within an odd number of the others."""
    import shapely

    shapes = [shapely.make_valid(shapely.Polygon(ring)) for ring in rings]
    inner = [shape.representative_point() for shape in shapes]
    return [
        sum(
            shape.contains(point) and (shape.area, j) > (shapes[i].area, i)
            for j, shape in enumerate(shapes)
            if j != i
        )
        % 2
        == 1
        for i, point in enumerate(inner)
    ]


def frames(
    project: Project, layers: Mapping[int, FramedLayer]
) -> tuple[AnnotationFile, list[dict[str, Any]]]:
    """The rectangle of the canvas in every layer that has tiles, and the layers that have none.

    Corners beside all tiles are given in the pixels of the nearest one.
    """
    w, h = project.layer_width, project.layer_height
    corners = np.array([(0, 0), (0, h), (w, h), (w, 0), (0, 0)], float)
    made, failed = AnnotationFile(), []
    for layer in project.layers:
        framed = layers.get(layer.oid)
        if framed is None or not framed.tiles.tiles:
            failed.append({"layer": layer.oid, "z": layer.z, "reason": "no known tiles"})
            continue
        area = located(corners, framed, np.inf, f"the frame of layer {layer.oid}")
        made.area_lists.append(AreaList(str(layer.oid), int(framed.z), [area]))
    return made, failed
