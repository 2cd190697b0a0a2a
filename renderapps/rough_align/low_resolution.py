"""What a low resolution picture of a section was made of, recorded with its tile.

The tile of a low resolution stack carries labels such as `lowres_scale=0.01`, `lowres_minX=-35.5`,
`lowres_minY=12.0` and `lowres_z=301.0`: pixel (0, 0) of its picture is the world point (minX, minY)
of section z, and it has `scale` pixels for each world pixel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from renderapps.module.errors import RenderModuleException

PREFIX = "lowres_"


@dataclass(frozen=True)
class RenderedFrom:
    """What a picture shows; None for what is not recorded."""

    scale: float | None = None
    minX: float | None = None
    minY: float | None = None
    z: float | None = None

    @property
    def labels(self) -> list[str]:
        """Labels of the tile that say so."""
        known = {key: value for key, value in asdict(self).items() if value is not None}
        return [f"{PREFIX}{key}={float(value)!r}" for key, value in known.items()]


def recorded(tile: Mapping[str, Any]) -> RenderedFrom:
    """What the labels of a tile say.

    Raises
    ------
    RenderModuleException
        A label that begins like one of these has no number.
    """
    found = {}
    for label in tile.get("labels") or ():
        key, _, text = str(label).removeprefix(PREFIX).partition("=")
        if str(label).startswith(PREFIX) and key in RenderedFrom.__dataclass_fields__:
            found[key] = _number(text, str(label), tile)
    return RenderedFrom(**found)


def _number(text: str, label: str, tile: Mapping[str, Any]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RenderModuleException(f"tile {tile['tileId']}: label {label} has no number")
    return value
