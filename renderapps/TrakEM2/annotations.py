"""Annotations: objects drawn over sections, as polygons in local and world coordinates.

An area list is one 3-D object, an area one ring of it in one section. Rings are closed: the last
point repeats the first. A hole is an area of its own, with `hole` set; what an object covers in a
section is its outer rings without its holes (even-odd).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from renderapi.errors import SpecError
from renderapi.files import atomic_write
from renderapps.module.result import to_json

if TYPE_CHECKING:
    from shapely import Geometry

Points = NDArray[np.float64]
Json = dict[str, Any]


@dataclass
class Area:
    """One ring in one section.

    Attributes
    ----------
    tileIds : list of str, or None
        For every point the tile that it lies on.
    local_path : (N, 2), or None
        Raw pixels of that tile.
    global_path : (N, 2), or None
        World pixels of a stack.
    z : float or None
        Of that stack.
    hole : bool
        Whether the ring is taken out of the object.
    frame_path : (N, 2), or None
        Pixels of the canvas on which it was drawn.
    """

    tileIds: list[str] | None = None
    local_path: Points | None = None
    global_path: Points | None = None
    z: float | None = None
    hole: bool = False
    frame_path: Points | None = None

    def to_dict(self) -> Json:
        """JSON object of what is known."""
        paths = {
            name: None if (points := getattr(self, name)) is None else points.tolist()
            for name in ("local_path", "global_path", "frame_path")
        }
        document: Json = {"tileIds": self.tileIds, **paths, "z": self.z}
        if self.hole:
            document["hole"] = True
        return {key: value for key, value in document.items() if value is not None}


@dataclass
class AreaList:
    """One object: its number in the project it was drawn in, its place in the file, its rings."""

    oid: str
    id: int
    areas: list[Area] = field(default_factory=list)

    def to_dict(self) -> Json:
        """JSON object."""
        return {"oid": self.oid, "id": self.id, "areas": [area.to_dict() for area in self.areas]}

    @property
    def zs(self) -> list[float]:
        """The z values of its areas, ascending and once each."""
        return sorted({area.z for area in self.areas if area.z is not None})

    def shape_at(self, z: float) -> Geometry:
        """What it covers at z, in world pixels; rings that cross themselves are repaired."""
        import shapely

        covered: Geometry = shapely.Polygon()
        for hole in (False, True):
            for area in self.areas:
                if area.z == z and area.hole == hole and area.global_path is not None:
                    ring = shapely.make_valid(shapely.Polygon(area.global_path))
                    covered = covered.difference(ring) if hole else covered.union(ring)
        return covered


@dataclass
class AnnotationFile:
    """All objects of a file."""

    area_lists: list[AreaList] = field(default_factory=list)

    def to_dict(self) -> Json:
        """JSON object, as the newest generation of the format has it."""
        return {"area_lists": [areas.to_dict() for areas in self.area_lists]}


def write_annotations(path: str | os.PathLike[str], annotations: AnnotationFile) -> None:
    """Write a file, whole or not at all."""
    atomic_write(path, to_json(annotations.to_dict()))


def read_annotations(path: str | os.PathLike[str]) -> AnnotationFile:
    """Read a file of any of the three generations of the format.

    Raises
    ------
    SpecError
        Naming file, object and area.
    OSError
        Where the file cannot be read.
    """
    try:
        document = orjson.loads(Path(path).read_bytes())
    except orjson.JSONDecodeError as error:
        raise SpecError(f"{path} is not JSON: {error}") from error
    try:
        return parse_annotations(document)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from error


def parse_annotations(document: Any) -> AnnotationFile:
    """Annotations of a JSON object; see `read_annotations`."""
    lists = document.get("area_lists") if isinstance(document, Mapping) else None
    if not isinstance(lists, list):
        raise SpecError("an annotation file is an object with a list area_lists")
    return AnnotationFile([_area_list(entry, index) for index, entry in enumerate(lists)])


def _area_list(entry: Any, index: int) -> AreaList:
    if not isinstance(entry, Mapping):
        raise SpecError(f"object {index} is not an object")
    oid, number = entry.get("oid"), entry.get("id", index)
    name = f"object {index} (oid {oid})"
    if isinstance(number, bool) or not isinstance(number, int):
        raise SpecError(f"{name}: id must be a whole number, not {number!r}")
    areas = entry.get("areas") or []
    if not isinstance(areas, list):
        raise SpecError(f"{name}: areas must be a list")
    found = [
        area for place, part in enumerate(areas) for area in _areas(part, f"{name}, area {place}")
    ]
    return AreaList(str(number if oid is None else oid), number, found)


def _areas(entry: Any, name: str) -> Iterator[Area]:
    """Areas of an entry: one, or in the oldest generation one for each of its paths."""
    if not isinstance(entry, Mapping):
        raise SpecError(f"{name} is not an object")
    if "paths" not in entry:
        yield _area(entry, name)
        return
    for place, path in enumerate(entry["paths"] or []):
        yield from _old_areas(path, f"{name}, path {place}")


def _area(entry: Mapping[str, Any], name: str) -> Area:
    local = _path(entry, "local_path", name)
    tiles = entry.get("tileIds")
    if tiles is None and entry.get("tileId") is not None:  # middle generation: one for all points
        tiles = [entry["tileId"]] * (0 if local is None else len(local))
    if tiles is not None:
        if not isinstance(tiles, list):
            raise SpecError(f"{name}: tileIds must be a list")
        if local is not None and len(tiles) != len(local):
            raise SpecError(f"{name} has {len(tiles)} tileIds for {len(local)} points")
        tiles = [str(tile) for tile in tiles]
    return Area(
        tiles,
        local,
        _path(entry, "global_path", name),
        _z(entry, name),
        entry.get("hole") is True,
        _path(entry, "frame_path", name),
    )


def _old_areas(entry: Any, name: str) -> Iterator[Area]:
    """Areas of a path of the oldest generation, which has its points tile by tile.

    Where a tile has all points of the path, that one is taken; else the pieces follow each other.
    """
    if not isinstance(entry, Mapping):
        raise SpecError(f"{name} is not an object")
    frame = _path(entry, "orig_path", name)
    pieces = [
        (str(piece.get("tileId")), points, _z(piece, name))
        for piece in entry.get("tile_paths") or []
        if (points := _path(piece, "path", name)) is not None
    ]
    z = _z(entry, name)
    whole = [piece for piece in pieces if frame is not None and len(piece[1]) == len(frame)]
    if whole:
        pieces = whole[:1]
    if not pieces:
        yield Area(z=z, frame_path=frame)
        return
    tiles = [tile for tile, points, _ in pieces for _ in points]
    zs = [piece[2] for piece in pieces if piece[2] is not None]
    local = np.vstack([points for _, points, _ in pieces])
    yield Area(tiles, local, z=zs[0] if zs else z, frame_path=frame)


def _path(entry: Any, key: str, name: str) -> Points | None:
    values = entry.get(key) if isinstance(entry, Mapping) else None
    if values is None:
        return None
    try:
        points = np.array(values, float)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] not in (2, 3) or not np.isfinite(points).all():
        raise SpecError(f"{name}: {key} must be a list of points [x, y]")
    return points[:, :2].copy()


def _z(entry: Mapping[str, Any], name: str) -> float | None:
    z = entry.get("z")
    if z is None:
        return None
    if isinstance(z, bool) or not isinstance(z, int | float):
        raise SpecError(f"{name}: z must be a number, not {z!r}")
    return float(z)


def bounds_of(paths: Sequence[Points]) -> tuple[float, float, float, float]:
    """(minX, minY, maxX, maxY) of the points of some rings."""
    points = np.vstack(paths)
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1
