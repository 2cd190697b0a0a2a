"""Fields of displacements that jump at cracks: on which side of one a place is.

A mesh can only change from one side of a crack to the other over a whole cell. So the nodes of its
cells there are doubled: each side has displacements of its own at them, which are carried on from
its nodes away from the crack (virtual nodes: N. Molino, Z. Bao and R. Fedkiw, "A virtual node
algorithm for changing mesh topology during simulation", 2004). Every place of such a cell, on a
finer grid, goes with the side by whose displacement it fits the neighbours of the section better,
compared in small windows, as layers of moving pictures are told apart (J. Wang and E. Adelson,
"Representing moving images with layers", 1994). Where this does not make the section fit better
than the field without a jump does, or hardly better than it makes it fit the mirrored neighbours,
in which nothing corresponds, that field stays.

Grids are arrays (rows, columns, 2), x first; pictures (rows y, columns x). A place x goes to
x + shift(x), pixels of the common frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from renderapi.matching.block_flow import interpolated
from renderapi.matching.contrast import FloatImage, Mask
from renderapps.alignment.crack_cells import Bools, CrackCell, Floats
from renderapps.alignment.field_grids import on_nodes

SEEN = 0.3
"""Least share of a window that must show something."""
WIDE, MEDIANS = 13, 2
"""Boundaries of sides are straightened by medians of so many nodes of the fine grid, so often."""
BLUR = 0.7
"""Standard deviation, nodes of the fine grid."""
GAIN = 0.01
"""Least gain in correlation by which a field that jumps is better than one that does not."""
CHANCE = 0.1
"""Least correlation besides what the choice between sides reaches in the mirrored neighbours."""


def compare(
    cells: Iterable[CrackCell],
    axes: tuple[Floats, Floats],
    shift: Floats,
    section: tuple[FloatImage, Mask],
    neighbour: tuple[FloatImage, Mask],
    weight: float,
    sigma: float,
    factor: int,
) -> None:
    """Add to the scores of cells how well they fit a neighbour.

    Parameters
    ----------
    axes : (columns,), (rows,) arrays, evenly spaced
        Nodes of the mesh, pixels.
    shift : (rows, columns, 2) array
        Displacements of the section.
    section, neighbour : pictures of mean 0 everywhere, and masks of what counts
        The section as it is drawn, and a neighbour in its place.
    weight : float
        Of the neighbour.
    sigma : float
        Of the windows, pixels.
    factor : int
        A cell has factor + 1 places along each side.
    """
    grey, shown = neighbour[0], neighbour[1].astype(np.float32)
    pictures = [(grey, shown), (grey[:, ::-1].copy(), shown[:, ::-1].copy())]
    for cell in cells:
        cell.add(_correlations(cell, axes, shift, section, pictures, sigma, factor), weight)


def _correlations(
    cell: CrackCell,
    axes: tuple[Floats, Floats],
    shift: Floats,
    section: tuple[FloatImage, Mask],
    neighbours: Sequence[tuple[FloatImage, FloatImage]],
    sigma: float,
    factor: int,
) -> Floats:
    """Correlations (neighbours, sides + 1, n, n) in windows about the places of a cell; NaN: not
    seen. Neighbours are pictures, and how much of each pixel is seen, 0 to 1.
    """
    import cv2

    x, y = axes
    first = np.array([x[cell.column], y[cell.row]])
    spacing = float(x[1] - x[0])
    margin = int(np.ceil(3 * sigma))
    height, width = section[0].shape
    low = np.maximum(0, np.floor(first).astype(int) - margin)
    high = np.minimum((width, height), np.ceil(first + spacing).astype(int) + margin + 1)
    part = np.s_[low[1] : high[1], low[0] : high[0]]
    a, mask = np.where(section[1][part], section[0][part], 0), section[1][part]
    places = np.stack(
        np.meshgrid(*(np.arange(u, v, dtype=float) for u, v in zip(low, high, strict=True))), -1
    )
    axis, sides = np.linspace(0, spacing, factor + 1), high - low
    across, down = (
        _windows(np.clip(np.rint(axis + first[k] - low[k]), 0, sides[k] - 1), sides[k], sigma)
        for k in (0, 1)
    )
    moves = [s.at((places - first) / spacing) for s in cell.sides]
    moves.append(interpolated(x, y, shift, places))
    results = np.empty((len(neighbours), len(moves), len(down), len(across)))
    for move, of_move in zip(moves, np.swapaxes(results, 0, 1), strict=True):
        at = np.moveaxis((places + move).astype(np.float32), -1, 0)
        for (grey, seen), result in zip(neighbours, of_move, strict=True):
            b, shown = (
                np.asarray(cv2.remap(v, at[0], at[1], cv2.INTER_LINEAR), np.float32)
                for v in (grey, seen)
            )
            both = mask & (shown > 0.99)
            result[:] = _windowed(a, b, both, across, down)
    return results


def _windows(middles: Floats, length: int, sigma: float) -> FloatImage:
    """Weights (N, length) of the pixels of a line in Gaussian windows about some of them.

    Windows end at 4 sigma; what is beyond the line is 0 and counts.
    """
    reach = round(4 * sigma)
    whole = np.exp(-((np.arange(-reach, reach + 1) / sigma) ** 2) / 2).sum()
    away = np.arange(length) - middles[:, None]
    weights = np.exp(-((away / sigma) ** 2) / 2) / whole
    return np.where(np.abs(away) <= reach, weights, 0).astype(np.float32)


def _windowed(
    a: FloatImage, b: FloatImage, both: Mask, across: FloatImage, down: FloatImage
) -> Floats:
    """Correlations (rows, columns) of two pictures in windows (see `_windows`); NaN: not seen."""
    counted = both.astype(np.float32)
    a, b = a * counted, b * counted
    share, aa, bb, ab = down @ np.stack([counted, a * a, b * b, a * b]) @ across.T
    power = np.maximum(aa * bb, 0)
    found = ab / np.sqrt(np.maximum(power, 1e-12))
    return np.where(share >= SEEN, found, np.nan)


def sharpened(shift: Floats, cells: list[CrackCell], factor: int) -> Floats | None:
    """The field, finer by `factor`, that jumps at cracks; None where that is no better anywhere.

    Cells are judged together with those beside them.
    """
    from scipy.ndimage import uniform_filter

    rows, columns = shift.shape[:2]
    fits, there = np.zeros((rows - 1, columns - 1, 3)), np.zeros((rows - 1, columns - 1, 1))
    for cell in cells:
        fits[cell.row, cell.column], there[cell.row, cell.column] = cell.fits(), 1
    fits, there = (uniform_filter(v, (3, 3, 1), mode="constant") for v in (fits, there))
    sides, chance, before = np.moveaxis(fits / np.maximum(there, 1e-9), -1, 0)
    good = (sides > before + GAIN) & (sides > chance + CHANCE)
    better = [cell for cell in cells if good[cell.row, cell.column]]
    if not better:
        return None
    fine = on_nodes(shift, factor * (rows - 1) + 1, factor * (columns - 1) + 1)
    at = np.zeros(fine.shape[:2], bool)
    for cell in better:
        part = np.s_[factor * cell.row :, factor * cell.column :]
        fine[part][: factor + 1, : factor + 1] = cell.displacements()
        at[part][: factor + 1, : factor + 1] = True
    return _straightened(fine, at)


def _straightened(fine: Floats, at: Bools) -> Floats:
    """A field, changed where `at` is set, whose jumps have no notches, which would turn cells over.

    Medians make a boundary as straight as what it bounds is wide; a little blur makes its slope
    independent of the grid.
    """
    from scipy.ndimage import gaussian_filter, median_filter

    box = tuple(slice(max(0, n.min() - WIDE), n.max() + WIDE + 1) for n in np.nonzero(at))
    part, inside = fine[box], at[box][..., None]
    for _ in range(MEDIANS):
        medians = [median_filter(part[..., k], WIDE, mode="nearest") for k in (0, 1)]
        part = np.where(inside, np.stack(medians, axis=-1), part)
    result = fine.copy()
    blurred = gaussian_filter(part, (BLUR, BLUR, 0), mode="nearest")
    result[box] = np.where(inside, blurred, part)
    return result
