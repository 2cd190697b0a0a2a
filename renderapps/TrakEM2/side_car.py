"""What was exported, kept in a JSON file beside the project: the way back needs it.

The numbers (oid) of a project say nothing, and a person may change every place in it. The side-car
has for each number the tile, and where it was put. With it an import can tell what was done, and
whether the canvas or a tile that must not move has been touched.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import orjson

from renderapi.errors import SpecError
from renderapi.files import atomic_write
from renderapps.TrakEM2.project import Matrix

MOVING, FIXED = "moving", "fixed"
VERSION = 1


@dataclass
class ExportedTile:
    """A tile of a project.

    Attributes
    ----------
    layer : int
        Number of the layer that it is in.
    canvas : Matrix
        Its canvas matrix (see `placement.canvas_matrix`).
    transforms : str
        Digest of the transforms that it had.
    role : str
        moving, or fixed where a person must not move it.
    """

    oid: int
    layer: int
    tileId: str
    z: float
    stack: str
    canvas: Matrix
    transforms: str
    role: str = MOVING


@dataclass
class SideCar:
    """What a project was made of.

    Attributes
    ----------
    shift : (dx, dy)
        Layer set = world + shift.
    canvas : (width, height)
        Size of the layer set.
    layers : dict
        By number of a layer the z of the section of `stack` that it is.
    """

    stack: str
    shift: tuple[float, float]
    canvas: tuple[float, float]
    layers: dict[int, float] = field(default_factory=dict)
    tiles: list[ExportedTile] = field(default_factory=list)
    version: int = VERSION


def side_car_path(project: str | os.PathLike[str]) -> Path:
    """Where the side-car of a project lies: `project.xml` has `project_tiles.json`."""
    path = Path(project)
    name = path.name
    for suffix in (".gz", ".xml"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return path.with_name(f"{name}_tiles.json")


def write_side_car(project: str | os.PathLike[str], side_car: SideCar) -> Path:
    """Write the side-car of a project; its path."""
    path = side_car_path(project)
    atomic_write(path, msgspec.json.encode(side_car))
    return path


def read_side_car(project: str | os.PathLike[str]) -> SideCar | None:
    """Side-car of a project; None where there is none.

    Raises
    ------
    SpecError
        For a file that is not one, or of another version; it names the file.
    """
    path = side_car_path(project)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        side_car = msgspec.json.decode(data, type=SideCar)
    except msgspec.DecodeError as error:
        raise SpecError(f"{path} is not the list of tiles of a project: {error}") from error
    if side_car.version != VERSION:
        raise SpecError(f"{path} is of version {side_car.version}, not {VERSION}: export again")
    return side_car


def digest(tile: Mapping[str, Any]) -> str:
    """Digest of the flattened transforms of a tile."""
    leaves = [[s.get("className"), s.get("dataString")] for s in tile["transforms"]["specList"]]
    return hashlib.sha1(orjson.dumps(leaves), usedforsecurity=False).hexdigest()
