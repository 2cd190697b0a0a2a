"""Fields of displacements on grids of other nodes, and without cells that are turned over.

Grids are arrays (rows, columns, 2), x first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from renderapi.matching.block_flow import Grid, interpolated

STEPS = 200
"""Of smoothing where cells are turned over: each widens a jump by about a cell."""

TORN = 0.7
"""What bends does not move the nodes of a cell apart by more than so much of its side."""


def as_fine(x: NDArray, y: NDArray, grid: Grid) -> tuple[NDArray, NDArray]:
    """Nodes (columns,), (rows,) of a grid that lies between the same ends as nodes x, y."""
    rows, columns = grid.shape[:2]
    return np.linspace(x[0], x[-1], columns), np.linspace(y[0], y[-1], rows)


def on_nodes(shift: Grid, rows: int, columns: int) -> Grid:
    """The same field on so many nodes between the same ends; exact on a grid that is finer."""
    if shift.shape[:2] == (rows, columns):
        return shift
    unit = np.linspace(0, 1, columns), np.linspace(0, 1, rows)
    return interpolated(*as_fine(*unit, shift), shift, np.stack(np.meshgrid(*unit), axis=-1))


def turned_over(shift: Grid, stride: float) -> NDArray[np.bool_]:
    """Cells (rows - 1, columns - 1) that a field turns over: its map is not one to one there."""
    along = np.diff(shift, axis=1)[:-1] / stride
    down = np.diff(shift, axis=0)[:, :-1] / stride
    area = (1 + along[..., 0]) * (1 + down[..., 1]) - along[..., 1] * down[..., 0]
    return np.asarray(area <= 0)


def torn_at(x: NDArray, y: NDArray, grid: Grid, points: NDArray) -> NDArray[np.bool_]:
    """Points (N, 2) that lie in cells whose nodes are moved apart by more than `TORN` of a cell."""
    i, j = (
        np.clip(np.floor((points[:, k] - a[0]) / (a[1] - a[0])), 0, len(a) - 2).astype(int)
        for k, a in enumerate((x, y))
    )
    corners = np.array([grid[j + v, i + u] for v in (0, 1) for u in (0, 1)])
    apart = np.hypot(*np.moveaxis(np.ptp(corners, axis=0), -1, 0))
    return np.asarray(apart > TORN * (x[1] - x[0]))


def jumps_between(shift: Grid, factor: int, stride: float, least: float) -> NDArray[np.bool_]:
    """Between which nodes of a grid a field that is `factor` times finer jumps: (rows, columns, 2).

    From each node to the next of its row, and of its column; that of the last is False.

    Parameters
    ----------
    stride : float
        Distance of the finer nodes, in the units of the displacements.
    least : float
        What changes by less in steep cells is no jump.
    """
    found = np.zeros((*((n - 1) // factor + 1 for n in shift.shape[:2]), 2), bool)
    for k, axis in enumerate((1, 0)):
        on = np.take(shift, np.arange(0, shift.shape[1 - axis], factor), axis=1 - axis)
        steps = np.diff(on, axis=axis)
        steep = np.hypot(*np.moveaxis(steps, -1, 0)) > TORN * stride
        starts = np.arange(0, steps.shape[axis], factor)
        apart = np.add.reduceat(np.where(steep[..., None], steps, 0.0), starts, axis=axis)
        part = np.s_[:, :-1, 0] if k == 0 else np.s_[:-1, :, 1]
        found[part] = np.hypot(*np.moveaxis(apart, -1, 0)) > least
    return found


def without_folds(shift: Grid, stride: float) -> Grid:
    """A field whose jumps are as wide as they must be for no cell to be turned over.

    Parameters
    ----------
    stride : float
        Distance of the nodes, in the units of the displacements.
    """
    from scipy.ndimage import binary_dilation, uniform_filter

    result = shift
    near = np.zeros(shift.shape[:2], bool)
    for _ in range(STEPS):
        over = turned_over(result, stride)
        if not over.any():
            break
        near |= binary_dilation(np.pad(over, ((0, 1), (0, 1))), np.ones((3, 3)))
        means = uniform_filter(result, (3, 3, 1), mode="nearest")
        result = np.where(near[..., None], means, result)
    return result
