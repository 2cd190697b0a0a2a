"""Files with the tile specs that a module keeps, one for each section."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from renderapi.files import atomic_write
from renderapi.utils import renderdumps


def write_kept(folder: str | os.PathLike[str], stack: str, z: float, tiles: list[Any]) -> str:
    """Write tile specs of a section; the z in the name of the file is exact."""
    exact = f"{z:04.0f}" if z == int(z) else repr(z)
    path = Path(folder) / f"{stack}_z{exact}.json"
    atomic_write(path, renderdumps(tiles))
    return str(path)
