"""A stack of overlapping tiles cut out of generated scenes, at known places."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

import renderapi
from renderapi.urls import path_to_url

SIDE, STEP = 120, 100
AFFINE = "mpicbg.trakem2.transform.AffineModel2D"


def scene(seed: int, side: int = 440) -> np.ndarray:
    """Picture with structure at two scales, and grain."""
    rng = np.random.default_rng(seed)
    fine, coarse = (gaussian_filter(rng.normal(size=(side, side)), s) * s for s in (1.5, 5.0))
    return 2000 + 800 * (fine + coarse) + rng.normal(0, 5, (side, side))


@dataclass
class Acquisition:
    """Tiles on disk and in a stack; `places` has the true place of every tile in its scene."""

    render: Any
    folder: Path
    stack: str = "acquired"
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """Parameters that every module of these tests needs."""
        return {
            "render": {
                "host": self.render.DEFAULT_HOST,
                "owner": self.render.DEFAULT_OWNER,
                "project": self.render.DEFAULT_PROJECT,
            },
            "stack": self.stack,
        }

    def image(self, tile: str) -> Path:
        """File of a tile."""
        return self.folder / f"{tile}.tif"

    def tile(self, tile: str, row: int, column: int, z: float) -> dict[str, Any]:
        """Tile spec at the place the stage was sent to."""
        return {
            "tileId": tile,
            "z": z,
            "width": SIDE,
            "height": SIDE,
            "minIntensity": 0,
            "maxIntensity": 65535,
            "layout": {"sectionId": f"{z:.1f}", "imageRow": row, "imageCol": column},
            "mipmapLevels": {"0": {"imageUrl": path_to_url(self.image(tile))}},
            "transforms": {
                "type": "list",
                "specList": [
                    {"type": "leaf", "className": AFFINE, "dataString": data}
                    for data in ("1 0 0 1 0 0", f"1 0 0 1 {STEP * column} {STEP * row}")
                ],
            },
        }


@pytest.fixture
def acquisition(render, tmp_path):
    """Function (rows, columns, zs) -> Acquisition with a stage that misses by up to 4 pixels."""

    def make(
        rows: int = 2, columns: int = 2, zs: tuple[float, ...] = (1.0,), same_scene: bool = False
    ) -> Acquisition:
        made = Acquisition(render, tmp_path)
        rng = np.random.default_rng(0)
        tiles = []
        for z in zs:
            picture = scene(1 if same_scene else int(z))
            for row in range(rows):
                for column in range(columns):
                    tile = f"z{z:g}_r{row}_c{column}"
                    x, y = np.array([column, row]) * STEP + 10 + rng.integers(-4, 5, 2)
                    made.places[tile] = (int(x), int(y))
                    cut = picture[y : y + SIDE, x : x + SIDE]
                    tifffile.imwrite(made.image(tile), cut.astype(np.uint16))
                    tiles.append(renderapi.tilespec.TileSpec(json=made.tile(tile, row, column, z)))
        renderapi.stack.create_stack(made.stack, render=render)
        renderapi.resolvedtiles.put_tilespecs(made.stack, tilespecs=tiles, render=render)
        renderapi.stack.set_stack_state(made.stack, "COMPLETE", render=render)
        return made

    return make
