"""Make annotations of a list of voxels of automatic detections."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from argschema.fields import Float, InputFile, Str
from marshmallow.validate import Range
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.point_location import TilesOnTop
from renderapps.module import RenderModule, RenderModuleException, RenderParameters, parameter
from renderapps.module.fields import NewFile
from renderapps.module.report import ReportSchema
from renderapps.module.stacks import stack_zs
from renderapps.module.tile_documents import read_section
from renderapps.TrakEM2.annotations import AnnotationFile, Area, AreaList, write_annotations
from renderapps.TrakEM2.exporting import tiles_in_box
from renderapps.TrakEM2.rasters import rings_of_pixels

Voxels = NDArray[np.int64]


class MakeAnnotationFileAnishParameters(RenderParameters):
    """Parameters of create_annotation_from_anish_csv."""

    stack = parameter(Str, "stack that the volume was made from")
    csv_file = parameter(InputFile, "a detection per line: x,y,z,x,y,z,... whole numbers of voxels")
    json_file = parameter(NewFile, "annotations, JSON")
    pixel_size = parameter(
        Float,
        "pixels of the stack per voxel in x and y",
        default=100 / 3,
        validate=Range(min=0, min_inclusive=False),
    )
    offset_x = parameter(Float, "world x of the left edge of the volume", default=0.0)
    offset_y = parameter(Float, "world y of the upper edge of the volume", default=0.0)
    offset_z = parameter(Float, "z of the first plane", default=0.0)


class MakeAnnotationFileAnish(RenderModule):
    """Outlines of the voxels of each detection, plane by plane, in world and in tile coordinates.

    oid and id of an annotation are the number of its line, from 1.
    """

    default_schema = MakeAnnotationFileAnishParameters
    default_output_schema = ReportSchema

    def run(self) -> None:
        """Read, outline, locate on tiles, write, report."""
        path = Path(self.args["csv_file"])
        detections = read_detections(path)
        names = ("offset_x", "offset_y", "offset_z")
        offset = tuple(self.args[name] for name in names)
        annotations = AnnotationFile(
            [
                outlined(number, voxels, self.args["pixel_size"], offset)
                for number, voxels in enumerate(detections, 1)
                if len(voxels)
            ]
        )
        if not annotations.area_lists:
            raise RenderModuleException(f"{path} has no detections")
        missing = self.locate(annotations)
        write_annotations(self.args["json_file"], annotations)
        self.output(
            {
                "annotations": len(annotations.area_lists),
                "empty_lines": [n for n, voxels in enumerate(detections, 1) if not len(voxels)],
                "beside_all_tiles": sorted(missing, key=int),
            }
        )

    def locate(self, annotations: AnnotationFile) -> set[str]:
        """Add tileIds and local paths; the oids of annotations with points beside all tiles.

        Such a ring keeps its world coordinates alone.
        """
        stack = self.args["stack"]
        there = set(stack_zs(self.render, stack))
        by_z: dict[float, list[tuple[str, Area]]] = {}
        for areas in annotations.area_lists:
            for area in areas.areas:
                by_z.setdefault(area.z if area.z is not None else 0.0, []).append((areas.oid, area))
        missing = set()
        for z, found in sorted(by_z.items()):
            if z not in there:
                missing |= {oid for oid, _ in found}
                continue
            section = read_section(self.render, stack, z)
            tiles = TilesOnTop(list(tiles_in_box(section, None)))
            for oid, area in found:
                names, local = tiles.locate(np.asarray(area.global_path))
                if None in names:
                    missing.add(oid)
                else:
                    area.tileIds, area.local_path = [str(n) for n in names], local
        return missing


def read_detections(path: Path) -> list[Voxels]:
    """Voxels (N, 3) of x, y, z of every line; a comma at the end is allowed.

    Raises
    ------
    SpecError
        Naming the line.
    """
    return [_voxels(line, f"{path}, line {n}") for n, line in enumerate(_lines(path), 1)]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise SpecError(f"{path} is not a text file") from None


def _voxels(line: str, name: str) -> Voxels:
    words = [word.strip() for word in line.split(",")]
    words = words[:-1] if words[-1] == "" else words
    try:
        numbers = [int(word) for word in words]
    except ValueError:
        raise SpecError(f"{name}: only whole numbers and commas are expected") from None
    if len(numbers) % 3:
        raise SpecError(f"{name} has {len(numbers)} numbers, which are no triples x,y,z")
    return np.array(numbers, np.int64).reshape(-1, 3)


def outlined(number: int, voxels: Voxels, pixel_size: float, offset: Iterable[float]) -> AreaList:
    """Outlines of the voxels of a detection; a voxel is a square of `pixel_size` pixels."""
    dx, dy, dz = offset
    made = AreaList(str(number), number)
    for plane in np.unique(voxels[:, 2]):
        x, y = voxels[voxels[:, 2] == plane, :2].T
        for ring, hole in rings_of_pixels(x, y):
            world = ring * pixel_size + np.array((dx, dy))
            made.areas.append(Area(global_path=world, z=float(plane) + dz, hole=hole))
    return made


if __name__ == "__main__":
    MakeAnnotationFileAnish.main()
