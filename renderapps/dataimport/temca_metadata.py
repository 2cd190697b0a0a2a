"""Read the metadata JSON of a section that a TEM camera array (TEMCA) has imaged.

`[{"metadata": {temca_id, camera_info, calibration}}, {"data": [{img_path, img_meta}, ...]}]`; each
img_meta has the stage position, the position in the raster, the angle of the camera and the
size of a pixel in the unit of the stage.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from renderapps.dataimport.acquired_image import AcquiredImage
from renderapps.module.errors import RenderModuleException


@dataclass(frozen=True)
class CameraArray:
    """What the metadata says about the microscope: its name, the camera, nanometres of a pixel."""

    scope: str | None = None
    camera: str | None = None
    pixel_size_nm: float | None = None


def read_camera_array(
    path: Path, image_directory: Path, z: float
) -> tuple[CameraArray, list[AcquiredImage]]:
    """The microscope and the images of a section, positions in whole pixels.

    With (sx, sy) the stage position in pixels and a the angle, x = sx cos a + sy sin a and
    y = -sx sin a + sy cos a. Tile ids are `{image name}.{z}`.

    Raises
    ------
    RenderModuleException
        Names the file and the entry in which something is missing or no number.
    """
    content = _read(path)
    entries = {key: part[key] for part in content for key in ("metadata", "data") if key in part}
    if not isinstance(entries.get("data"), list) or not entries["data"]:
        raise RenderModuleException(f"{path} has no list of images under data")
    images = [
        _image(entry, f"{path}, image {number}", image_directory, z)
        for number, entry in enumerate(entries["data"], 1)
    ]
    return _camera_array(entries.get("metadata")), images


def _read(path: Path) -> list[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RenderModuleException(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise RenderModuleException(f"{path} is not JSON: {error}") from None
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise RenderModuleException(f"{path} must be a JSON list of metadata and data")
    return content


def _camera_array(metadata: Any) -> CameraArray:
    """The parts of the metadata that are there."""

    def at(*keys: str) -> Any:
        value = metadata
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    scope, camera = at("temca_id"), at("camera_info", "camera_id")
    size = at("calibration", "highmag", "x_nm_per_pix")
    return CameraArray(
        None if scope is None else str(scope),
        None if camera is None else str(camera),
        float(size) if isinstance(size, int | float) and size > 0 else None,
    )


def _image(entry: Any, source: str, directory: Path, z: float) -> AcquiredImage:
    try:
        file, meta = directory / str(entry["img_path"]), entry["img_meta"]
        stage = [float(value) for value in meta["stage_pos"]]
        column, row = (int(value) for value in meta["raster_pos"])
        angle = float(meta["angle"])
        sizes = float(meta["pixel_size_x_move"]), float(meta["pixel_size_y_move"])
        sx, sy = stage[0] / sizes[0], stage[1] / sizes[1]
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        what = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise RenderModuleException(f"{source}: {what}") from None
    a = math.radians(angle)
    return AcquiredImage(
        file=file,
        x=int(sx * math.cos(a) + sy * math.sin(a)),
        y=int(-sx * math.sin(a) + sy * math.cos(a)),
        source=source,
        row=row,
        column=column,
        tile_id=f"{file.stem}.{float(z)}",
        stage=(stage[0], stage[1]),
        rotation=angle,
    )
