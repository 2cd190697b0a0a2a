"""What neighbouring tiles show at the same places: block means along their overlaps.

Tiles are read once, reduced to means of blocks of `block` x `block` pixels. In the overlap of two
tiles a grid of world points, one block apart, is taken to the pixels of both, where the block means
are interpolated. Points outside either image, or where a mask is not white, are left out. What is
kept of an overlap are the spreads of both tiles and the means in some cells of it, so that memory
is small for many tiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from renderapi.transform.slices import TileTransforms
from renderapps.module.derived_images import Source
from renderapps.module.errors import RenderModuleException
from renderapps.module.tile_documents import Json

Floats = NDArray[np.float64]
SIDES = ("minX", "minY", "maxX", "maxY")
MOST_POINTS = 4000
CELLS, CELLS_ACROSS = 48, 12


@dataclass(frozen=True)
class ReducedTile:
    """A tile: where it is, and what it shows.

    Attributes
    ----------
    tile_id : str
    box : (4,)
        minX, minY, maxX, maxY, world pixels.
    size : (width, height) of its pixels at full scale
    means : (rows, columns) float64
        Means of blocks; NaN where the mask is not white.
    step : float
        Side of a block, full-scale pixels of the tile.
    """

    tile_id: str
    box: Floats
    size: tuple[float, float]
    means: Floats
    step: float
    transforms: TileTransforms

    def values(self, world: Floats) -> tuple[Floats, Floats]:
        """Interpolated means at N world points, NaN outside; and the points in pixels, (N, 2)."""
        from scipy.ndimage import map_coordinates

        pixels = self.transforms.backward(world)
        at = (pixels - (self.step - 1) / 2) / self.step
        rows, columns = self.means.shape
        with np.errstate(invalid="ignore"):
            inside = ((at >= 0) & (at <= (columns - 1, rows - 1))).all(axis=1)
        found = np.full(len(world), np.nan)
        where = at[inside][:, ::-1].T
        found[inside] = map_coordinates(self.means, where, order=1, mode="nearest")
        return found, pixels


@dataclass(frozen=True)
class Overlap:
    """Two tiles at the same places.

    Attributes
    ----------
    p, q : int
        Numbers of the tiles.
    spreads : (float, float)
        Distance of the quartiles of what each of them shows.
    p_values, q_values : (N,)
        What they show in N cells of the overlap, means.
    p_places, q_places : (N, 2)
        Where, x and y of each image from -1 to 1.
    across : bool
        Whether the tiles are of two sections, which show different things.
    """

    p: int
    q: int
    spreads: tuple[float, float]
    p_values: Floats
    q_values: Floats
    p_places: Floats
    q_places: Floats
    across: bool = False


def reduced(
    tile: Json, entry: Json, level: int, shared: Mapping[str, Any], block: int
) -> ReducedTile:
    """Read the image of one level of a tile, and its mask, as means of blocks."""
    pixels = Source.image(entry).read()
    if pixels.ndim != 2:
        raise RenderModuleException(f"its image is {pixels.shape}, not a grey one")
    side = max(1, block >> level)
    means = block_means(pixels.astype(np.float64), side)
    if entry.get("maskUrl"):
        mask = Source.mask(entry).read()
        if mask.shape == pixels.shape:
            means[block_means(mask.astype(np.float64), side) < 255] = np.nan
    width = tile.get("width") or pixels.shape[1] << level
    height = tile.get("height") or pixels.shape[0] << level
    return ReducedTile(
        tile["tileId"],
        np.array([tile[key] for key in SIDES], float),
        (float(width), float(height)),
        means,
        float(side << level),
        TileTransforms(tile, shared),
    )


def block_means(values: Floats, side: int) -> Floats:
    """Means of whole blocks of `side` x `side`; what is left at the right and below is left out."""
    rows, columns = (max(1, n // side) for n in values.shape)
    high, wide = min(side, values.shape[0]), min(side, values.shape[1])
    blocks = values[: rows * high, : columns * wide].reshape(rows, high, columns, wide)
    return blocks.mean(axis=(1, 3))


def overlaps(
    tiles: Sequence[ReducedTile],
    others: Sequence[ReducedTile] | None = None,
    first: int = 0,
    first_other: int = 0,
) -> list[Overlap]:
    """The overlaps of the tiles of one section, or of one section with another.

    `first` and `first_other` are the numbers of the first tile of each.
    """
    from shapely import STRtree, box

    across = others is not None
    partners = tiles if others is None else others
    shift = first if others is None else first_other
    if not tiles or not partners:
        return []
    tree = STRtree([box(*tile.box) for tile in partners])
    pairs = tree.query([box(*tile.box) for tile in tiles], predicate="intersects").T.tolist()
    found = []
    for i, j in pairs:
        if across or i < j:
            overlap = _overlap(tiles[i], partners[j], first + i, shift + j, across)
            if overlap is not None:
                found.append(overlap)
    return found


def _overlap(p: ReducedTile, q: ReducedTile, i: int, j: int, across: bool) -> Overlap | None:
    low, high = np.maximum(p.box[:2], q.box[:2]), np.minimum(p.box[2:], q.box[2:])
    if (high <= low).any():
        return None
    step = max(p.step, q.step, float(np.sqrt((high - low).prod() / MOST_POINTS)))
    lines = [
        np.linspace(a, b, max(3, int((b - a) / step) + 1)) for a, b in zip(low, high, strict=True)
    ]
    world = np.stack(np.meshgrid(*lines), axis=-1).reshape(-1, 2)
    p_values, p_pixels = p.values(world)
    q_values, q_pixels = q.values(world)
    both = np.isfinite(p_values) & np.isfinite(q_values)
    if both.sum() < 3:
        return None
    places = [
        2 * pixels[both] / (np.array(tile.size) - 1) - 1
        for tile, pixels in ((p, p_pixels), (q, q_pixels))
    ]
    columns = np.column_stack([p_values[both], q_values[both], *places])
    low_quarter, high_quarter = np.percentile(columns[:, :2], [25, 75], axis=0)
    spreads = (high_quarter - low_quarter).tolist()
    cells = _cell_means(world[both], low, high, columns, CELLS_ACROSS if across else CELLS)
    return Overlap(
        i, j, tuple(spreads), cells[:, 0], cells[:, 1], cells[:, 2:4], cells[:, 4:], across
    )


def _cell_means(world: Floats, low: Floats, high: Floats, columns: Floats, cells: int) -> Floats:
    """Means of columns of numbers over the points in each of about so many cells of a box."""
    side = float(np.sqrt((high - low).prod() / cells))
    shape = np.maximum(1, np.rint((high - low) / side)).astype(int)
    shape = np.minimum(shape, cells)
    at = np.minimum((world - low) / (high - low) * shape, shape - 1).astype(int)
    number = at[:, 1] * shape[0] + at[:, 0]
    counts = np.bincount(number, minlength=shape.prod())
    sums = [np.bincount(number, column, minlength=shape.prod()) for column in columns.T]
    used = counts > 0
    return np.stack([total[used] / counts[used] for total in sums], axis=1)
