"""A grid of cells over the bounds of a stack, and the tile that shows one of them.

With W x H the size of the bounds and K the number of cells along the longer side, a cell is about
max(W, H) / K wide and high: rows = round(H / that), columns = round(W / that), at least one each.
Cells are counted row by row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from renderapi.transform.specs import affine_spec

Json = dict[str, Any]


@dataclass(frozen=True)
class Cell:
    """One cell: its row, column and number, and its upper left corner in world pixels."""

    row: int
    column: int
    number: int
    x: float
    y: float


@dataclass(frozen=True)
class CellGrid:
    """The cells over a box of the world.

    Attributes
    ----------
    min_x, min_y, width, height : float
        The box, world pixels.
    split_k : int
        Cells along the longer side.
    output_size : int
        Pixels of the picture of a cell along its longer side, about; never more than its own.
    exact : bool
        Whether pictures are drawn at the very scale that gives this size, and are level 0 of their
        tiles; else at the next smaller power of two, as the mipmap level that this is.
    """

    min_x: float
    min_y: float
    width: float
    height: float
    split_k: int
    output_size: int
    exact: bool = False

    @property
    def side(self) -> float:
        """Side of a square cell."""
        return max(self.width, self.height) / self.split_k

    @property
    def rows(self) -> int:
        """Number of rows."""
        return max(1, round(self.height / self.side))

    @property
    def columns(self) -> int:
        """Number of columns."""
        return max(1, round(self.width / self.side))

    @property
    def cell_size(self) -> tuple[float, float]:
        """Width and height of a cell, world pixels."""
        return self.width / self.columns, self.height / self.rows

    @property
    def wanted_scale(self) -> float:
        """Scale at which a square cell has the wanted size."""
        return min(1.0, self.output_size / self.side)

    @property
    def level(self) -> int:
        """Mipmap level of the pictures."""
        return 0 if self.exact else math.ceil(math.log2(1 / self.wanted_scale))

    @property
    def scale(self) -> float:
        """Scale at which pictures are drawn."""
        return self.wanted_scale if self.exact else 2.0**-self.level

    @property
    def box_size(self) -> tuple[int, int]:
        """Width and height of the box that is drawn, whole world pixels."""
        width, height = self.cell_size
        return (round(width), round(height)) if self.exact else (int(width), int(height))

    @property
    def picture_size(self) -> tuple[int, int]:
        """Columns and rows of a picture."""
        return int(self.box_size[0] * self.scale), int(self.box_size[1] * self.scale)

    @property
    def tile_size(self) -> tuple[int, int]:
        """Width and height of a tile: of its level 0, there or not."""
        return self.picture_size if self.exact else self.box_size

    @cached_property
    def cells(self) -> list[Cell]:
        """All cells."""
        width, height = self.cell_size
        return [
            Cell(i, j, i * self.columns + j, self.min_x + j * width, self.min_y + i * height)
            for i in range(self.rows)
            for j in range(self.columns)
        ]

    def transforms(self, cell: Cell) -> Json:
        """From the pixels of a cell's tile to the world: about its centre, then to its place.

        The last one, the identity, is there to be replaced by what an alignment finds; it works in
        world coordinates.
        """
        width, height = self.cell_size
        specs = [
            _translation(-width / 2, -height / 2, "middle_center"),
            _translation(cell.x + width / 2, cell.y + height / 2, "to_global"),
            _translation(0.0, 0.0, "identity"),
        ]
        if self.exact:
            across, down = self.picture_size
            matrix = np.array([[width / across, 0, 0], [0, height / down, 0]])
            specs.insert(0, _labelled(matrix, "scale"))
        return {"type": "list", "specList": specs}

    def hierarchical_data(self, cell: Cell, rough: Json, zs: tuple[float, float]) -> Json:
        """What a render web service keeps of the stack of a cell: the box of stack `rough` that it
        shows, from the first to the last of `zs`.
        """
        width, height = self.cell_size
        ends = (cell.x, cell.y, cell.x + width, cell.y + height)
        box = dict(zip(("minX", "minY", "maxX", "maxY"), ends, strict=True))
        return {
            "roughTilesStackId": rough,
            "tier": 1,
            "tierRow": cell.row,
            "tierColumn": cell.column,
            "totalTierRowCount": self.rows,
            "totalTierColumnCount": self.columns,
            "scale": self.scale,
            "fullScaleBounds": {**box, "minZ": zs[0], "maxZ": zs[1]},
        }

    def tile(self, cell: Cell, stack: str, z: float, url: str) -> Json:
        """The tile of a cell whose picture is at `url`."""
        width, height = self.tile_size
        return {
            "tileId": tile_id(cell, stack, z),
            "z": z,
            "width": float(width),
            "height": float(height),
            "minIntensity": 0.0,
            "maxIntensity": 255.0,
            "layout": {
                "sectionId": f"{z:.1f}" if z == round(z, 1) else repr(float(z)),
                "temca": f"heir_{self.split_k}",
                "camera": "virtual",
                "imageRow": cell.row,
                "imageCol": cell.column,
                "stageX": cell.x,
                "stageY": cell.y,
                "rotation": 0.0,
            },
            "mipmapLevels": {str(self.level): {"imageUrl": url}},
            "transforms": self.transforms(cell),
        }


def tile_id(cell: Cell, stack: str, z: float) -> str:
    """Id of the tile of a cell: stack, row, column, number and z."""
    return f"{stack}_{cell.row}_{cell.column}_{cell.number}_{plain(z)}"


def plain(value: float) -> str:
    """A number as text, whole ones without a point.

    >>> plain(3.0), plain(3.5)
    ('3', '3.5')
    """
    return str(int(value)) if value == int(value) else repr(float(value))


def grid_over(bounds: Mapping[str, float], **settings: Any) -> CellGrid:
    """The grid over the bounds of a stack."""
    return CellGrid(
        bounds["minX"],
        bounds["minY"],
        float(bounds["maxX"]) - bounds["minX"],
        float(bounds["maxY"]) - bounds["minY"],
        **settings,
    )


def _translation(x: float, y: float, label: str) -> Json:
    return _labelled(np.array([[1.0, 0, x], [0, 1.0, y]]), label)


def _labelled(matrix: np.ndarray, label: str) -> Json:
    return {**affine_spec(matrix), "metaData": {"labels": [label]}}
