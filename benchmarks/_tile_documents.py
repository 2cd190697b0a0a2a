"""Documents of tiles in a grid, and the picture that they show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def grid_tile(
    name: str, z: int, place: tuple[int, int], levels: dict[str, Any], side: int, step: int
) -> dict[str, Any]:
    """A square tile at (column, row) of a grid with steps of so many pixels."""
    column, row = place
    x, y = step * column, step * row
    return {
        "tileId": name,
        "z": float(z),
        "layout": {"sectionId": f"{z}.0", "imageRow": row, "imageCol": column},
        "minX": x,
        "minY": y,
        "maxX": x + side,
        "maxY": y + side,
        "width": side,
        "height": side,
        "minIntensity": 0,
        "maxIntensity": 255,
        "mipmapLevels": levels,
        "transforms": {
            "type": "list",
            "specList": [{"className": AFFINE, "dataString": f"1 0 0 1 {x} {y}"}],
        },
    }


def smooth_noise(side: int) -> NDArray[np.uint8]:
    """A square picture that compresses about as micrographs do."""
    import cv2

    noise = np.random.default_rng(1).normal(128, 60, (side, side)).astype(np.float32)
    return np.clip(cv2.GaussianBlur(noise, (0, 0), 1.5) * 3 - 256, 0, 255).astype(np.uint8)
