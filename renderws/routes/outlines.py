"""Outlines of sections, from the files that the modules of section polygons write: our own."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import orjson

from renderws.guard import check_path
from renderws.routes.answers import Answer, HttpError, json_answer
from renderws.routes.call import Call
from renderws.routes.router import Route
from renderws.routes.values import Parameter

Json = dict[str, Any]

MOST_FILES = 20_000
MOST_BYTES = 4_000_000  # of one file
_NAME = re.compile(r"polygon_.+\.json")
_KINDS = ("Polygon", "MultiPolygon")


def get_section_polygons(call: Call) -> Answer:
    """Outlines of sections in world pixels, from the polygon files of a folder below an image root.

    `polygons` are `{z, file, roi}`, roi a GeoJSON geometry; `unreadable` are names of files that
    hold none.
    """
    directory = call.query["directory"]
    if not directory or "\0" in directory:
        raise HttpError(400, "give directory, the folder of the polygon files")
    folder = Path(directory)
    check_path(folder, call.settings)
    try:
        files = sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name))
    except OSError as error:
        raise HttpError(404, f"there is no folder {directory!r}") from error
    if len(files) > MOST_FILES:
        raise HttpError(400, f"{folder} has more than {MOST_FILES} polygon files")
    found, unreadable = [], []
    for path in files:
        check_path(path, call.settings)
        polygon = _read(path)
        if polygon is None:
            unreadable.append(path.name)
        else:
            found.append(polygon)
    return json_answer({"polygons": found, "unreadable": unreadable})


def _read(path: Path) -> Json | None:
    """z, name and geometry of a polygon file; None for what is none."""
    if not path.is_file() or path.stat().st_size > MOST_BYTES:
        return None
    try:
        document = orjson.loads(path.read_bytes())
        z, roi = float(document["z"]), document["roi"]
        if not math.isfinite(z) or roi["type"] not in _KINDS:
            return None
        return {"z": z, "file": path.name, "roi": {k: roi[k] for k in ("type", "coordinates")}}
    except (ValueError, KeyError, TypeError, OSError):
        return None


def routes() -> tuple[Route, ...]:
    """Outlines of sections."""
    return (
        Route(
            0,
            "GET",
            "/sectionPolygons",
            get_section_polygons,
            (Parameter("directory"),),
            consistent=False,
        ),
    )
