"""The mesh that carries a tile's pixels into the picture.

A level image of W x H pixels is divided into cells by "even" rows of vertices; between two even
rows lies an "odd" row shifted by half a cell, so that each cell is four triangles about its
centre. Vertices are moved by the tile's transforms exactly; between them the mapping is affine per
triangle. Where every transform is affine, one quadrilateral does the same.

Coordinates: *level pixels* (u, v) of the image that is sampled; *world*; *global canvas* = world
times the scale of the picture, not yet shifted to its window.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from renderapi.errors import SpecError

Array = NDArray[np.float64]
# a triangle stretched further than this is flat for every practical purpose
LARGEST_SLOPE = 1e9
# more cells than this are taken for a mistake; each takes four triangles and the memory for them
MOST_CELLS = 1 << 22


class PixelMap(NamedTuple):
    """Convex pieces of the picture with the affine that leads each back to its source.

    Attributes
    ----------
    polygons : (N, K, 2) float64, global canvas coordinates, in painting order
    inverses : (N, 6) float64, rows a b c d e f: u = a gx + (c + b gy), v = d gx + (f + e gy)
    """

    polygons: Array
    inverses: Array


def columns_of_cells(full_width: float, cell_size: float) -> int:
    """Number of vertices in an even row."""
    return max(2, int(full_width / cell_size + 0.5))


@lru_cache(maxsize=64)
def triangle_mesh(width: int, height: int, columns: int) -> tuple[Array, NDArray[np.int64]]:
    """Vertices and triangles over the pixels of an image.

    Parameters
    ----------
    width, height : int
        Size of the image; vertices span [0, width - 1] x [0, height - 1].
    columns : int
        Vertices in an even row, at least 2.

    Returns
    -------
    vertices : (V, 2) float64, level pixels
    triangles : (T, 3) indices of vertices, in painting order
    """
    cell = width / (columns - 1)
    if columns * max(1.0, height / cell) > MOST_CELLS:
        raise SpecError(f"the mesh cells are too small for an image of {width} x {height} pixels")
    rows = max(2, int(height / (2 * math.sqrt(0.75 * cell * cell)) + 0.5) + 1)
    dx, dy = (width - 1) / (columns - 1), (height - 1) / (rows - 1)
    even_x, odd_x = np.arange(columns) * dx, np.arange(1, columns) * dx - dx / 2
    even = [np.column_stack([even_x, np.full(columns, j * dy)]) for j in range(rows)]
    odd = [np.column_stack([odd_x, np.full(columns - 1, j * dy - dy / 2)]) for j in range(1, rows)]
    triangles = np.concatenate([_row_of_triangles(j, columns) for j in range(rows - 1)])
    vertices = np.concatenate(
        [row for pair in zip(even, [*odd, np.empty((0, 2))], strict=True) for row in pair]
    )
    vertices.setflags(write=False)
    return vertices, triangles


def _row_of_triangles(row: int, columns: int) -> NDArray[np.int64]:
    """Triangles between even rows `row` and `row` + 1, in painting order."""
    start = row * (2 * columns - 1)
    above = start + np.arange(columns)
    centre = start + columns - 1 + np.arange(columns)  # entry i is the centre right of vertex i-1
    below = start + 2 * columns - 1 + np.arange(columns)
    last = columns - 1
    upper = [(above[0], above[1], centre[1])]
    for i in range(2, columns):
        upper.append((above[i - 1], above[i], centre[i]))
        upper.append((above[i - 1], centre[i], centre[i - 1]))
    lower = [(above[0], centre[1], below[0])]
    for i in range(1, last):
        lower.append((centre[i], below[i], below[i - 1]))
        lower.append((centre[i], centre[i + 1], below[i]))
    lower.append((below[last - 1], centre[last], below[last]))
    lower.append((centre[last], above[last], below[last]))
    return np.array(upper + lower, dtype=np.int64)


def level_to_full(points: Array, level: int) -> Array:
    """Pixels of level `level` as pixels of level 0."""
    factor = float(1 << level)
    return points * factor + (factor - 1) / 2


def affine_of(transforms: Sequence[object]) -> Array | None:
    """The 3 x 3 matrix of a list of transforms when all of them are affine, else None."""
    total = np.eye(3)
    for transform in transforms:
        matrix = getattr(transform, "M", None)
        if matrix is None or np.shape(matrix) != (3, 3) or tuple(matrix[2]) != (0.0, 0.0, 1.0):
            return None
        total = np.asarray(matrix, dtype=np.float64) @ total
    return total


def quadrilateral_map(matrix: Array, scale: float, level: int, width: int, height: int) -> PixelMap:
    """Pixel map of a tile whose transforms make one affine `matrix` (full pixels -> world)."""
    factor = float(1 << level)
    pyramid = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
    forward = np.diag([scale, scale, 1.0]) @ (matrix @ pyramid)
    right, bottom = float(width - 1), float(height - 1)
    corners = np.array([[0, 0], [right, 0], [right, bottom], [0, bottom]], dtype=np.float64)
    polygon = corners @ forward[:2, :2].T + forward[:2, 2]
    (p, q, tx), (r, s, ty) = forward[0], forward[1]
    determinant = p * s - q * r
    if width < 2 or height < 2 or determinant == 0:
        return PixelMap(np.empty((0, 4, 2)), np.empty((0, 6)))
    a, b, d, e = s / determinant, -q / determinant, -r / determinant, p / determinant
    inverse = np.array([[a, b, -(a * tx + b * ty), d, e, -(d * tx + e * ty)]])
    return _usable(PixelMap(polygon[None], inverse))


def triangle_map(source: Array, target: Array, triangles: NDArray[np.int64]) -> PixelMap:
    """Pixel map of a mesh: the exact affine of each triangle, inverted.

    Parameters
    ----------
    source, target : (V, 2) float64
        Vertices in level pixels and in global canvas coordinates.
    triangles : (T, 3) indices of vertices
    """
    polygons, origins = target[triangles], source[triangles]
    d1, d2 = polygons[:, 1] - polygons[:, 0], polygons[:, 2] - polygons[:, 0]
    e1, e2 = origins[:, 1] - origins[:, 0], origins[:, 2] - origins[:, 0]
    with np.errstate(all="ignore"):  # flat and non-finite triangles are dropped below
        determinant = d1[:, 0] * d2[:, 1] - d2[:, 0] * d1[:, 1]
        along_x = (e1 * d2[:, 1:] - e2 * d1[:, 1:]) / determinant[:, None]
        along_y = (e2 * d1[:, :1] - e1 * d2[:, :1]) / determinant[:, None]
        constant = origins[:, 0] - along_x * polygons[:, 0, :1] - along_y * polygons[:, 0, 1:]
    inverses = np.stack([along_x, along_y, constant], axis=2).reshape(-1, 6)
    return _usable(PixelMap(polygons, inverses))


def _usable(pixel_map: PixelMap) -> PixelMap:
    """Without pieces that are flat or not finite."""
    slopes = pixel_map.inverses[:, [0, 1, 3, 4]]
    with np.errstate(invalid="ignore"):
        good = np.isfinite(pixel_map.inverses).all(axis=1) & (np.abs(slopes) < LARGEST_SLOPE).all(
            axis=1
        )
    good &= np.isfinite(pixel_map.polygons).all(axis=(1, 2))
    if good.all():
        return PixelMap(
            np.ascontiguousarray(pixel_map.polygons), np.ascontiguousarray(pixel_map.inverses)
        )
    return PixelMap(pixel_map.polygons[good], pixel_map.inverses[good])
