"""Polygon files under review: what a reviewer is shown, and how corrections are saved."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from renderapi.errors import ImageError
from renderapi.files import atomic_write
from renderapi.rendering.readers import read_image
from renderapi.urls import path_to_url
from renderapps.module.errors import RenderModuleException
from renderapps.pointmatch.polygon_files import (
    Json,
    outline_of,
    polygons_in,
    read_polygon,
    roi_of,
    write_polygon,
)

BACKUPS = "backups"
MOST_CORNERS = 100_000
SHOWN = ("outline", "lines_found", "confidence")


class Refused(Exception):
    """A request that cannot be granted: an HTTP status and a reason of one line."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


@dataclass
class PolygonReview:
    """The polygon files of a folder, in the order of z.

    Parameters
    ----------
    folder : Path
    image_folder : Path, optional
        Where images are now that are not at the `filepath` of their polygons, by their names.
    """

    folder: Path
    image_folder: Path | None = None
    saved: dict[str, Json] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.files = {p.path.name: p.path for _, p in sorted(polygons_in(self.folder).items())}

    def listing(self) -> list[Json]:
        """Name, z, whether it is reviewed, and how sure the polygon is, of each file."""
        found = []
        for name, path in self.files.items():
            polygon = read_polygon(path)
            more = {key: polygon.document[key] for key in SHOWN if key in polygon.document}
            reviewed = bool(polygon.document.get("reviewed"))
            found.append({"name": name, "z": polygon.z, "reviewed": reviewed, **more})
        return found

    def polygon(self, name: str) -> Json:
        """The document of a file, and its version, which `save` asks for."""
        data = self._path(name).read_bytes()
        return {"document": orjson.loads(data), "version": _version(data)}

    def image(self, name: str) -> bytes:
        """The image of a file as PNG, in 8 bit; Refused where it cannot be shown."""
        import imagecodecs

        path = self._image_path(name)
        try:
            pixels = read_image(path_to_url(path))
        except (ImageError, OSError) as error:
            raise Refused(404, f"the image cannot be shown: {error}") from error
        if pixels.dtype != np.uint8:
            low, high = np.percentile(pixels, [0.5, 99.5])
            pixels = np.clip((pixels - low) * (255 / max(float(high - low), 1e-9)), 0, 255)
        return bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels, np.uint8), level=1))

    def save(self, name: str, change: Any) -> Json:
        """Put another ring into a file, after a copy of it has been made.

        Parameters
        ----------
        change : mapping
            `version` that was given with the polygon; `ring`, world points, where it has changed;
            `reviewed`.

        Raises
        ------
        Refused
            400 for what is no outline, 404 for another file, 409 where the file has changed since.
        """
        path = self._path(name)
        if not isinstance(change, Mapping) or not isinstance(change.get("reviewed"), bool):
            raise Refused(400, "reviewed has to be true or false")
        roi = _roi(change["ring"]) if change.get("ring") is not None else None
        with self._lock:
            data = path.read_bytes()
            if change.get("version") != _version(data):
                raise Refused(409, f"{name} has been changed by somebody else: load it again")
            document = orjson.loads(data)
            new = document | {"reviewed": change["reviewed"]} | ({"roi": roi} if roi else {})
            if new == document:
                return self.polygon(name) | {"backup": None}
            backup = self._back_up(path, data)
            write_polygon(path, new)
            entry = self.saved.setdefault(name, {"file": path, "backups": [], "edited": False})
            entry["backups"].append(backup)
            entry["edited"] |= new["roi"] != document["roi"]
        return self.polygon(name) | {"backup": str(backup)}

    def _back_up(self, path: Path, data: bytes) -> Path:
        """A copy of a file before it is replaced; those of earlier times stay."""
        number = 1
        while (copy := path.parent / BACKUPS / f"{path.stem}.{number:03d}.json").exists():
            number += 1
        atomic_write(copy, data)
        return copy

    def _path(self, name: str) -> Path:
        """A file of the folder: names are looked up, never joined to a path."""
        if name not in self.files or not self.files[name].is_file():
            raise Refused(404, f"there is no polygon file {name[:80]!r}")
        return self.files[name]

    def _image_path(self, name: str) -> Path:
        named = self.polygon(name)["document"].get("filepath")
        if not isinstance(named, str) or not named:
            raise Refused(404, f"{name} names no image (filepath)")
        path = Path(named)
        if self.image_folder is not None and not path.is_file():
            path = self.image_folder / path.name
        if not path.is_file():
            raise Refused(404, f"the image {named} is not there: give image_dir where it is now")
        return path


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _roi(ring: Any) -> Json:
    """GeoJSON of a ring that a reviewer has drawn."""
    try:
        points = np.asarray(ring, float)
    except (TypeError, ValueError) as error:
        raise Refused(400, "the ring is no list of points [x, y]") from error
    if points.ndim != 2 or points.shape[1] != 2 or not 3 <= len(points) <= MOST_CORNERS:
        raise Refused(400, "the ring needs three points [x, y] or more")
    roi = roi_of(points.tolist())
    try:
        _, crossing = outline_of(roi, "the polygon")
    except RenderModuleException as error:
        raise Refused(400, str(error)) from error
    if crossing:
        raise Refused(400, "the polygon crosses itself: move or remove a corner")
    return roi
