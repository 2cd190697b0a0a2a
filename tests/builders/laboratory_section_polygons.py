"""Modules of the theme section_polygons in the laboratory: a picture and a polygon of each z."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from renderapps.pointmatch.polygon_files import polygon_name, roi_of, write_polygon

UNCONNECTED = {"section_polygons.review_section_polygons"}


def files(lab):
    """`pictures/0000Z.tiff` (220 px of `acquired`) with glue lines, and `polygons`."""
    folder = Path(lab.path("pictures"))
    folder.mkdir()
    picture = np.full((220, 220), 40, np.uint8)
    picture[30:34] = picture[190:194] = 250
    for z in (0, 1):
        tifffile.imwrite(folder / f"{z:05d}.tiff", picture)
        ring = [(0, 0), (210, 0), (210, 210), (0, 210)]
        document = {"z": z, "filepath": str(folder / f"{z:05d}.tiff"), "roi": roi_of(ring)}
        document["bounds"] = dict.fromkeys(("minX", "minY"), 0.0)
        document["bounds"] |= dict.fromkeys(("maxX", "maxY"), 220.0)
        write_polygon(Path(lab.path("polygons")) / polygon_name(z), document)


def parameters(lab, at):
    stored = {
        "stack": "acquired",
        "matchcollection": "matches",
        "targetmatchcollection": "made",
    }
    return {
        "section_polygons.create_section_polygons": {
            "stack": "acquired",
            "sectionImageDir": lab.path("pictures"),
            "polygon_dir": at("polygons"),
            "isHorizontal": True,
        },
        "section_polygons.filter_pointmatches_with_polygons": stored
        | {"polygon_dir": lab.path("polygons")},
        "section_polygons.filter_pointmatches_with_coordpolygon": stored
        | {"minX": 0, "minY": 0, "maxX": 210, "maxY": 210},
        "section_polygons.review_section_polygons": {
            "polygon_dir": lab.path("polygons"),
            "open_browser": False,
            "idle_minutes": 0.002,
        },
    }
