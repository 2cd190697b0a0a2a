"""Copy a match collection without the points that lie outside the polygons of their sections."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from argschema.fields import InputDir

from renderapps.module import parameter
from renderapps.pointmatch.pair_matches import Json
from renderapps.pointmatch.polygon_files import polygons_in
from renderapps.section_polygons.polygon_filter import PolygonFilterModule, PolygonFilterParameters

if TYPE_CHECKING:
    from shapely import Geometry


class FilterPointMatchParameters(PolygonFilterParameters):
    """Parameters of filter_pointmatches_with_polygons."""

    polygon_dir = parameter(
        InputDir,
        "folder of polygon files, as create_section_polygons writes them; the z "
        "in the file counts, whatever its name",
    )


class FilterPointMatch(PolygonFilterModule):
    """The polygons come from files, one for each z."""

    default_schema = FilterPointMatchParameters

    def outlines(self, zs: Iterable[float]) -> dict[float, Geometry]:
        """Those of the files."""
        found = polygons_in(Path(self.args["polygon_dir"]))
        wanted = set(zs)
        self.repaired = [str(p.path) for p in found.values() if p.repaired and p.z in wanted]
        for path in self.repaired:
            self.logger.warning("%s: its ring crosses itself; it is taken apart", path)
        return {z: polygon.outline for z, polygon in found.items() if z in wanted}

    def source_of_outlines(self) -> str:
        """The folder."""
        return f"folder {self.args['polygon_dir']}"

    def more_report(self, details: list[Json]) -> Json:
        """Polygons that crossed themselves, too."""
        return super().more_report(details) | {"repaired_polygons": self.repaired}


if __name__ == "__main__":
    FilterPointMatch.main()
