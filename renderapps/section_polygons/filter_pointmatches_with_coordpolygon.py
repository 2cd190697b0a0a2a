"""Copy a match collection without the points that lie outside a rectangle of the world."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from argschema.fields import Float, InputDir
from marshmallow import ValidationError, validates_schema

from renderapps.module import parameter
from renderapps.pointmatch.polygon_files import polygons_in
from renderapps.section_polygons.polygon_filter import PolygonFilterModule, PolygonFilterParameters

if TYPE_CHECKING:
    from shapely import Geometry


def _side(which: str) -> Float:
    return parameter(Float, f"{which} side of the rectangle, world pixels")


class FilterPointMatchParameters(PolygonFilterParameters):
    """Parameters of filter_pointmatches_with_coordpolygon."""

    minX = _side("left")
    minY = _side("upper")
    maxX = _side("right")
    maxY = _side("lower")
    polygon_dir = parameter(
        InputDir,
        "folder of polygon files, where points have to be inside these as well",
        default=None,
        default_text="none: the rectangle alone",
    )

    @validates_schema
    def not_empty(self, data: dict[str, Any], **_: Any) -> None:
        """There is something inside."""
        for axis in "XY":
            low, high = data.get(f"min{axis}"), data.get(f"max{axis}")
            if low is not None and high is not None and low >= high:
                raise ValidationError(f"is not above min{axis} ({low:g})", f"max{axis}")


class FilterPointMatch(PolygonFilterModule):
    """One rectangle for all sections; where there are polygons too, what both have in common."""

    default_schema = FilterPointMatchParameters

    def outlines(self, zs: Iterable[float]) -> dict[float, Geometry]:
        """The rectangle, cut by the polygon of each section."""
        import shapely

        args = self.args
        rectangle = shapely.box(args["minX"], args["minY"], args["maxX"], args["maxY"])
        if args["polygon_dir"] is None:
            return dict.fromkeys(zs, rectangle)
        found = polygons_in(Path(args["polygon_dir"]))
        return {z: rectangle.intersection(found[z].outline) for z in zs if z in found}

    def source_of_outlines(self) -> str:
        """The folder, where there is one."""
        return f"folder {self.args['polygon_dir']}"


if __name__ == "__main__":
    FilterPointMatch.main()
