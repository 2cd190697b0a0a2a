"""Add the world coordinates of a stack to annotations in local coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from argschema.fields import InputFile, Str

from renderapi.errors import SpecError
from renderapi.transform.slices import TileTransforms
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.fields import NewFile
from renderapps.module.report import ReportSchema
from renderapps.module.tiles_by_id import tiles_with_ids
from renderapps.TrakEM2.annotations import (
    AnnotationFile,
    Area,
    parse_annotations,
    read_annotations,
    write_annotations,
)

Json = dict[str, Any]


class TransformLocalAnnotationParameters(RenderParameters):
    """Parameters of transform_local_annotation_json_to_global."""

    stack = parameter(Str, "stack that has the tiles, in the wanted alignment")
    input_annotation_file = parameter(
        InputFile, "annotations with local_path and tileIds, of any generation"
    )
    output_annotation_file = parameter(NewFile, "the same with global_path and z")


class TransformLocalAnnotation(RenderModule):
    """Objects whose tiles the stack lacks are named, with exit status 1; the others are written."""

    default_schema = TransformLocalAnnotationParameters
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Read, map, write, report."""
        annotations = read_annotations(self.args["input_annotation_file"])
        stack = self.args["stack"]
        wanted = {tile for area in _areas(annotations) for tile in area.tileIds or ()}
        tiles = tiles_with_ids(self.render, stack, sorted(wanted))
        mapped, failed = global_annotations(annotations, tiles, stack)
        write_annotations(self.args["output_annotation_file"], mapped)
        self.output({"annotations": len(mapped.area_lists), "failed_annotations": failed})
        if failed:
            raise RenderModuleException(
                f"{len(failed)} of {len(annotations.area_lists)} annotations were left out: "
                f"{failed[0]['reason']}"
            )


def transform_annotations(render: Any, stack: str, local_annotation: Json) -> Json:
    """The JSON object of an annotation file with global_path and z; all of it, or an error."""
    annotations = parse_annotations(local_annotation)
    wanted = {tile for area in _areas(annotations) for tile in area.tileIds or ()}
    tiles = tiles_with_ids(render, stack, sorted(wanted))
    mapped, failed = global_annotations(annotations, tiles, stack)
    if failed:
        raise SpecError(failed[0]["reason"])
    return mapped.to_dict()


def global_annotations(
    annotations: AnnotationFile, tiles: Mapping[str, Json], stack: str
) -> tuple[AnnotationFile, list[Json]]:
    """Annotations with world coordinates, and those that have none with the reason.

    Parameters
    ----------
    annotations : AnnotationFile
        Is changed.
    tiles : mapping of tileId to tile, transforms resolved
    stack : str
        Name for messages.
    """
    made, failed = AnnotationFile(), []
    for areas in annotations.area_lists:
        try:
            for place, area in enumerate(areas.areas):
                _add_world(area, tiles, stack, f"annotation {areas.oid}, area {place}")
            made.area_lists.append(areas)
        except SpecError as error:
            failed.append({"oid": areas.oid, "id": areas.id, "reason": str(error)})
    return made, failed


def _add_world(area: Area, tiles: Mapping[str, Json], stack: str, name: str) -> None:
    if area.local_path is None or area.tileIds is None:
        raise SpecError(f"{name} has no local_path with tileIds")
    names = np.array(area.tileIds)
    world = np.empty_like(area.local_path)
    zs = set()
    for tile in dict.fromkeys(area.tileIds):
        if tile not in tiles:
            raise SpecError(f"{name} lies on tile {tile}, which stack {stack} does not have")
        zs.add(float(tiles[tile]["z"]))
        here = names == tile
        world[here] = TileTransforms(tiles[tile]).forward(area.local_path[here])
    if len(zs) > 1:
        listed = ", ".join(f"{z:g}" for z in sorted(zs))
        raise SpecError(f"{name} lies on tiles of several sections of stack {stack}: z={listed}")
    area.global_path, area.z = world, zs.pop() if zs else area.z


def _areas(annotations: AnnotationFile) -> Iterable[Area]:
    return (area for areas in annotations.area_lists for area in areas.areas)


if __name__ == "__main__":
    TransformLocalAnnotation.main()
