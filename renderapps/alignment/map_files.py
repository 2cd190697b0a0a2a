"""Relative coordinate maps of sections in files, `[2, z, y, x]`, as SOFIMA keeps them.

`NAME.npy` holds float32 displacements, x first, of nodes `stride` pixels apart; NaN where nothing
is known. `NAME.json` beside it says what the array alone does not: `zs`, `origin` (x, y of the
first node), `stride`, `scale` (pixels of the map for each world pixel) and `direction`. A forward
map leads from where a point of a section was to where it goes; an inverse one back, which is what
resampling an image needs. Displacements, stride and origin are all in pixels of the map.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.files import atomic_path, atomic_write
from renderapi.matching.block_flow import interpolated
from renderapps.alignment.section_warps import Field
from renderapps.module import RenderModuleException

DIRECTIONS = ("forward", "inverse")
STEPS = 50
CLOSE = 1e-6


@dataclass(frozen=True)
class MapDescription:
    """What belongs to the array of a map."""

    zs: list[float]
    origin: tuple[float, float]
    stride: float
    scale: float = 1.0
    direction: str = "forward"


def inverted(field: Field) -> Field:
    """The field that leads back, on the same nodes; NaN where the iteration does not settle.

    By the iteration v(y) = -u(y + v(y)), which settles where u changes by less than a pixel for
    each pixel.
    """
    rows, columns = field.shift.shape[1:]
    x, y = np.arange(columns) * field.stride, np.arange(rows) * field.stride
    here = np.stack(np.meshgrid(x, y), axis=-1)
    grid = np.moveaxis(field.shift, 0, -1)
    back = -grid
    for _ in range(STEPS):
        before = back
        back = -interpolated(x, y, grid, here + before)
    unsettled = np.abs(back - before).max(-1) > max(CLOSE, 1e-4 * field.stride)
    back[unsettled] = np.nan
    return Field(field.origin, field.stride, np.moveaxis(back, -1, 0))


def description_path(path: Path) -> Path:
    """File beside a map that describes it."""
    return path.with_suffix(".json")


def write_map(path: Path, values: NDArray[np.float32], about: MapDescription) -> None:
    """Write array and description, each whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, values)
    document = {
        "axes": ["2: x, y", "z", "y", "x"],
        "relative": True,
        "units": "pixels of the map: world pixels times scale",
        **asdict(about),
    }
    atomic_write(description_path(path), json.dumps(document, indent=2) + "\n")


def read_map(path: Path) -> NDArray[Any]:
    """The array of a map, from the disk as it is needed.

    Raises
    ------
    RenderModuleException
        The file holds no array [2, z, y, x] of numbers with at least 2 x 2 nodes.
    """
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise RenderModuleException(f"{path} is no map: {error}") from error
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if len(shape) != 4 or shape[0] != 2 or min(shape[2:]) < 2 or values.dtype.kind not in "fiu":
        raise RenderModuleException(
            f"{path} is no map: it holds {shape} {getattr(values, 'dtype', '')}, "
            "not numbers [2, z, y, x]"
        )
    return np.asarray(values) if not isinstance(values, np.ndarray) else values


def read_description(path: Path) -> dict[str, Any]:
    """What the file beside a map says; empty where there is none."""
    beside = description_path(path)
    if not beside.exists():
        return {}
    try:
        found = json.loads(beside.read_text())
    except (ValueError, OSError) as error:
        raise RenderModuleException(f"{beside} cannot be read: {error}") from error
    return found if isinstance(found, dict) else {}
