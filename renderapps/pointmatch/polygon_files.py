"""Polygon files: the outline of a section in world pixels, one JSON file for each z.

A file holds `z`, `filepath` (the image that the outline was drawn on), `bounds` (world box that
this image shows) and `roi`, a GeoJSON geometry. An image pixel is at (world - min) x scale, where
scale is the width of the image divided by that of the bounds. What else is in a file is kept.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from renderapi.files import atomic_write
from renderapps.module.errors import RenderModuleException
from renderapps.pointmatch.section_plots import z_text

if TYPE_CHECKING:
    from shapely import Geometry

Json = dict[str, Any]
_NAME = re.compile(r"polygon_(-?\d+(?:\.\d+)?)\.json")
KINDS = ("Polygon", "MultiPolygon")


def polygon_name(z: float) -> str:
    """File name of the polygon of a section.

    >>> polygon_name(7), polygon_name(7.5)
    ('polygon_00007.json', 'polygon_00007.5.json')
    """
    return f"polygon_{z_text(z)}.json"


@dataclass(frozen=True)
class SectionPolygon:
    """The outline of a section.

    Attributes
    ----------
    z : float
    outline : shapely Polygon or MultiPolygon
        World pixels; valid (a ring that crosses itself is repaired).
    path : Path
        Its file.
    document : dict
        All that the file holds.
    repaired : bool
        Whether its ring crossed itself.
    """

    z: float
    outline: Geometry
    path: Path
    document: Mapping[str, Any] = field(repr=False)
    repaired: bool = False


def roi_of(ring: Sequence[Sequence[float]]) -> Json:
    """GeoJSON polygon of world points; the first is repeated at the end."""
    points = [[float(x), float(y)] for x, y in ring]
    if points[0] != points[-1]:
        points.append(points[0])
    return {"type": "Polygon", "coordinates": [points]}


def write_polygon(path: Path, document: Mapping[str, Any]) -> None:
    """Write a polygon file, whole or not at all."""
    atomic_write(path, orjson.dumps(document, option=orjson.OPT_INDENT_2))


def read_polygon(path: Path) -> SectionPolygon:
    """Read a polygon file.

    Raises
    ------
    RenderModuleException
        Names the file and what is wrong with it.
    """
    document = read_document(path)
    if document is None:
        raise RenderModuleException(f"{path} is no polygon file: it has no roi")
    outline, repaired = outline_of(document["roi"], path)
    return SectionPolygon(_z_of(document, path), outline, path, document, repaired)


def read_document(path: Path) -> Json | None:
    """The JSON object of a file; None where it is not about a polygon."""
    try:
        document = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError) as error:
        raise RenderModuleException(f"{path} cannot be read as JSON: {error}") from error
    return document if isinstance(document, dict) and "roi" in document else None


def outline_of(roi: Any, where: Path | str) -> tuple[Geometry, bool]:
    """A valid outline from a GeoJSON geometry, and whether it had to be repaired."""
    import shapely
    from shapely.geometry import shape

    if not isinstance(roi, dict) or roi.get("type") not in KINDS:
        raise RenderModuleException(f"{where}: its roi is not a {' or '.join(KINDS)}")
    try:
        found = shape(roi)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise RenderModuleException(f"{where}: its roi holds no rings of points") from error
    if not len(coordinates := shapely.get_coordinates(found)):
        raise RenderModuleException(f"{where}: its roi is empty")
    if not all(map(math.isfinite, coordinates.ravel())):
        raise RenderModuleException(f"{where}: its roi has a point that is not a number")
    valid = found if found.is_valid else shapely.make_valid(found)
    if valid.area == 0:
        raise RenderModuleException(f"{where}: its roi has no area")
    return valid, valid is not found


def polygons_in(folder: Path) -> dict[float, SectionPolygon]:
    """The polygons of a folder by z: that in the file, and where it has none, that in its name.

    JSON files that are not about polygons are passed over.

    Raises
    ------
    RenderModuleException
        There is none, one cannot be read, or two are of one z and differ.
    """
    found: dict[float, SectionPolygon] = {}
    for path in sorted(folder.glob("*.json")):
        if path.name.startswith("."):
            continue  # half-written by someone
        if not _NAME.fullmatch(path.name) and read_document(path) is None:
            continue
        polygon = read_polygon(path)
        other = found.setdefault(polygon.z, polygon)
        if not other.outline.equals(polygon.outline):
            raise RenderModuleException(
                f"{other.path} and {path} both hold a polygon of z={polygon.z:g}: remove one"
            )
    if not found:
        raise RenderModuleException(f"folder {folder} has no polygon file ({polygon_name(0)} ...)")
    return found


def polygons_stamp(folder: Path) -> list[list[str]]:
    """Names and digests of the JSON files of a folder: other ones where a polygon has changed."""
    return [
        [path.name, hashlib.sha256(path.read_bytes()).hexdigest()]
        for path in sorted(folder.glob("*.json"))
        if not path.name.startswith(".")
    ]


def _z_of(document: Mapping[str, Any], path: Path) -> float:
    named = _NAME.fullmatch(path.name)
    z = document.get("z", float(named[1]) if named else None)
    if isinstance(z, bool) or not isinstance(z, int | float) or not math.isfinite(z):
        raise RenderModuleException(f"{path}: it says no z (a number)")
    return float(z)
